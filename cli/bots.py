"""`duologue bots` and `duologue ping`: who can be put under test, and whether they are there."""

import asyncio
import sys
from argparse import Namespace
from time import monotonic

from cli.plain import format_json, use_utf8
from core.errors import Invalid
from core.settings import Settings
from nodes.bots.config import BotConfig, missing_secrets, read_bots


def list_bots(options: Namespace, settings: Settings) -> int:
    rows = [bot_columns(id, bot) for id, bot in read_bots(settings.bots).items()]
    out = use_utf8(sys.stdout)
    if options.json:
        print(format_json([dict(zip(COLUMNS, row, strict=True)) for row in rows]))
    elif out.isatty():
        from cli.tables import print_bots

        print_bots(rows)
    else:
        out.writelines("\t".join(row) + "\n" for row in rows)
    return 0


COLUMNS = ("bot_id", "kind", "name", "where", "needs", "version", "memory", "side_effects")


def bot_columns(id: str, bot: BotConfig) -> list[str]:
    """Id, kind, name, where it is, the environment variables that it lacks; its release, who knows
    the talk so far, and whether calls cause something elsewhere."""
    effects = "yes" if bot.has_side_effects else "no"
    known = [id, bot.kind, bot.name or "", _find_address(bot), ", ".join(missing_secrets(bot))]
    return [*known, bot.version or "", bot.memory or bot.usual_memory or "unknown", effects]


def _find_address(bot: BotConfig) -> str:
    """Its address as it stands in the file, where a secret is only named; no query."""
    turn = getattr(bot, "turn", None)
    url = getattr(bot, "base_url", None) or getattr(bot, "url", None) or (turn and turn.url)
    return str(url or "").split("?")[0]


def ping_bot(options: Namespace, settings: Settings) -> int:
    began = monotonic()
    found = asyncio.run(_ping(options.bot, settings))
    print(f"{found} ({(monotonic() - began) * 1000:.0f} ms)")
    return 0


async def _ping(bot_id: int | str, settings: Settings) -> str:
    from graph.process import open_process
    from nodes.speakers.readiness import missing_requirement

    async with open_process(settings) as runs:
        if reason := missing_requirement(runs.speakers, str(bot_id)):
            raise Invalid(reason)
        return await runs.speakers.by_id(str(bot_id)).ping()
