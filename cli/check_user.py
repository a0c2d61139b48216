"""`duologue check-user`: what can be measured of a persona, without a bot and without storage."""

import asyncio
import json
from argparse import Namespace
from typing import Any

from core.errors import Invalid
from core.settings import Settings


def check_user(options: Namespace, settings: Settings) -> int:
    measured = asyncio.run(_check(options, settings))
    if options.json:
        print(json.dumps(measured, ensure_ascii=False))
    else:
        print("\n".join(_list_lines(measured)))
    return 0


async def _check(options: Namespace, settings: Settings) -> dict[str, Any]:
    from evaluation.user_check import measure, play, read_canned_bots
    from nodes.speakers.registry import Speakers

    speakers = Speakers(settings)
    try:
        persona = speakers.personas.get(options.persona)
        if persona is None:
            known = ", ".join(sorted(speakers.personas))
            raise Invalid(f"there is no persona {options.persona!r}; there are {known}", "persona")
        seat = options.user or speakers.default_seat
        talks = [
            await play(speakers, options.persona, seat, bot, turns=options.turns, number=number)
            for bot in read_canned_bots()
            for number in range(options.talks)
        ]
    finally:
        await speakers.close()
    return {"persona": options.persona, "played_by": seat, **measure(persona, talks)}


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
