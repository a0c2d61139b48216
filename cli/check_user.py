"""`duologue check-user`: what can be measured of a persona, without a bot and without storage."""

import asyncio
import json
from argparse import Namespace
from typing import Any

from core.settings import Settings


def check_user(options: Namespace, settings: Settings) -> int:
    measured = asyncio.run(_check(options, settings))
    if options.json or options.format == "json":
        print(json.dumps(measured, ensure_ascii=False))
    elif options.format:
        from reports.persona import render_persona

        print(render_persona(measured, options.format))
    else:
        print("\n".join(_list_lines(measured)))
    return 0


async def _check(options: Namespace, settings: Settings) -> dict[str, Any]:
    from evaluation.user_check import check_persona
    from nodes.speakers.registry import Speakers

    speakers = Speakers(settings)
    try:
        return await check_persona(
            speakers, options.persona, options.user, talks=options.talks, turns=options.turns
        )
    finally:
        await speakers.close()


def _list_lines(measured: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in measured.items():
        label = name.replace("_", " ")
        if name == "not_measured":
            lines.append(str(value))
        elif isinstance(value, dict) and value:
            lines.append(f"{label}:")
            lines += [f"  {key}: {_show(item)}" for key, item in value.items()]
        else:
            lines.append(f"{label}: {_show(value)}")
    return lines


def _show(value: Any) -> str:
    if isinstance(value, dict) and value:
        return ", ".join(f"{key.replace('_', ' ')} {_show(item)}" for key, item in value.items())
    if value is None or value in ({}, []):
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
