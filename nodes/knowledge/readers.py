"""Documents as passages: Markdown, text, HTML, PDF and CSV files."""

import csv
import io
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from core.failures import Catch
from nodes.knowledge.passages import Passage, Unreadable, split_text
from nodes.knowledge.rows import describe_rows

MOST_BYTES = 100_000_000
NO_PYPDF = (
    "PDF files need the extra `knowledge`: pip install 'duologue[knowledge]', or in a checkout "
    ".venv/bin/pip install -e '.[knowledge]'"
)


def read_document(path: Path, name: str) -> Iterator[Passage]:
    """The passages of a file, which is called `name`. Raises `Unreadable`."""
    read = READERS[path.suffix.lower()]
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Unreadable(f"{name}: is larger than {MOST_BYTES // 10**6} MB")
        yield from read(path, name)
    except UnicodeDecodeError as error:
        raise Unreadable(f"{name}: is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise Unreadable(f"{name}: {error.strerror or error}") from error
    except csv.Error as error:
        raise Unreadable(f"{name}: {error}") from error


def _decode(path: Path) -> str:
    """UTF-8, or UTF-16 with its mark, as Excel and Notepad write it."""
    data = path.read_bytes()
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")


def _read_text(path: Path, name: str) -> Iterator[Passage]:
    yield from split_text(_decode(path).replace("\r\n", "\n"), name, None)


def _read_html(path: Path, name: str) -> Iterator[Passage]:
    parser = _TextOfHtml()
    parser.feed(_decode(path))
    parser.close()
    yield from split_text("".join(parser.parts), name, None)


def _read_csv(path: Path, name: str) -> Iterator[Passage]:
    """A row is a passage; `page` is its line among the rows, from 1."""
    rows = csv.reader(io.StringIO(_decode(path), newline=""))
    header = next(rows, [])
    yield from describe_rows(header, rows, name)


def _read_pdf(path: Path, name: str) -> Iterator[Passage]:
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, FileNotDecryptedError
    except ImportError:
        raise Unreadable(NO_PYPDF) from None
    empty = True
    with Catch(OSError) as caught, PdfReader(path) as document:
        for number, page in enumerate(document.pages, 1):
            for passage in split_text(page.extract_text(), name, number):
                empty = False
                yield passage
    if isinstance(caught.error, FileNotDecryptedError | DependencyError):
        raise Unreadable(f"{name}: wants a password; save it without one")
    if caught.error:
        raise Unreadable(f"{name}: is no PDF that can be read: {caught.error}") from caught.error
    if empty:
        raise Unreadable(f"{name}: has no text, only pictures; Duologue reads no scans")


READERS: dict[str, Callable[[Path, str], Iterator[Passage]]] = {
    **dict.fromkeys((".md", ".markdown", ".txt", ".rst"), _read_text),
    **dict.fromkeys((".html", ".htm"), _read_html),
    ".csv": _read_csv,
    ".pdf": _read_pdf,
}


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
