"""What a model that plays a person is told: who it is once, and what holds now beside each turn.

The prompt is bounded however long the conversation gets: the last lines as they are, what was
before as a digest of the person's own lines.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random

from core.message import Message
from core.parts import find_choices, read_out
from nodes.prompts import prompt
from nodes.speakers.patterns import matches
from nodes.speakers.personas import (
    Behaviour,
    Fact,
    Persona,
    rate_of,
    read_instructions,
    read_sections,
)

WINDOW = 40
"""Lines that are sent as they were said."""
DIGEST_LINES, DIGEST_LETTERS = 16, 70
_OPEN = "(You have just come to the bot. Write your first message.)"
_CHOOSING = "To press a button or quick reply, write its title and nothing else."
_FLIPPED = {"user": "assistant", "assistant": "user"}
_HIDDEN = {
    "opening", "prompt", "temperature", "model", "seed", "speaks", "facts", "sample_lines",
    "behaviours", "typing", "prompt_style", "end_token", "longest_line", "gives_up_after",
    "invents", "extends", "kind", "script", "aims", "satisfied_when",
}  # fmt: skip
Line = Mapping[str, str]


@lru_cache(maxsize=64)
def build_system_prompt(persona: Persona, user_prompt: str | None) -> str:
    """What tells a model to be this person, and what the caller asked of them."""
    task = (user_prompt or "").strip()
    if persona.prompt_style == "intent":
        parts = [persona.prompt.strip() or persona.goal.strip(), task]
        return _fill(prompt("intent"), task="\n".join(part for part in parts if part))
    traits = persona.model_dump(exclude=_HIDDEN)
    lines = [f"- {name.replace('_', ' ')}: {value}" for name, value in traits.items() if value]
    if persona.gives_up_after:
        lines.append(f"- gives up after: the same request failed {persona.gives_up_after} times")
    if isinstance(persona.satisfied_when, str) and persona.satisfied_when:  # else we decide
        lines.append(f"- satisfied when: {persona.satisfied_when}")
    if persona.aims:
        lines.append("- aims: " + "; ".join(f"{n}. {a.aim}" for n, a in enumerate(persona.aims, 1)))
        lines.append("  When you leave, name in the mark those that you reached: [[END 1, 2]]")
    if persona.sample_lines:
        lines.append("- types like this:")
        lines += [f"  - {line}" for line in persona.sample_lines]
    described = "\n".join(part for part in ("\n".join(lines), persona.prompt) if part)
    task = task or "Nothing in particular: follow your goal."
    return _fill(prompt("user"), persona=described.strip(), task=task)


@lru_cache(maxsize=64)
def describe_secrets(persona: Persona) -> str:
    """What the person never says in these words. The caller's task and the sample lines are no
    secret: they may hold what is to be said."""
    return "\n".join((prompt("user"), persona.goal, persona.character, persona.prompt))


@lru_cache(maxsize=64)
def describe_whole(persona: Persona) -> str:
    """All that stands in the persona, to look names and figures up in."""
    return persona.model_dump_json()


def _fill(text: str, **values: str) -> str:
    """In one go: what a persona or a caller wrote is never taken for a place to fill in."""
    places = "|".join(values)
    return re.sub(rf"\{{\{{({places})\}}\}}", lambda place: values[place[1]], text)


def build_prompt(
    persona: Persona,
    system: str,
    said: Sequence[Message],
    turn: int,
    *,
    behaviour: str | None = None,
    typed: Sequence[str] = (),
    seed: str = "",
    refused: str = "",
) -> list[Line]:
    """The messages for the next line. Roles are flipped: the bot is whom the model hears.

    `refused` is why the line before was not taken, if there was one.
    """
    recent = said[-WINDOW:]
    first = [{"role": "system", "content": system}]
    if earlier := said[: len(said) - len(recent)]:
        first[0]["content"] += "\n\n" + _digest(earlier)
    if persona.prompt_style == "intent":
        return [*first, *({"role": m["role"], "content": read_out(m)} for m in recent)]
    spoken = [{"role": _FLIPPED[m["role"]], "content": read_out(m)} for m in recent]
    opening = [] if said else [{"role": "user", "content": _OPEN}]
    notes = _notes(persona, said, turn, seed)
    notes += [read_sections("typing")[habit] for habit in typed]
    if behaviour:
        notes.append(instruct(persona, behaviour))
    if refused:
        notes.append(f"Your last try was refused: {refused}")
    now = _fill(prompt("turn"), turn=str(turn), name=persona.name, notes="\n".join(notes))
    return [*first, *_add_note([*spoken, *opening], now)]


def _add_note(lines: list[dict[str, str]], note: str) -> list[dict[str, str]]:
    """The note beside the bot's last line; many local models take a system message only first."""
    if lines and lines[-1]["role"] == "user":
        *before, last = lines
        return [*before, {"role": "user", "content": f"{last['content']}\n\n{note}"}]
    return [*lines, {"role": "user", "content": note}]


