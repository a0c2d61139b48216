"""Says something to a bot over the small chat API and prints each piece with the time it came.

    python examples/check_stream.py ["xin chào"] [--bot 16] [--server http://127.0.0.1:25050]

Bot 16 is the demo bot, which answers in one piece. To see a model stream, put one into bots.yaml,
say Ollama's, start the server anew and ask with --bot llama:

    bots:
      llama:
        kind: openai
        base_url: http://127.0.0.1:11434/v1
        model: llama3.2

Ends with 0 when the reply is complete and its pieces are the reply, else with 1. Needs httpx.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator

import httpx


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("message", nargs="?", default="xin chào")
    parser.add_argument("--bot", default="16", help="its id in bots.yaml (16, the demo bot)")
    parser.add_argument("--server", default="http://127.0.0.1:25050")
    given = parser.parse_args()
    key = os.environ.get("DUOLOGUE_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=given.server, headers=headers, timeout=120) as client:
        return check(client, given.bot, given.message)


def check(client: httpx.Client, bot: str, message: str) -> int:
    opened = client.post("/session", json={"bot_id": int(bot) if bot.isdecimal() else bot})
    if opened.status_code != 201:
        return refused(opened)
    body = {"session_id": opened.json()["session_id"], "message": message}
    began, pieces, replies = time.monotonic(), [], []
    with client.stream("POST", "/chat/stream", json=body) as answer:
        if answer.status_code != 200:
            return refused(answer)
        for event, data in read_events(answer.iter_text()):
            ms = (time.monotonic() - began) * 1000
            show(f"{ms:8.0f} ms  {event:<9}  {told(event, data)}")
            if event == "token":
                pieces.append(data["content"])
            elif event in ("reset", "discarded"):
                pieces.clear()
            elif event == "message" and data["role"] == "assistant":
                replies.append(data["text"])
    whole = bool(replies) and "".join(pieces) == "".join(replies)
    verdict = "the whole reply" if whole else "NOT the whole reply"
    show(f"{len(pieces)} pieces with {sum(map(len, pieces))} characters: {verdict}")
    return 0 if whole else 1


def read_events(pieces: Iterable[str]) -> Iterator[tuple[str, dict]]:
    """Event and data of each frame; Duologue writes each on one line, comments are heartbeats."""
    event = ""
    for line in split_lines(pieces):
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield event, json.loads(value)


def split_lines(pieces: Iterable[str]) -> Iterator[str]:
    """The lines of a stream; its text may hold what Python would take for other line breaks."""
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + piece).split("\n")
        yield from whole


def told(event: str, data: dict) -> str:
    """What of an event is worth a line."""
    if event == "token":
        return json.dumps(data["content"], ensure_ascii=False)
    if event == "message":
        return f"{data['role']}: {len(data['text'])} characters"
    worth = ("status", "message", "error", "why")
    return " ".join(str(data[name]) for name in worth if name in data)


def refused(answer: httpx.Response) -> int:
    show(f"refused with {answer.status_code}: {answer.read().decode()}")
    return 1


def show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
