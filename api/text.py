"""The conversation as text lines, each sent when it is said."""

from collections.abc import AsyncIterator

from core.parts import read_out
from core.text import show_controls, show_in_one_line, show_message
from graph.stream.follower import Follower
from graph.stream.live import Frame

SPEAKERS = {"user": "User", "assistant": "Bot"}


async def stream_text(
    follower: Follower, resume: str, *, resumes_by_itself: bool = False
) -> AsyncIterator[bytes]:
    """`User: …` and `Bot: …`; where something failed, an `Error: …` line after all of them."""
    async for frame in follower.frames():
        line = format_line(frame, resume, resumes_by_itself=resumes_by_itself)
        if line:
            yield f"{line}\n".encode()


def format_line(frame: Frame, resume: str, *, resumes_by_itself: bool = False) -> str | None:
    """The line of one event; `resume` is where the conversation can be taken up."""
    data = frame.data
    if frame.event == "message":
        return f"{SPEAKERS[data['role']]}: {show_message(read_out(data))}"
    if frame.event == "error":
        why = show_in_one_line(str(data["error"]))  # a bot's own words
        return f"Error: {why} ({data['code']}); resume with POST {resume}"
    if frame.event == "done" and data["end_reason"] == "server_stopped" and resumes_by_itself:
        return "Stopped: server_stopped; it goes on by itself when the server starts again"
    if frame.event == "done" and data["end_reason"] in ("server_stopped", "stopped"):
        return f"Stopped: {data['end_reason']}; resume with POST {resume}"
    return None


async def stream_reply(follower: Follower) -> AsyncIterator[bytes]:
    """The bot's reply piece by piece, and nothing else; a line `Error: …` where it failed.

    What was sent before a failure cannot be taken back: a line said anew begins after a blank line.
    """
    sent = False
    async for frame in follower.frames():
        if frame.event == "token" and frame.data["role"] == "assistant":
            sent = True
            yield show_controls(frame.data["content"]).encode()
        elif frame.event == "reset" and sent:
            yield b"\n\n"
        elif frame.event == "error":
            why = show_in_one_line(str(frame.data["error"]))
            yield f"{chr(10) if sent else ''}Error: {why} ({frame.data['code']})".encode()
