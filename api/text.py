"""The conversation as text lines, each sent when it is said."""

from collections.abc import AsyncIterator

from graph.stream.follower import Follower
from graph.stream.live import Frame

SPEAKERS = {"user": "User", "assistant": "Bot"}


async def stream_text(follower: Follower, resume: str) -> AsyncIterator[bytes]:
    """`User: …` and `Bot: …`; where something failed, an `Error: …` line behind all of them."""
    async for frame in follower.frames():
        line = format_line(frame, resume)
        if line:
            yield f"{line}\n".encode()


def format_line(frame: Frame, resume: str) -> str | None:
    """The line of one event; `resume` is where the conversation can be taken up."""
    data = frame.data
    if frame.event == "message":
        return f"{SPEAKERS[data['role']]}: {data['text']}"
    if frame.event == "error":
        why = " ".join(str(data["error"]).split())  # a bot's own words may have line breaks
        return f"Error: {why} ({data['code']}); resume with POST {resume}"
    if frame.event == "done" and data["end_reason"] in ("server_stopped", "stopped"):
        return f"Stopped: {data['end_reason']}; resume with POST {resume}"
    return None
