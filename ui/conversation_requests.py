"""What the page of one conversation asks of the server: steer it, speak in it, branch off."""

from collections.abc import Mapping
from typing import Any

from core.parts import read_out
from ui.api_client import Api, ApiError
from ui.conversation_feed import ConversationFeed
from ui.tab_session import TabSession

MORE_TURNS = 5
RESTING = {"created", "stopped"}


def conversation_path(feed: ConversationFeed, verb: str = "") -> str:
    return f"/api/conversations/{feed.id}{verb}"


async def stop(api: Api, feed: ConversationFeed) -> None:
    await api.post(conversation_path(feed, "/stop"))


async def resume(api: Api, feed: ConversationFeed) -> None:
    await api.begin(conversation_path(feed, "/resume"))


async def start_run(api: Api, feed: ConversationFeed) -> None:
    await api.begin(conversation_path(feed, "/runs"))


async def run_more_turns(api: Api, feed: ConversationFeed) -> None:
    await api.begin(conversation_path(feed, "/runs"), {"turns": MORE_TURNS})


async def take_seat(api: Api, feed: ConversationFeed) -> None:
    """The reader has the user's seat; what was stopped goes on up to where it is their turn."""
    await api.patch(conversation_path(feed), {"seat": "human"})
    if feed.transcript.status in RESTING:
        await resume(api, feed)


async def hand_back(api: Api, feed: ConversationFeed, seat: str) -> None:
    """The simulator has the seat again and goes on, unless a run is under way that will."""
    await api.patch(conversation_path(feed), {"seat": seat or "simulated"})
    try:
        await start_run(api, feed)
    except ApiError as refusal:
        if refusal.status != 409:
            raise


async def speak(api: Api, feed: ConversationFeed, text: str) -> bool:
    await api.begin(conversation_path(feed, "/messages"), {"content": text})
    return True


async def suggest_line(api: Api, feed: ConversationFeed) -> str:
    """What the simulator would say here."""
    history = [
        {"role": line.role, "content": read_out({"text": line.text, "parts": line.parts})}
        for line in feed.transcript.bubbles
        if line.settled
    ]
    asked = {"history": history, "persona": feed.detail.get("persona")}
    asked["user_prompt"] = feed.detail.get("user_prompt")
    known = {name: value for name, value in asked.items() if value is not None}
    return str((await api.post("/api/generate-user-response", known)).get("content", ""))


async def create_branch(tab: TabSession, index: int, changes: Mapping[str, Any]) -> None:
    """Forks behind message `index`, starts the copy and shows it."""
    feed = tab.feed
    if feed is None:
        return
    body = {"index": index, **changes}
    made = await tab.attempt(lambda api: api.post(conversation_path(feed, "/forks"), body))
    if made is None:
        return
    id = str(made["conversation_id"])
    await tab.attempt(lambda api: api.begin(f"/api/conversations/{id}/runs"))
    notice = tab.notice, tab.notice_detail
    tab.move_to(id, tuple(str(text) for text in made.get("warnings", [])))
    tab.notify(*notice)


def index_before(feed: ConversationFeed, index: int) -> int:
    """The last message to keep so that message `index` is said anew."""
    lines = feed.transcript.bubbles
    if 0 <= index < len(lines) and lines[index].role == "user":
        return index - 1
    while index > 0 and lines[index - 1].role != "user":
        index -= 1
    return index - 1
