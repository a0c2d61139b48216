"""Follows a conversation to its end, whatever breaks on the way.

    python examples/follow.py ID [--server http://127.0.0.1:25050]
    python examples/follow.py 'http://127.0.0.1:25050/api/conversations/ID/events?client_id=lan'

Lost connections and killed servers are waited for; the stream is taken up behind the last id that
came. On a terminal the text comes as it is said. A pipe or a file gets whole lines only, so that
what is in it is the transcript and nothing else. All else goes to stderr.

Ends with 0 when the conversation has ended, 1 when it was interrupted (it can be resumed), 2 when
the server refuses, 3 when nothing came for --patience seconds. A server with API keys wants one in
the environment: DUOLOGUE_API_KEY. Needs httpx and httpx-sse.
"""

import argparse
import json
import os
import sys
import time

import httpx
from httpx_sse import SSEError, connect_sse

NAMES = {"user": "User", "assistant": "Bot"}
SILENCE_S = 45  # heartbeats come at least every 15 s: after three of them the line is dead
TOLD = ("retrying", "waiting", "stopping", "diverged")


class Screen:
    """Where the lines go. What is void was said in vain: the line begins anew."""

    def __init__(self, live: bool) -> None:
        self.live = live
        self.said = ""

    def token(self, data: dict) -> None:
        if self.live:
            self.write(("" if self.said else f"{NAMES[data['role']]}: ") + data["content"])
        self.said += data["content"]

    def void(self, data: dict) -> None:
        if self.said and self.live:
            self.write(" ✗\n")
        self.said = ""

    def message(self, data: dict) -> None:
        # `said` is the text already; only a line that came without tokens is not in it.
        text = self.said or data["text"]
        self.write("\n" if self.live and self.said else f"{NAMES[data['role']]}: {text}\n")
        self.said = ""

    def write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


class Follower:
    def __init__(self, url: str, patience_s: float) -> None:
        self.url = url
        self.patience_s = patience_s
        self.last_id = ""
        self.heard = time.monotonic()
        self.screen = Screen(sys.stdout.isatty())

    def follow(self) -> int:
        """Connects again and again, until there is an end. Gives the exit code."""
        wait_s = 0.2
        with httpx.Client(timeout=httpx.Timeout(10, read=SILENCE_S)) as client:
            while time.monotonic() - self.heard < self.patience_s:
                before = self.heard
                try:
                    code = self.connection(client)
                    if code is not None:
                        return code
                    why = "the server ended the stream"
                except (httpx.TransportError, SSEError) as error:
                    why = str(error) or type(error).__name__
                wait_s = 0.2 if self.heard > before else min(wait_s * 2, 5)
                note(f"{why}; again in {wait_s:g} s")
                time.sleep(wait_s)
        note(f"nothing came for {self.patience_s:g} s")
        return 3

    def connection(self, client: httpx.Client) -> int | None:
        """One connection, from behind the last id on; None where it broke before the end."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        if key := os.environ.get("DUOLOGUE_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        with connect_sse(client, "GET", self.url, headers=headers) as source:
            answer = source.response
            if answer.status_code == 204:
                return 0  # all was told before
            if 400 <= answer.status_code < 500:
                note(f"refused with {answer.status_code}: {answer.read().decode()}")
                return 2
            for event in source.iter_sse():
                self.heard = time.monotonic()
                if not event.data:
                    continue  # a heartbeat
                code = self.event(event.event, json.loads(event.data))
                self.last_id = event.id
                if code is not None:
                    return code
        return None

    def event(self, name: str, data: dict) -> int | None:
        if name == "token":
            self.screen.token(data)
        elif name in ("reset", "discarded"):
            self.screen.void(data)
        elif name == "message":
            self.screen.message(data)
        elif name == "status" and data["status"] in TOLD:
            note(data["message"])
        elif name == "error":
            note(f"{data['error']} ({data['code']})")
        elif name == "done":
            return self.done(data)
        return None

    def done(self, data: dict) -> int | None:
        if data["end_reason"] == "server_stopped":
            return None  # it goes on when the server is back
        note(f"{data['status']}: {data['end_reason']}, {data['turns']} turns")
        return 1 if data["status"] == "interrupted" else 0


def note(text: str) -> None:
    sys.stderr.write(f"[{text}]\n")
    sys.stderr.flush()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", metavar="URL_OR_ID", help="an events URL, or a conversation's id")
    parser.add_argument("--server", default="http://127.0.0.1:25050", help="where the ID is known")
    parser.add_argument("--patience", type=float, default=600, metavar="S", help="seconds (600)")
    given = parser.parse_args()
    url = given.what
    if "://" not in url:
        url = f"{given.server.rstrip('/')}/api/conversations/{url}/events"
    return Follower(url, given.patience).follow()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
