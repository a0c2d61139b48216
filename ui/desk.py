"""A desk: what one browser tab has in front of it. No Gradio here."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import count
from typing import Any
from urllib.parse import quote

from ui import render
from ui.client import Api, ApiError, Unreachable
from ui.exchange import differs_at
from ui.room import Hub, Room
from ui.texts import Words
from ui.transcript import Transcript

PERIOD_S = 0.125
HEARTBEAT_S = 15.0  # a page that hears nothing for three of these loads itself again
Page = dict[str, Any]


class Desk:
    """One tab. `show` writes its page again and again until the tab is closed."""

    def __init__(self, hub: Hub, words: Words) -> None:
        self.hub, self.words = hub, words
        self.key = self.client = ""
        self.saved = 0
        self.default_seat = ""
        self.bots: Mapping[str, str] = {}
        self.personas: Mapping[str, str] = {}
        self.room: Room | None = None
        self.beside: Room | None = None
        self.notice = ""
        self.warnings: tuple[str, ...] = ()
        self.asks_key = False
        self._moved = 0
        self._bell = asyncio.Event()

    @property
    def api(self) -> Api:
        return Api(self.hub.line, self.key, self.client)

    # --- what lies on it ------------------------------------------------------------------

    def open(self, thread: str, beside: str = "") -> None:
        """Shows a conversation, or none; the tab was already told."""
        self.room = self._swap(self.room, thread)
        self.beside = self._swap(self.beside, beside)
        self.notice, self.warnings = "", ()
        self._bell.set()

    def go(self, thread: str, warnings: tuple[str, ...] = ()) -> None:
        """Shows a conversation and has the tab's address follow."""
        self.open(thread)
        self.warnings = warnings
        self._moved += 1

    def _swap(self, old: Room | None, id: str) -> Room | None:
        if old is not None:
            old.leave(self._bell)
        if not id:
            return None
        # It comes from an address: whatever it is, it stays one part of the path.
        room = self.hub.room(self.api, quote(id, safe="")[:100])
        room.enter(self._bell)
        return room

    def close(self) -> None:
        self.room, self.beside = self._swap(self.room, ""), self._swap(self.beside, "")

    def ring(self) -> None:
        self._bell.set()

    async def tried(self, what: Callable[[Api], Any]) -> Any:
        """What the server answers; a refusal is told on the page, and the answer is then None."""
        self.notice = ""
        try:
            return await what(self.api)
        except ApiError as refusal:
            self.refused(refusal)
        except Unreachable:
            self.notice = self.words("down")
        finally:
            if self.room:
                self.room.look()
            self.ring()
        return None

    def refused(self, refusal: ApiError) -> None:
        """Told on the page; where a key is missing, it is asked for."""
        self.asks_key = self.asks_key or refusal.status == 401
        said = self.words.refused(refusal.code, str(refusal))
        self.notice = said if refusal.status != 401 else ""
        self.ring()

    # --- what is seen ---------------------------------------------------------------------

    async def show(self) -> AsyncIterator[Page]:
        """The page as it changes, at most eight times a second."""
        for beat in count():
            self._bell.clear()
            yield {**self.page(), "beat": beat}
            await asyncio.sleep(PERIOD_S)
            try:
                await asyncio.wait_for(self._bell.wait(), HEARTBEAT_S)
            except TimeoutError:
                continue

    def page(self) -> Page:
        room = self.room
        if room is None:
            parts = {"notice": self._notice(), "head": "", "banner": "", "empty": "", "side": ""}
            return {"thread": "", "moved": self._moved, "rows": [], "flags": self._flags(), **parts}
        return {
            "thread": room.id,
            "moved": self._moved,
            "flags": self._flags(),
            "notice": "",
            **self._parts(room),
            **self._compared(room),
        }

    def _notice(self) -> str:
        if not self.notice:
            return ""
        return render.banner(Transcript(), "", self.notice, self.words)

    def _parts(self, room: Room) -> Page:
        said, words, names = room.transcript, self.words, self.names(room)
        gone = room.link in ("missing", "forbidden")
        return {
            "head": render.head(said, room.detail, names, words) if room.detail else "",
            "banner": render.banner(said, room.link, self.notice, words),
            "rows": self._rows(room),
            "empty": "" if gone else render.empty(said, words, room.seat),
            "side": self._side(room),
        }

    def _rows(self, room: Room) -> list[str]:
        """Drawn once for all who look at the room in one language."""
        names = self.names(room)
        stamp = (room.version, *names.values())
        known = room.drawn.get(self.words.language)
        if known is None or known[0] != stamp:
            cache = room.drawn.setdefault("lines", {})
            if room.drawn.get("names") != names:
                cache.clear()
                room.drawn["names"] = names
            known = (stamp, render.rows(room.transcript, names, self.words, cache))
            room.drawn[self.words.language] = known
        return list(known[1])

    def _side(self, room: Room) -> str:
        said = room.transcript
        settled = sum(line.settled for line in said.bubbles)
        stamp = (settled, room.detail, self.warnings)
        place = f"side {self.words.language}"
        known = room.drawn.get(place)
        if known is None or known[0] != stamp:
            known = (stamp, render.side(said, room.detail, self.words, self.warnings))
            room.drawn[place] = known
        return str(known[1])

    def _compared(self, room: Room) -> Page:
        if self.beside is None:
            return {"other": [], "differs": None}
        mine, theirs = room.transcript.bubbles, self.beside.transcript.bubbles
        return {"other": self._rows(self.beside), "differs": differs_at(mine, theirs)}

    def names(self, room: Room) -> dict[str, str]:
        """What the two speakers are called, as far as the server has told."""
        bot = str(room.detail.get("bot_id", ""))
        prompted = self.words("bot_by_prompt") if room.detail.get("bot_prompt") else ""
        persona = str(room.detail.get("persona") or "")
        said = {line.role: line.name for line in room.transcript.bubbles if line.settled}
        user = self.personas.get(persona) or self._called(said.get("user"))
        user = user or self.words.maybe(f"nobody_{room.seat}", "")
        if room.seat == "human":
            user = self.words("you")
        assistant = prompted or self.bots.get(bot) or self._called(said.get("assistant")) or bot
        return {"user": user, "assistant": assistant}

    def _called(self, name: str | None) -> str:
        """What a speaker calls itself, where that says more than its role."""
        own = "" if name in (None, "", "user", "bot", "human") else str(name)
        return self.words.maybe(f"named_{own}", own)

    def _flags(self) -> Page:
        room = self.room
        status = room.transcript.status if room else ""
        done = room is not None and room.transcript.turn > 0
        return {
            "stands": status,
            "seat": room.seat if room else "",
            "link": room.link if room else "live",
            "key": self.asks_key or (room is not None and room.link == "key"),
            "begun": done,
            "compare": self.beside is not None,
        }
