"""The simulated user: a model that plays a persona."""

import re
from collections.abc import Sequence

from core.errors import UserError
from core.events import Emitter
from core.message import Refused
from core.text import clean
from nodes.calls.models import ChatModel, Completion
from nodes.calls.retry import within
from nodes.speakers.protocol import OnPiece, TurnRequest, UserLine

END_MARK = "[[END]]"
TRIES = 3
_ENDS = re.compile(r"\s*\[\[END\]\][\s.!…]*\Z")
_LEAK = re.compile(r"<think|</think|^\s*(assistant|bot|user|system)\s*:", re.IGNORECASE)


class SimulatedUser:
    """A model that plays a persona. Lines that no person would type are refused."""

    def __init__(
        self, name: str, chat: ChatModel, system: str, timeout_s: float, emitter: Emitter
    ) -> None:
        self.name = name
        self._chat = chat
        self._system = system
        self._timeout_s = timeout_s
        self._voice = emitter

    async def say(self, ask: TurnRequest, piece: OnPiece) -> UserLine:
        """The next line, asked for at most `TRIES` times while what comes is refused."""
        refused: list[Refused] = []
        while True:
            shown = UpToMark(piece)
            answer = self._chat.complete(self._prompt(ask, refused), shown)
            said = await within(self._timeout_s, UserError, self.name, answer)
            text, leaving = part_end(said.text)
            # Last words are answered, so they are a turn too; an end mark alone is none.
            leaving = leaving and ask.turn - (not text.strip()) >= ask.scenario.min_turns
            fault = _fault(text, leaving, said)
            if fault is None:
                shown.rest(text)
                return UserLine(text, "simulated", leaving, said.usage, refused)
            kind, why = fault
            self._voice.discard(said.text, why)
            refused.append(_refused(said, why))
            tries = len(refused)
            if tries >= TRIES or (kind in ("empty", "truncated") and tries >= 2):
                raise UserError(kind, f"{self.name} gave no usable line: {why}", tries=tries)

    def _prompt(self, ask: TurnRequest, refused: Sequence[Refused]) -> list[dict[str, str]]:
        """Roles are flipped: the model plays the user, so the bot is whom it hears.

        The last of `refused` tells why the line before was not taken, if there was one.
        """
        flipped = {"user": "assistant", "assistant": "user"}
        said = [
            {"role": flipped[line["role"]], "content": line["content"]} for line in ask.messages
        ]
        opening = [] if said else [{"role": "user", "content": _OPEN}]
        again = [
            {"role": "system", "content": f"({line['why']} {_AGAIN})"} for line in refused[-1:]
        ]
        return [{"role": "system", "content": self._system}, *said, *opening, *again]


_OPEN = "(You have just come to the bot. Write your first message.)"
_AGAIN = "Write the person's next message, and nothing else."


class UpToMark:
    """Passes pieces on, but never a part of the end mark or the space before it."""

    _HELD = re.compile(r"\s*(\[(\[(E(N(D(\](\][\s.!…]*)?)?)?)?)?)?)?\Z")

    def __init__(self, piece: OnPiece) -> None:
        self._piece = piece
        self._text = ""
        self._told = 0

    def __call__(self, text: str) -> None:
        self._text += text
        held = self._HELD.search(self._text, self._told)
        self._tell(held.start() if held else len(self._text))

    def rest(self, text: str) -> None:
        """What of the final text was held back."""
        self._text = text
        self._tell(len(text))

    def _tell(self, upto: int) -> None:
        if upto > self._told:
            self._piece(self._text[self._told : upto])
            self._told = upto


def part_end(text: str) -> tuple[str, bool]:
    """The text without an end mark at its very end, and whether there was one."""
    found = _ENDS.search(text)
    return (text[: found.start()], True) if found else (text, False)


def _refused(completion: Completion, why: str) -> Refused:
    line: Refused = {"text": clean(completion.text), "why": why}
    return {**line, "usage": completion.usage} if completion.usage else line


def _fault(text: str, leaving: bool, completion: Completion) -> tuple[str, str] | None:
    """Why this line cannot be sent, as (kind of error, reason); None where it can.

    A line said before is no fault: people repeat themselves, and `loop_limit` is for circles.
    """
    if completion.refusal or completion.finish_reason == "content_filter":
        return "refused", "The model refused to play the person."
    if completion.finish_reason == "length":
        return "truncated", "The line was cut off."
    if not text.strip():
        return None if leaving else ("empty", "The line was empty.")
    if _LEAK.search(text):
        return "bad_reply", "The line held thoughts or a speaker's name."
    return None
