"""Passages: pieces of documents, as long as a model reads with profit."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

PASSAGE_CHARACTERS = 900
"""So long a passage is at most, but for a word or a heading more."""
_HEADING = re.compile(r"#{1,6} ")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n")
_PARAGRAPH_END = re.compile(r"\n\s*\n|\n(?=#{1,6} )")


class Unreadable(Exception):
    """The document cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document; `page` counts from 1, None where the document has none."""

    file: str
    page: int | None
    text: str

    @property
    def id(self) -> str:
        """The same as long as the text is."""
        whole = f"{self.file}\0{self.page}\0{self.text}".encode()
        return blake2b(whole, digest_size=8).hexdigest()


def split_text(text: str, name: str, page: int | None) -> Iterator[Passage]:
    """Paragraphs put together up to a passage's length; a heading begins a new one."""
    held: list[str] = []
    length = 0
    for part in _split_paragraphs(text):
        if held and (_HEADING.match(part) or length + len(part) > PASSAGE_CHARACTERS):
            yield Passage(name, page, "\n".join(held))
            held, length = [], 0
        held.append(part)
        length += len(part)
    if held:
        yield Passage(name, page, "\n".join(held))


def _split_paragraphs(text: str) -> Iterator[str]:
    for paragraph in _PARAGRAPH_END.split(text.replace("\0", "")):
        whole = paragraph.strip()
        if len(whole) > PASSAGE_CHARACTERS:
            yield from _split_long(whole)
        elif whole:
            yield whole


def _split_long(paragraph: str) -> Iterator[str]:
    """Pieces that end with a sentence, or with a word where a sentence is too long."""
    held = ""
    for sentence in _SENTENCE_END.split(paragraph):
        for piece in _split_sentence(sentence):
            if held and len(held) + len(piece) > PASSAGE_CHARACTERS:
                yield held
                held = ""
            held = f"{held} {piece}".strip()
    if held:
        yield held


def _split_sentence(sentence: str) -> Iterator[str]:
    """The sentence, or pieces of it that end with a word; a word may be cut that has no end."""
    if len(sentence) <= PASSAGE_CHARACTERS:
        yield sentence
        return
    held, length = list[str](), 0
    for word in sentence.split():
        for at in range(0, len(word), PASSAGE_CHARACTERS):
            part = word[at : at + PASSAGE_CHARACTERS]
            if held and length + len(part) >= PASSAGE_CHARACTERS:
                yield " ".join(held)
                held, length = [], 0
            held.append(part)
            length += len(part) + 1
    if held:
        yield " ".join(held)
