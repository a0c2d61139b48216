"""What the mock model says and how it is cut: lines, chunks in OpenAI's form, writes."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Manner:
    """How a right answer is streamed.

    `split`: by `words`, by code `points` (which takes combining sequences and emoji apart), or
    into so many pieces of about the same length. `framing`: `each` event in a TCP write of its
    own, all in `one`, or each torn in `two` writes inside a character. Delays are in seconds.
    """

    split: Literal["words", "points"] | int = "words"
    framing: Literal["each", "one", "two"] = "each"
    first_delay: float = 0.0
    token_delay: float = 0.0
    crlf: bool = False
    comments: bool = False

    def pieces(self, text: str) -> list[str]:
        if self.split == "words":
            return re.findall(r"\S*\s*", text)[:-1]
        if self.split == "points":
            return list(text)
        step = -(-len(text) // self.split) or 1
        return [text[at : at + step] for at in range(0, len(text), step)]


@dataclass(frozen=True)
class Line:
    """One completion. `finish` is the finish reason; None leaves it out."""

    pieces: list[str]
    finish: str | None = "stop"
    refusal: str | None = None
    reasoning: str | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True)
class Form:
    """Writes a line in OpenAI's form: whole, or as the chunks of a stream."""

    number: int
    model: str
    prompt_tokens: int
    include_usage: bool = False
    head: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        head = {"id": f"chatcmpl-{self.number}", "created": 1_700_000_000, "model": self.model}
        object.__setattr__(self, "head", head)

    def usage(self, line: Line) -> dict[str, int]:
        """A token a piece."""
        said = len(line.pieces)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": said,
            "total_tokens": self.prompt_tokens + said,
        }

    def whole(self, line: Line) -> bytes:
        message = {"role": "assistant", "content": line.text, "refusal": line.refusal}
        if line.reasoning is not None:
            message["reasoning_content"] = line.reasoning
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": line.finish}
        body = {"object": "chat.completion", "choices": [choice], "usage": self.usage(line)}
        return encoded({**self.head, **body})

    def chunks(self, line: Line) -> "Chunks":
        first = [self._chunk({"role": "assistant", "content": ""})]
        if line.reasoning is not None:
            first.append(self._chunk({"reasoning_content": line.reasoning}))
        last = [self._chunk({"refusal": line.refusal})] if line.refusal is not None else []
        if line.finish is not None:
            last.append(self._chunk({}, line.finish))
            last.extend(
                [self._event({"choices": [], "usage": self.usage(line)})] * self.include_usage
            )
            last.append(DONE)
        return Chunks(first, self._spoken(line), last)

    def _spoken(self, line: Line) -> list[bytes]:
        before, after = self._chunk({"content": "@"}).split(b'"@"')
        return [before + encoded(piece) + after for piece in line.pieces]

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        return self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    def _event(self, more: dict[str, Any]) -> bytes:
        said = encoded({**self.head, "object": "chat.completion.chunk", **more})
        return b"data: " + said + b"\n\n"


@dataclass(frozen=True)
class Chunks:
    """The events of a stream: before the text, one a piece, and those that end it."""

    first: list[bytes]
    spoken: list[bytes]
    last: list[bytes]

    @property
    def all(self) -> list[bytes]:
        return [*self.first, *self.spoken, *self.last]


def encoded(value: Any) -> bytes:
    """JSON without escapes, as real servers write it; a lone surrogate has no other form."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def dressed(event: bytes, manner: Manner) -> bytes:
    """The event with the line ends and comments that the manner asks for."""
    with_comment = b": keepalive\n\n" + event if manner.comments else event
    return with_comment.replace(b"\n", b"\r\n") if manner.crlf else with_comment


def torn(event: bytes) -> list[bytes]:
    """The event in two, inside its first multi-byte character where it has one."""
    wide = next((at for at, byte in enumerate(event) if byte > 127), len(event) // 2)
    return [event[: wide + 1], event[wide + 1 :]]