def _notes(persona: Persona, said: Sequence[Message], turn: int, seed: str) -> list[str]:
    """What holds at this turn alone, and what models forget over a long talk."""
    keep = [part for part in (persona.language, persona.level, persona.mixing) if part]
    notes = [f"Keep to: {'; '.join(keep)}."] if keep else []
    if len(persona.sample_lines) > 1:
        samples = Random(f"{seed}:{turn}").sample(persona.sample_lines, 2)  # noqa: S311
        notes.append("You type like: " + " / ".join(samples))
    if find_choices(said, len(said)):
        notes.append(_CHOOSING)
    return notes + [f"You may mention: {fact}" for fact in list_open_facts(persona, said, turn)]


def list_open_facts(persona: Persona, said: Sequence[Message], turn: int) -> list[str]:
    """The facts that may be told at this turn; others are not in the prompt at all."""
    bot = [line["content"] for line in said if line["role"] == "assistant"]
    return [_word(fact) for fact in persona.facts if is_open(fact, bot, turn)]


def is_open(fact: Fact, bot_lines: Sequence[str], turn: int) -> bool:
    """Whether a fact's time has come, given all that the bot said."""
    when = fact.when
    if when is None or when == "pressed":
        return True
    if when.turn is not None:
        return turn >= when.turn
    return any(matches(pattern, line) for pattern in when.asked for line in bot_lines)


def _word(fact: Fact) -> str:
    return (
        f"{fact.fact} (only when the bot presses for it)" if fact.when == "pressed" else fact.fact
    )


def draw_behaviour(persona: Persona, seed: str, turn: int) -> str | None:
    """The behaviour of a turn: at its declared rate, and the same for the same seed."""
    at = Random(f"{seed}/{turn}").random()  # noqa: S311 - to be repeated, not to be secret
    for name, given in persona.behaviours.items():
        at -= rate_of(given)
        if at < 0:
            return name
    return None


def draw_habits(persona: Persona, seed: str, turn: int) -> list[str]:
    """How the line of this turn is typed: each habit at its own rate, by seed."""
    return [
        name
        for name, rate in persona.typing
        if rate and Random(f"{seed}/{turn}/{name}").random() < rate  # noqa: S311 - to be repeated
    ]


def instruct(persona: Persona, behaviour: str) -> str:
    given = persona.behaviours.get(behaviour)
    if isinstance(given, Behaviour):
        return given.instruction
    return {**read_sections("leaving"), **read_instructions()}[behaviour]


def _digest(earlier: Sequence[Message]) -> str:
    """What the person said before the window: its own lines, evenly chosen and cut short."""
    own = [line for line in earlier if line["role"] == "user"]
    step = max(1, len(own) // DIGEST_LINES)
    lines = [f"- turn {line['turn']}: {line['content'][:DIGEST_LETTERS]}" for line in own[::step]][
        :DIGEST_LINES
    ]
    return "\n".join(["(Earlier in this conversation you said, in short:", *lines, ")"])
