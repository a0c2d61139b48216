"""A tab: what one browser tab has in front of it. No Gradio here."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from ui import render
from ui.api_client import Api, ApiError, Unreachable
from ui.configuration import Configuration
from ui.conversation_feed import ConversationFeed, Feeds
from ui.experiments import ExperimentRows
from ui.findings import find_quotes, render_setup, render_verdicts
from ui.listing import Listing
from ui.outbox import Outbox, Page
from ui.texts import Words
from ui.transcript_files import find_divergence

PERIOD_S = 0.125
HEARTBEAT_S = 15.0  # a page that hears nothing for three of these loads itself again


class TabSession:
    """One tab. `watch` writes its page again and again until the tab is closed."""

    def __init__(self, feeds: Feeds, words: Words) -> None:
        self.feeds, self.words = feeds, words
        self.key = self.client = ""
        self.saved = 0
        self.default_seat = ""
        self.configuration = Configuration()
        self.directory = self.configuration.directory(words)
        self.feed: ConversationFeed | None = None
        self.beside: ConversationFeed | None = None
        self.notice = ""
        self.notice_detail = ""
        self.bot_statuses: list[Any] = []
        self.warnings: tuple[str, ...] = ()
        self.asks_key = False
        self.listing = Listing()
        self.experiments = ExperimentRows()
        self._moves = 0
        self._bell = asyncio.Event()
        self._outbox = Outbox()

    def configure(self, configuration: Configuration) -> None:
        """What the server offers is known."""
        self.configuration = configuration
        self.directory = configuration.directory(self.words)
        self.default_seat = configuration.default_seat
        self.ring()

    @property
    def api(self) -> Api:
        return Api(self.feeds.connection, self.key, self.client)

    # --- what lies on it ------------------------------------------------------------------

    def open(self, thread: str, beside: str = "") -> None:
        """Shows a conversation, or none; the tab was already told."""
        self.feed = self._swap(self.feed, thread)
        self.beside = self._swap(self.beside, beside)
        self.notice, self.notice_detail, self.warnings = "", "", ()
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
        """What the server answers; a refusal is shown on the page, and the answer is then None."""
        self.notify("")
        try:
            return await what(self.api)
        except ApiError as refusal:
            self.report_refusal(refusal)
        except Unreachable:
            self.notify(self.words("down"))
        finally:
            if self.feed:
                self.feed.read_now()
            self.ring()
        return None

    def notify(self, text: str, detail: str = "") -> None:
        """Says on the page what did not work, with `detail` folded away."""
        self.notice, self.notice_detail = text, detail
        self.ring()

    def report_refusal(self, refusal: ApiError) -> None:
        """Shown on the page; where a key is missing, it is asked for."""
        if refusal.status == 401:
            self.asks_key = True
            self.notify("")
        else:
            said = self.words.locate(refusal.field, str(refusal))
            self.notify(*self.words.explain_refusal(refusal.code, said))

    # --- what is seen ---------------------------------------------------------------------

    async def watch(self) -> AsyncIterator[str]:
        """What changed on the page as JSON, at most eight times a second."""
        while True:
            self._bell.clear()
            yield json.dumps(self._outbox.pack(self.render_page()), ensure_ascii=False)
            await asyncio.sleep(PERIOD_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), HEARTBEAT_S)

    def resend(self, version: int) -> None:
        """The browser missed what came after `version`."""
        self._outbox.resend(version)
        self.ring()

    def render_page(self) -> Page:
        feed = self.feed
        page: Page = {
            "thread": feed.id if feed else "",
            "beside": self.beside.id if self.beside else "",
            "moved": self._moves,
            "flags": self._state_flags(),
            "messages": len(feed.transcript.bubbles) if feed else 0,
            "notice": "" if feed else self._render_notice(),
        }
        if feed is None:
            return {**page, **dict.fromkeys(("head", "banner", "empty", "side"), ""), "rows": []}
        return {**page, **self._render_parts(feed), **self._render_comparison(feed)}

    def _render_notice(self) -> str:
        return (
            render.render_notice(self.notice, self.notice_detail, self.words) if self.notice else ""
        )

    def _render_parts(self, feed: ConversationFeed) -> Page:
        said, words, names = feed.transcript, self.words, self.speaker_names(feed)
        gone = feed.link in ("missing", "forbidden")
        is_known = feed.detail and self.configuration.bots  # else it would have other names first
        return {
            "head": render.render_head(said, feed.detail, names, words, feed.trial)
            if is_known
            else "",
            "banner": render.render_banner(said, feed.link, words, self.notice, self.notice_detail),
            "rows": self._render_rows(feed),
            "empty": "" if gone else render.render_empty(said, words, feed.seat),
            "side": self._render_side(feed),
        }

    def _render_rows(self, feed: ConversationFeed) -> list[str]:
        """Drawn once for all who look at the feed in one language."""
        seat, cached = feed.seat, feed.render_cache.get(self.words.language)
        stamp = (feed.version, feed.detail, feed.trial, seat, self.directory)
        if cached is None or cached[0] != stamp:
            cast = render.Cast(self.directory, feed.detail, seat, find_quotes(feed.trial))
            lines = cached[2] if cached and cached[0][1:] == stamp[1:] else {}
            rows = render.render_rows(feed.transcript, cast, self.words, lines)
            cached = feed.render_cache[self.words.language] = (stamp, rows, lines)
        return list(cached[1])

    def _render_side(self, feed: ConversationFeed) -> str:
        said = feed.transcript
        settled = sum(line.settled for line in said.bubbles)
        stamp = (settled, feed.detail, feed.setup, feed.trial, self.directory, self.warnings)
        place = f"side {self.words.language}"
        known = feed.render_cache.get(place)
        if known is None or known[0] != stamp:
            found = render_verdicts(feed.setup, feed.trial, self.words)
            setup = render_setup(feed.setup, feed.detail, self.directory)
            side = render.render_side(said, feed.detail, self.words, self.warnings)
            known = (stamp, f"{found}{setup}{side}")
            feed.render_cache[place] = known
        return str(known[1])

    def _render_comparison(self, feed: ConversationFeed) -> Page:
        if self.beside is None:
            return {"other": [], "differs": None}
        mine, theirs = feed.transcript.bubbles, self.beside.transcript.bubbles
        return {"other": self._render_rows(self.beside), "differs": find_divergence(mine, theirs)}

    def speaker_names(self, feed: ConversationFeed) -> dict[str, str]:
        """What the two speakers are called, as far as the server has told."""
        user = self.directory.user_name(feed.seat, feed.detail.get("persona"))
        return {"user": user, "assistant": self.directory.assistant_name(feed.detail)}

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
            "model": self.configuration.has_model,
            "known": self.configuration.info is not None,
        }
