"""`duologue show` and `duologue list`: what is stored, without driving anything."""

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from api.present import detail, listed
from cli.plain import utf8
from cli.rows import bot_of, columns, remark
from cli.telling import SPEAKERS, error_line
from core.errors import NotFound
from core.settings import Settings
from core.state import Message
from graph.process import open_runs
from graph.runs.service import RunService
from graph.storage.conversation import Conversation
from graph.storage.opening import open_storage, sqlite_path
from nodes.speakers.registry import Speakers


@asynccontextmanager
async def stored(settings: Settings) -> AsyncIterator[RunService]:
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
    row, messages, children = asyncio.run(_found(options.id, settings))
    out = utf8(sys.stdout)
    if options.json:
        print(json.dumps(detail(row, messages, children), ensure_ascii=False, indent=2))
    elif out.isatty():
        from cli.tables import print_transcript

        print_transcript(list(facts(row)), messages)
    else:
        out.writelines(f"{line}\n" for line in transcript(row, messages))
    return 0


async def _found(
    id: str, settings: Settings
) -> tuple[Conversation, Sequence[Message], Sequence[str]]:
    if not sqlite_path(settings.database_url).exists():
        raise NotFound(f"there is no conversation with that id, and no {settings.database_url}")
    async with stored(settings) as runs:
        catalogue = runs.storage.catalogue
        messages = await runs.messages(id)
        return (
            runs.with_live_status(await catalogue.get(id)),
            messages,
            await catalogue.list_children(id),
        )


def facts(row: Conversation) -> Iterator[str]:
    """What there is to say of a conversation but its lines."""
    yield f"Conversation {row.id}"
    reason = f" ({row.end_reason})" if row.end_reason else ""
    yield f"Status: {row.status.value}{reason}, turn {row.turn} of {row.max_turns}"
    persona = f", persona {row.persona}" if row.persona else ""
    yield f"Speakers: bot {bot_of(row)}, {row.seat} user{persona}"
    yield f"Begun {row.created_at}, changed {row.updated_at}"
    if row.parent_id:
        yield f"Forked from {row.parent_id} at message {row.forked_at}"
    if row.error:
        yield error_line(row.error)


def transcript(row: Conversation, messages: Sequence[Message]) -> Iterator[str]:
    """The conversation as lines of text; those that were said stand as `duologue run` has them."""
    yield from facts(row)
    yield ""
    for line in messages:
        yield f"{SPEAKERS[line['role']]}: {line['content']}"
        yield f"    {remark(line)}"


def show_list(options: Namespace, settings: Settings) -> int:
    rows = asyncio.run(_page(options, settings))
    out = utf8(sys.stdout)
    if options.json:
        print(json.dumps([listed(row) for row in rows], ensure_ascii=False, indent=2))
    elif out.isatty():
        from cli.tables import print_list

        print_list(rows)
    else:
        out.writelines("\t".join(columns(row)) + "\n" for row in rows)
    return 0


async def _page(options: Namespace, settings: Settings) -> list[Conversation]:
    if not sqlite_path(settings.database_url).exists():
        return []
    async with stored(settings) as runs:
        rows, _more = await runs.storage.catalogue.list_page(
            options.limit,
            None,
            status=options.status,
            bot_id=options.bot,
            experiment_id=options.experiment or "",
        )
        return [runs.with_live_status(row) for row in rows]
