"""Holds a conversation by functions that stand in a generated client; `converse.py FOLDER URL`."""

import asyncio
import sys
from importlib import import_module
from typing import Any

PACKAGE = "generated_duologue"


async def converse(url: str) -> None:
    """Makes, runs, follows, shows, forks, lists and deletes."""
    client = import_module(PACKAGE).Client(base_url=url)
    models = import_module(f"{PACKAGE}.models")

    async def call(name: str, *given: Any, **named: Any) -> Any:
        function = import_module(f"{PACKAGE}.api.{name}").asyncio
        return await function(*given, client=client, **named)

    async with client:
        body = models.CreateConversation(bot_id=16, max_turns=2)
        id = (await call("conversations.create_conversation", body=body)).conversation_id
        accepted = await call("runs.start_run", id, prefer="respond-async")
        assert accepted.status == "running"
        assert "event: done" in await call("runs.follow_events", id)
        shown = await call("conversations.get_conversation", id)
        assert (shown.status, shown.turn, len(shown.history)) == ("completed", 2, 4)
        assert [line.role for line in shown.history] == ["user", "assistant"] * 2
        fork = models.ForkRequest(index=1, max_turns=2)
        forked = await call("conversations.fork_conversation", id, body=fork)
        assert forked.parent_id == id
        listed = await call("conversations.list_conversations")
        ids = {row.conversation_id for row in listed.conversations}
        assert ids == {id, forked.conversation_id}
        await call("conversations.delete_conversation", id)
        refused = await call("conversations.get_conversation", id)
        assert isinstance(refused, models.Problem)
        assert refused.type_ == "urn:duologue:not-found"


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    asyncio.run(converse(sys.argv[2]))
