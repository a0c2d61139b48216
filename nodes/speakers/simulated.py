"""The simulated user: a model that plays a persona."""

from collections.abc import Sequence
from typing import NamedTuple

from core.errors import UserError
from core.events import Emitter
from core.message import Invented, Refused, Usage
from nodes.calls.models import ChatModel, Completion
from nodes.calls.retry import within
from nodes.speakers.endings import MarkFilter, read_numbers, strip_end_mark
from nodes.speakers.guard import Situation, find_fault
from nodes.speakers.inventions import find_inventions
from nodes.speakers.leaving import find_reason_to_leave, name_aims
from nodes.speakers.personas import DEFAULT, Persona
from nodes.speakers.prompting import (
    build_prompt,
    build_system_prompt,
    describe_secrets,
    describe_whole,
    draw_behaviour,
    draw_habits,
)
from nodes.speakers.protocol import OnPiece, TurnRequest, UserLine

TRIES = 3
_FATAL_TWICE = ("empty", "truncated")
_ONLY_ONCE = ("repeats_itself", "quoted")
"""Refused once; a model that insists is heard, since people repeat themselves too."""


class _Refusal(NamedTuple):
    """`code` is the kind of `UserError` when no try is left, `kind` what the guard found."""

    code: str
    kind: str
    reason: str


class SimulatedUser:
    """A model that plays a persona. Lines that no person would type are refused whole."""

    def __init__(
        self,
        persona: Persona,
        chat: ChatModel,
        user_prompt: str | None,
        timeout_s: float,
        emitter: Emitter,
        *,
        any_language: bool = False,
    ) -> None:
        self.name = persona.name
        self._persona = persona
        self._chat = chat
        self._system = build_system_prompt(persona, user_prompt)
        self._goal = f"{persona.goal} {persona.character}"
        self._languages = () if any_language else persona.languages
        self._timeout_s = timeout_s
        self._emitter = emitter

    async def say(self, request: TurnRequest, piece: OnPiece) -> UserLine:
        """The next line, asked for at most `TRIES` times while what comes is refused."""
        seed = request.combine_seeds(self._persona.seed) or request.conversation_id
        leaves = find_reason_to_leave(
            self._persona, request.messages, request.scenario, request.turn
        )
        behaviour = leaves or draw_behaviour(self._persona, seed, request.turn)
        typed = draw_habits(self._persona, seed, request.turn)
        situation = self._describe(request)
        discarded: list[Refused] = []
        while True:
            prompt = build_prompt(
                self._persona,
                self._system,
                request.messages,
                request.turn,
                behaviour=behaviour,
                typed=typed,
                seed=seed,
                refused=discarded[-1]["why"] if discarded else "",
            )
            preview = MarkFilter(piece)
            call = self._chat.complete(prompt, preview)
            completion = await within(self._timeout_s, UserError, self.name, call)
            text, leaving = strip_end_mark(completion.text, self._end_token)
            # Last words are answered, so they are a turn too; an end mark alone is none.
            leaving = leaving and request.turn - (not text.strip()) >= request.scenario.min_turns
            invented = self._find_inventions(text, request)
            refusal = _find_refusal(
                text, leaving, completion, situation, self._list_refused(invented)
            )
            if refusal is None or (refusal.kind in _ONLY_ONCE and discarded):
                preview.finish(text)
                return UserLine(
                    text,
                    "simulated",
                    leaving,
                    completion.usage,
                    tuple(discarded),
                    behaviour,
                    invented,
                    typed,
                    name_aims(self._persona, read_numbers(completion.text)),
                    self._chat.model_name,
                )
            discarded.append(_note(completion.text, refusal, completion.usage))
            self._report_discarded(completion, refusal, request)
            self._give_up(refusal, discarded)

    def _report_discarded(
        self, completion: Completion, refusal: _Refusal, request: TurnRequest
    ) -> None:
        self._emitter.discard(
            completion.text,
            refusal.reason,
            kind=refusal.kind,
            persona=request.scenario.persona or DEFAULT,
            model=self._chat.model_name,
            usage=completion.usage or {},
        )

    def _give_up(self, refusal: _Refusal, discarded: list[Refused]) -> None:
        """Raises `UserError` when no try is left."""
        tries = len(discarded)
        if tries >= TRIES or (refusal.code in _FATAL_TWICE and tries >= 2):
            reason = f"{self.name} gave no usable line: {refusal.reason}"
            raise UserError(refusal.code, reason, tries=tries, refused_as=refusal.kind)

    def _find_inventions(self, text: str, request: TurnRequest) -> Sequence[Invented]:
        if self._persona.invents == "allow":
            return ()
        return find_inventions(text, lambda: self._list_given(request))

    def _list_refused(self, invented: Sequence[Invented]) -> Sequence[Invented]:
        return invented if self._persona.invents == "refuse" else ()

    def _list_given(self, request: TurnRequest) -> list[str]:
        """All that the person may know: its file, the caller's task, and what was said."""
        said = [line["content"] for line in request.messages]
        return [self._system, describe_whole(self._persona), *said]

    @property
    def _end_token(self) -> str:
        return self._persona.end_token if self._persona.prompt_style == "intent" else ""

    def _describe(self, request: TurnRequest) -> Situation:
        own = [line["content"] for line in request.messages if line["role"] == "user"]
        return Situation(
            name=self.name,
            languages=self._languages,
            briefing=describe_secrets(self._persona),
            goal=self._goal,
            bot_line=request.text if len(request.messages) else "",
            own_lines=own[-5:],
            longest=self._persona.word_limit,
        )


def _find_refusal(
    text: str,
    leaving: bool,
    completion: Completion,
    situation: Situation,
    invented: Sequence[Invented] = (),
) -> _Refusal | None:
    """Why this line cannot be sent; None where it can."""
    if completion.refusal or completion.finish_reason == "content_filter":
        return _Refusal("refused", "refused", "The model refused to play the person.")
    if completion.finish_reason == "length":
        return _Refusal("truncated", "truncated", "The line was cut off.")
    if not text.strip():
        return None if leaving else _Refusal("empty", "empty", "The line was empty.")
    fault = find_fault(text, situation)
    if fault is None:
        return _name_inventions(invented) if invented else None
    return _Refusal("refused" if fault.kind == "refuses" else "bad_reply", *fault)


def _name_inventions(invented: Sequence[Invented]) -> _Refusal:
    named = ", ".join(one["text"] for one in invented)
    return _Refusal("bad_reply", "invented", f"Nobody gave this person what it told: {named}.")


def _note(text: str, refusal: _Refusal, usage: Usage | None) -> Refused:
    noted: Refused = {"kind": refusal.kind, "why": refusal.reason, "text": text[:LONGEST_NOTE]}
    if usage:
        noted["usage"] = usage
    return noted


LONGEST_NOTE = 500
"""Letters of a refused line that are stored."""
