"""Rooms: a conversation is read once, however many tabs of this process show it."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ui.api_client import Api, ApiConnection, ApiError, Unreachable
from ui.event_parser import StreamEvent
from ui.transcript import TranscriptView

Bell = asyncio.Event
PAUSES = (0.3, 0.6, 1.0, 2.0)
LOOK_AGAIN_S = 3.0  # where it has ended: somebody may let it go on; longer and longer, up to
SELDOM_S = 15.0
REFUSALS = {401: "key", 403: "forbidden", 404: "missing", 422: "missing"}
ENDED = {"completed", "stopped"}


class ConversationFeed:
    """One conversation as this process knows it; reads as long as somebody looks."""

    def __init__(self, api: Api, id: str) -> None:
        self.api, self.id = api, id
        self.transcript = TranscriptView()
        self.detail: Mapping[str, Any] = {}
        self.setup: Mapping[str, Any] = {}
        self.trial: Mapping[str, Any] = {}
        self.link = "opening"
        self.version = 0
        self.render_cache: dict[str, Any] = {}  # what renderers keep: it dies with the feed
        self._last_id = ""
        self._failed = 0
        self._idle = 0
        self._bells: list[Bell] = []
        self._look = asyncio.Event()
        self._task: asyncio.Future[None] | None = None

    # --- who looks ------------------------------------------------------------------------

    def enter(self, bell: Bell) -> None:
        self._bells.append(bell)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._read())

    def leave(self, bell: Bell) -> None:
        self._bells.remove(bell)
        if not self._bells:
            self.close()

    def close(self) -> None:
        """Reads no more, whoever looks."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @property
    def empty(self) -> bool:
        return not self._bells

    def read_now(self) -> None:
        """Something was just asked of the server: read at once, without the pause."""
        self._idle = 0
        self._look.set()

    @property
    def seat(self) -> str:
        return self.transcript.seat or str(self.detail.get("seat") or "")

    # --- reading --------------------------------------------------------------------------

    def _notify(self) -> None:
        self.version += 1
        for bell in self._bells:
            bell.set()

    async def _read(self) -> None:
        while True:
            self._look.clear()
            try:
                await self._read_once()
                self._failed = 0
                pause = self._pause()
            except ApiError as refusal:
                self._set_link(REFUSALS.get(refusal.status, "down"))
                pause = LOOK_AGAIN_S
            except Unreachable:
                self._failed += 1
                self._set_link("lost" if self._failed < 4 else "down")
                pause = PAUSES[min(self._failed, len(PAUSES)) - 1]
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), pause)

    def _pause(self) -> float:
        if self.transcript.status not in ENDED:
            return PAUSES[0]
        self._idle += 1
        return min(LOOK_AGAIN_S * self._idle, SELDOM_S)

    async def _read_once(self) -> None:
        """One stream from where the last one ended; the facts around it when they may change."""
        await self.refresh()
        async for event in self.api.events(self.id, self._last_id):
            self._failed = 0
            self._apply(event)
            if event.name == "done" or event.data.get("status") in ("changed", "waiting"):
                await self.refresh()

    def _apply(self, event: StreamEvent) -> None:
        self.transcript.apply(event.name, event.data)
        self._last_id = event.id or self._last_id
        self.link = "live"
        self._idle = 0
        self._notify()

    async def refresh(self) -> None:
        """Reads who talks to whom, and how it stands."""
        detail = await self.api.get(f"/api/conversations/{self.id}")
        history = detail.pop("history", [])
        changed = await self._read_findings() or detail != self.detail
        self.detail = detail
        self.transcript.seat = detail.get("seat") or self.transcript.seat
        if self.transcript.status == "opening" and not history:
            self.transcript.status = str(detail.get("status") or "opening")
        self.transcript.max_turns = int(detail.get("max_turns") or 0)
        if changed or self.link != "live":
            self._set_link("live")

    async def _read_findings(self) -> bool:
        """What it was started with, once; what was found of it where it is a trial. True if new."""
        path, before = f"/api/conversations/{self.id}", (self.setup, self.trial)
        if not self.setup:
            self.setup = await self._get_if_there(f"{path}/setup")
        if self.setup.get("experiment"):
            self.trial = await self._get_if_there(f"{path}/trial")
        return before != (self.setup, self.trial)

    async def _get_if_there(self, path: str) -> Mapping[str, Any]:
        """Empty where an older API has no such route: the conversation itself is there."""
        try:
            return await self.api.get(path)
        except ApiError as refusal:
            if refusal.status == 404:
                return {}
            raise

    def _set_link(self, link: str) -> None:
        self.link = link
        self._notify()


class Feeds:
    """The feeds of this process. Who offers another key or client is in another feed."""

    def __init__(self, connection: ApiConnection) -> None:
        self.connection = connection
        self._feeds: dict[tuple[str, str, str], ConversationFeed] = {}

    def get(self, api: Api, id: str) -> ConversationFeed:
        """The conversation's feed; feeds that everybody has left are forgotten."""
        for place in [place for place, feed in self._feeds.items() if feed.empty]:
            del self._feeds[place]
        return self._feeds.setdefault((api.key, api.client, id), ConversationFeed(api, id))

    def close(self) -> None:
        for feed in self._feeds.values():
            feed.close()
