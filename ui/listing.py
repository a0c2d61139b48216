"""The list of one tab: what was read for it, and which rows its browser has. No Gradio here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ui.api_client import CONVERSATIONS, Api
from ui.directory import Directory

PAGE, MOST = 200, 10_000  # rows: of one answer of the API, of one list
DEPTH = 20  # conversations that are searched for each row that is asked for
Row = Mapping[str, Any]
Patch = dict[str, Any]
_TRANSLATED = (("is", "status"), ("end", "end_reason"))


@dataclass(frozen=True)
class Query:
    """What a list is of."""

    search: str = ""
    status: str = ""
    bot_id: str = ""

    @classmethod
    def parse(cls, asked: Mapping[str, Any]) -> "Query":
        names = ("search", "status", "bot_id")
        return cls(**{name: str(asked.get(name) or "").strip() for name in names})

    @property
    def filters(self) -> dict[str, str]:
        return {"status": self.status, "bot_id": self.bot_id}


@dataclass(frozen=True)
class SearchResult:
    """The rows that are asked for, and whether there may be more.

    `looked`: how many of the newest were searched, where it was not all of them.
    """

    rows: Sequence[Row]
    more: bool
    looked: int = 0


class Listing:
    """Whoever asks for more gets what follows; whoever asks for the same gets it anew."""

    def __init__(self) -> None:
        self._begin(Query())
        self.sent = SentRows()

    def _begin(self, query: Query) -> None:
        self._query = query
        self._found: list[Row] = []
        self._cursor = ""
        self._looked = self._limit = 0

    async def read(self, api: Api, directory: Directory, asked: Mapping[str, Any]) -> SearchResult:
        """Raises `ApiError` and `Unreachable`; the next call then begins anew."""
        query, limit = Query.parse(asked), int(asked.get("limit") or 50)
        limit = max(1, min(limit, MOST))
        goes_on = query == self._query and limit > self._limit > 0
        if not goes_on:
            self._begin(query)
        self._limit = 0
        if not goes_on or self._cursor:
            await self._read_up_to(limit, api, directory)
        self._limit = limit
        more = limit < MOST and (bool(self._cursor) or len(self._found) > limit)
        searched = bool(query.search and self._cursor)
        return SearchResult(self._found[:limit], more, self._looked if searched else 0)

    async def _read_up_to(self, limit: int, api: Api, directory: Directory) -> None:
        """Page after page until there are so many, the end is reached, or it was enough."""
        search, filters = self._query.search, self._query.filters
        while len(self._found) < limit and self._looked < limit * DEPTH:
            size = PAGE if search else min(limit - len(self._found), PAGE)
            page = await api.get(CONVERSATIONS, limit=size, cursor=self._cursor, **filters)
            rows, self._cursor = page.get("conversations", []), str(page.get("next") or "")
            self._looked += len(rows)
            self._found += [one for one in rows if not search or matches(one, search, directory)]
            if not (rows and self._cursor):
                break


def matches(found: Row, search: str, directory: Directory) -> bool:
    """Whether every word that was searched for stands somewhere in the row."""
    words = directory.words
    texts = [found.get(name) for name in ("conversation_id", "bot_id", "persona", "end_reason")]
    texts += [user_label(found, directory), directory.assistant_name(found)]
    texts += [words.get(f"{kind}_{found.get(name)}", "") for kind, name in _TRANSLATED]
    text = " ".join(str(one) for one in texts if one).casefold()
    return all(word in text for word in search.casefold().split())


def user_label(found: Row, directory: Directory) -> str:
    return directory.user_name(found.get("seat"), found.get("persona"))


class SentRows:
    """The rows that a browser has, as HTML, and their version."""

    def __init__(self) -> None:
        self.version = 0
        self._rows: list[tuple[str, str]] = []
        self._drawn: dict[str, tuple[Row, str]] = {}
        self._directory: Directory | None = None

    def draw(
        self, found: Sequence[Row], directory: Directory, render: Callable[[Row], str]
    ) -> list[tuple[str, str]]:
        """Each row's id and HTML. What is as it was is not drawn again."""
        known = self._drawn if directory is self._directory else {}
        self._directory, self._drawn = directory, {}
        for row in found:
            id = str(row["conversation_id"])
            old = known.get(id)
            self._drawn[id] = old if old and old[0] == row else (row, render(row))
        return [(id, html) for id, (_, html) in self._drawn.items()]

    def pack(self, rows: Sequence[tuple[str, str]], since: int) -> Patch:
        """What makes these rows of those that a browser has at version `since`.

        `rows` are parts in order: the HTML of a row, or `[from, to]` of the rows that it has.
        `base` is the version that they are of, 0 where all rows are there anew.
        """
        base = self.version if since == self.version else 0
        parts = make_parts(self._rows if base else (), rows)
        if not base or parts != [[0, len(self._rows)]]:
            self.version += 1
            self._rows = list(rows)
        return {"rows": parts, "base": base, "version": self.version}


def make_parts(
    old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]
) -> list[str | list[int]]:
    """`new` as runs of `old` and, between them, what is not in it."""
    places = {row: at for at, row in enumerate(old)}
    parts: list[str | list[int]] = []
    for row in new:
        at = places.get(row)
        last = parts[-1] if parts else None
        if at is None:
            parts.append(row[1])
        elif isinstance(last, list) and last[1] == at:
            last[1] = at + 1
        else:
            parts.append([at, at + 1])
    return parts
