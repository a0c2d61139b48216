"""Documents as passages: Markdown, text, HTML, PDF and CSV files, and the rows of a query."""

import csv
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from typing import Any

from nodes.knowledge.index import Passage

PASSAGE_CHARACTERS = 900
"""So long a passage is at most, unless one paragraph of it is a single unbroken word."""
_HEADING = re.compile(r"#{1,6} ")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n")
NO_PYPDF = "PDF files need pypdf: pip install 'duologue[knowledge]' (or pip install pypdf)"


class Unreadable(Exception):
    """The document cannot be read; the message says why."""


def read_document(path: Path, name: str) -> Iterator[Passage]:
    """The passages of a file, which is called `name`. Raises `Unreadable`."""
    read = READERS[path.suffix.lower()]
    try:
        yield from read(path, name)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"{name}: {error}") from error


def _read_text(path: Path, name: str) -> Iterator[Passage]:
    yield from split_text(path.read_text("utf-8-sig"), name, None)


def _read_html(path: Path, name: str) -> Iterator[Passage]:
    parser = _TextOfHtml()
    parser.feed(path.read_text("utf-8-sig"))
    parser.close()
    yield from split_text("".join(parser.parts), name, None)


def _read_csv(path: Path, name: str) -> Iterator[Passage]:
    """A row is a passage; `page` is its line among the rows, from 1."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        yield from _describe_rows(header, rows, name)


def _read_pdf(path: Path, name: str) -> Iterator[Passage]:
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError:
        raise Unreadable(NO_PYPDF) from None
    try:
        with PdfReader(path) as document:
            for number, page in enumerate(document.pages, 1):
                yield from split_text(page.extract_text(), name, number)
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unreadable(f"{name}: is no PDF that can be read: {error}") from error


READERS: dict[str, Callable[[Path, str], Iterator[Passage]]] = {
    **dict.fromkeys((".md", ".markdown", ".txt", ".rst"), _read_text),
    **dict.fromkeys((".html", ".htm"), _read_html),
    ".csv": _read_csv,
    ".pdf": _read_pdf,
}


def read_rows(url: str, query: str) -> Iterator[Passage]:
    """The rows of a query; nothing can be written by it. Raises `Unreadable`."""
    file = Path(url.removeprefix("sqlite:///"))
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("PRAGMA query_only=ON")
            rows = database.execute(query)
            header = [column[0] for column in rows.description or ()]
            yield from _describe_rows(header, rows, file.name)
    except sqlite3.Error as error:
        raise Unreadable(f"{file.name}: {error}") from error


def _describe_rows(header: list[str], rows: Iterable[Any], name: str) -> Iterator[Passage]:
    for number, row in enumerate(rows, 1):
        pairs = zip(header, row, strict=False)
        text = "\n".join(f"{title}: {value}" for title, value in pairs if value not in (None, ""))
        if text:
            yield Passage(name, number, text)


def split_text(text: str, name: str, page: int | None) -> Iterator[Passage]:
    """Paragraphs put together up to a passage's length; a heading begins a new one."""
    held: list[str] = []
    for part in _split_paragraphs(text):
        length = sum(map(len, held)) + len(part)
        if held and (_HEADING.match(part) or length > PASSAGE_CHARACTERS):
            yield Passage(name, page, "\n".join(held))
            held = []
        held.append(part)
    if held:
        yield Passage(name, page, "\n".join(held))


def _split_paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n|\n(?=#{1,6} )", text.replace("\0", "")):
        whole = paragraph.strip()
        if len(whole) <= PASSAGE_CHARACTERS:
            if whole:
                yield whole
            continue
        yield from _split_long(whole)


def _split_long(paragraph: str) -> Iterator[str]:
    """Pieces that end with a sentence, or with a word where a sentence is too long."""
    held = ""
    for sentence in _SENTENCE_END.split(paragraph):
        for piece in _split_words(sentence):
            if held and len(held) + len(piece) > PASSAGE_CHARACTERS:
                yield held
                held = ""
            held = f"{held} {piece}".strip()
    if held:
        yield held


def _split_words(sentence: str) -> Iterator[str]:
    words = iter(sentence.split())
    while some := list(islice(words, 120)):
        yield " ".join(some)


class _TextOfHtml(HTMLParser):
    """The text that a reader of the page sees, a paragraph to each block."""

    HIDDEN = frozenset(("script", "style", "template", "noscript", "head"))
    INLINE = frozenset("a abbr b cite code em i kbd mark q s small span strong sub sup u".split())

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in self.HIDDEN
        if tag not in self.INLINE:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in self.HIDDEN))
        if tag not in self.INLINE:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)
