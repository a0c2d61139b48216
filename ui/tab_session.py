"""A tab: what one browser tab has in front of it. No Gradio here."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import count
from typing import Any
from urllib.parse import quote

from ui import render
from ui.api_client import Api, ApiError, Unreachable
from ui.conversation_feed import ConversationFeed, Feeds
from ui.texts import Words
from ui.transcript import Transcript
from ui.transcript_files import find_divergence

PERIOD_S = 0.125
HEARTBEAT_S = 15.0  # a page that hears nothing for three of these loads itself again
Page = dict[str, Any]


class TabSession:
    """One tab. `watch` writes its page again and again until the tab is closed."""

    def __init__(self, feeds: Feeds, words: Words) -> None:
        self.feeds, self.words = feeds, words
        self.key = self.client = ""
        self.saved = 0
        self.default_seat = ""
        self.bots: Mapping[str, str] = {}
        self.personas: Mapping[str, str] = {}
        self.feed: ConversationFeed | None = None
        self.beside: ConversationFeed | None = None
        self.notice = ""
        self.warnings: tuple[str, ...] = ()
        self.asks_key = False
        self._moves = 0
        self._bell = asyncio.Event()

    @property
    def api(self) -> Api:
        return Api(self.feeds.connection, self.key, self.client)

    # --- what lies on it ------------------------------------------------------------------

    def open(self, thread: str, beside: str = "") -> None:
        """Shows a conversation, or none; the tab was already told."""
        self.feed = self._swap(self.feed, thread)
        self.beside = self._swap(self.beside, beside)
        self.notice, self.warnings = "", ()
        self._bell.set()

    def move_to(self, thread: str, warnings: tuple[str, ...] = ()) -> None:
        """Shows a conversation and has the tab's address follow."""
        self.open(thread)
        self.warnings = warnings
        self._moves += 1

    def _swap(self, old: ConversationFeed | None, id: str) -> ConversationFeed | None:
        if old is not None:
            old.leave(self._bell)
        if not id:
            return None
        # It comes from an address: whatever it is, it stays one part of the path.
        feed = self.feeds.get(self.api, quote(id, safe="")[:100])
        feed.enter(self._bell)
        return feed

    def close(self) -> None:
        self.feed, self.beside = self._swap(self.feed, ""), self._swap(self.beside, "")

    def ring(self) -> None:
        self._bell.set()

    async def attempt(self, what: Callable[[Api], Any]) -> Any:
        """What the server answers; a refusal is told on the page, and the answer is then None."""
        self.notice = ""
        try:
            return await what(self.api)
        except ApiError as refusal:
            self.report_refusal(refusal)
        except Unreachable:
            self.notice = self.words("down")
        finally:
            if self.feed:
                self.feed.read_now()
            self.ring()
        return None

    def report_refusal(self, refusal: ApiError) -> None:
        """Told on the page; where a key is missing, it is asked for."""
        self.asks_key = self.asks_key or refusal.status == 401
        said = self.words.explain_refusal(refusal.code, str(refusal))
        self.notice = said if refusal.status != 401 else ""
        self.ring()

    # --- what is seen ---------------------------------------------------------------------

    async def watch(self) -> AsyncIterator[Page]:
        """The page as it changes, at most eight times a second."""
        for beat in count():
            self._bell.clear()
            yield {**self.render_page(), "beat": beat}
            await asyncio.sleep(PERIOD_S)
            try:
                await asyncio.wait_for(self._bell.wait(), HEARTBEAT_S)
            except TimeoutError:
                continue

    def render_page(self) -> Page:
        feed = self.feed
        if feed is None:
            parts = {
                "notice": self._render_notice(),
                "head": "",
                "banner": "",
                "empty": "",
                "side": "",
            }
            return {
                "thread": "",
                "moved": self._moves,
                "rows": [],
                "flags": self._state_flags(),
                **parts,
            }
        return {
            "thread": feed.id,
            "moved": self._moves,
            "flags": self._state_flags(),
            "notice": "",
            **self._render_parts(feed),
            **self._render_comparison(feed),
        }

    def _render_notice(self) -> str:
        if not self.notice:
            return ""
        return render.render_banner(Transcript(), "", self.notice, self.words)

    def _render_parts(self, feed: ConversationFeed) -> Page:
        said, words, names = feed.transcript, self.words, self.speaker_names(feed)
        gone = feed.link in ("missing", "forbidden")
        return {
            "head": render.render_head(said, feed.detail, names, words) if feed.detail else "",
            "banner": render.render_banner(said, feed.link, self.notice, words),
            "rows": self._render_rows(feed),
            "empty": "" if gone else render.render_empty(said, words, feed.seat),
            "side": self._render_side(feed),
        }

    def _render_rows(self, feed: ConversationFeed) -> list[str]:
        """Drawn once for all who look at the feed in one language."""
        names = self.speaker_names(feed)
        stamp = (feed.version, *names.values())
        known = feed.render_cache.get(self.words.language)
        if known is None or known[0] != stamp:
            cache = feed.render_cache.setdefault("lines", {})
            if feed.render_cache.get("names") != names:
                cache.clear()
                feed.render_cache["names"] = names
            known = (stamp, render.render_rows(feed.transcript, names, self.words, cache))
            feed.render_cache[self.words.language] = known
        return list(known[1])

    def _render_side(self, feed: ConversationFeed) -> str:
        said = feed.transcript
        settled = sum(line.settled for line in said.bubbles)
        stamp = (settled, feed.detail, self.warnings)
        place = f"side {self.words.language}"
        known = feed.render_cache.get(place)
        if known is None or known[0] != stamp:
            known = (stamp, render.render_side(said, feed.detail, self.words, self.warnings))
            feed.render_cache[place] = known
        return str(known[1])

    def _render_comparison(self, feed: ConversationFeed) -> Page:
        if self.beside is None:
            return {"other": [], "differs": None}
        mine, theirs = feed.transcript.bubbles, self.beside.transcript.bubbles
        return {"other": self._render_rows(self.beside), "differs": find_divergence(mine, theirs)}

    def speaker_names(self, feed: ConversationFeed) -> dict[str, str]:
        """What the two speakers are called, as far as the server has told."""
        bot = str(feed.detail.get("bot_id", ""))
        prompted = self.words("bot_by_prompt") if feed.detail.get("bot_prompt") else ""
        persona = str(feed.detail.get("persona") or "")
        said = {line.role: line.name for line in feed.transcript.bubbles if line.settled}
        user = self.personas.get(persona) or self._speaker_label(said.get("user"))
        user = user or self.words.get(f"nobody_{feed.seat}", "")
        if feed.seat == "human":
            user = self.words("you")
        assistant = (
            prompted or self.bots.get(bot) or self._speaker_label(said.get("assistant")) or bot
        )
        return {"user": user, "assistant": assistant}

    def _speaker_label(self, name: str | None) -> str:
        """What a speaker calls itself, where that says more than its role."""
        own = "" if name in (None, "", "user", "bot", "human") else str(name)
        return self.words.get(f"named_{own}", own)

    def _state_flags(self) -> Page:
        feed = self.feed
        status = feed.transcript.status if feed else ""
        done = feed is not None and feed.transcript.turn > 0
        return {
            "stands": status,
            "seat": feed.seat if feed else "",
            "link": feed.link if feed else "live",
            "key": self.asks_key or (feed is not None and feed.link == "key"),
            "begun": done,
            "compare": self.beside is not None,
        }
