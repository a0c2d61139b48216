"""`duologue show` and `duologue list`: what is stored, without driving anything."""

import asyncio
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from cli.output import SPEAKERS, format_error
from cli.plain import format_json, use_utf8
from cli.rows import bot_label, format_remark, row_columns
from core.errors import NotFound
from core.message import Message
from core.parts import read_out
from core.settings import Settings
from core.text import show_controls, show_message
from graph.presentation import describe_conversation, summarize
from graph.process import open_runs
from graph.runs.service import RunService
from graph.storage.conversation import Conversation
from graph.storage.opening import database_exists, open_storage
from nodes.speakers.registry import Speakers


@asynccontextmanager
async def open_stored(settings: Settings) -> AsyncIterator[RunService]:
    """The conversations on disk; what dead processes left `running` is set right first."""
    async with open_storage(settings.database_url) as storage:
        speakers = Speakers(settings)
        try:
            async with open_runs(settings, storage, speakers) as runs:
                await runs.recover()
                yield runs
        finally:
            await speakers.close()


def show(options: Namespace, settings: Settings) -> int:
    row, messages, children = asyncio.run(_load_conversation(options.id, settings))
    out = use_utf8(sys.stdout)
    if options.json:
        print(format_json(describe_conversation(row, messages, children), indent=2))
    elif out.isatty():
        from cli.tables import print_transcript

        print_transcript(list(format_facts(row)), messages)
    else:
        out.writelines(f"{line}\n" for line in format_transcript(row, messages))
    return 0


async def _load_conversation(
    id: str, settings: Settings
) -> tuple[Conversation, Sequence[Message], Sequence[str]]:
    if not database_exists(settings.database_url):
        raise NotFound(f"there is no conversation with that id, and no {settings.database_url}")
    async with open_stored(settings) as runs:
        catalogue = runs.storage.catalogue
        row = runs.with_live_status(await catalogue.get(id))  # it is no newer than the messages
        return row, await runs.messages(id), await catalogue.list_children(id)


def format_facts(row: Conversation) -> Iterator[str]:
    """What there is to say of a conversation but its lines."""
    yield f"Conversation {row.id}"
    reason = f" ({row.end_reason})" if row.end_reason else ""
    yield f"Status: {row.status.value}{reason}, turn {row.turn} of {row.max_turns}"
    persona = f", persona {row.persona}" if row.persona else ""
    yield f"Speakers: bot {bot_label(row)}, {row.seat} user{persona}"
    yield f"Begun {row.created_at}, changed {row.updated_at}"
    if row.parent_id:
        yield f"Forked from {row.parent_id} at message {row.forked_at}"
    if row.error:
        yield format_error(row.error)


def format_transcript(row: Conversation, messages: Sequence[Message]) -> Iterator[str]:
    """The conversation as lines of text; those that were said stand as `duologue run` has them."""
    yield from format_facts(row)
    yield ""
    for line in messages:
        yield f"{SPEAKERS[line['role']]}: {show_message(read_out(line))}"
        yield f"    {format_remark(line)}"


def show_list(options: Namespace, settings: Settings) -> int:
    rows = asyncio.run(_load_page(options, settings))
    out = use_utf8(sys.stdout)
    if options.json:
        print(format_json([summarize(row) for row in rows], indent=2))
    elif out.isatty():
        from cli.tables import print_list

        print_list(rows)
    else:
        out.writelines(show_controls("\t".join(row_columns(row))) + "\n" for row in rows)
    return 0


async def _load_page(options: Namespace, settings: Settings) -> list[Conversation]:
    if not database_exists(settings.database_url):
        return []
    async with open_stored(settings) as runs:
        rows, _more = await runs.storage.catalogue.list_page(
            options.limit,
            None,
            status=options.status,
            bot_id=options.bot,
            experiment_id=options.experiment or "",
        )
        return [runs.with_live_status(row) for row in rows]
