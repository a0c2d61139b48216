"""How a persona behaves, as far as it can be measured without people: `duologue check-user`.

A persona talks to bots that say fixed lines; nothing is stored. Realism is not measured.
"""

import asyncio
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import demo.kinds  # noqa: F401 - who plays scripts is known wherever a persona is checked
from core.errors import Invalid, UserError
from core.events import SilentEmitter
from core.language import detect_language
from core.message import Message, new_message
from core.scenario import Scenario
from core.spelling import nearest
from core.state import Seat
from evaluation.word_levels import measure_level
from nodes.bots.chat import NO_MODEL
from nodes.speakers.personas import Persona, rate_of
from nodes.speakers.prompting import is_open
from nodes.speakers.protocol import TurnRequest
from nodes.speakers.registry import Speakers

NOT_MEASURED = "not measured: realism; what people would say of these lines"
WINDOW = 20
"""Words of the moving window of lexical variety."""


@cache
def read_canned_bots() -> dict[str, list[str]]:
    """What the bots say, by name; one that has run out begins again."""
    text = Path(__file__).with_name("canned_bots.yaml").read_text("utf-8")
    bots: dict[str, list[str]] = yaml.safe_load(text)
    return bots


@dataclass(slots=True)
class Talk:
    """One conversation of a check; `error` is why the user's model gave no line."""

    bot: str
    messages: list[Message] = field(default_factory=list)
    ended: bool = False
    error: str | None = None

    @property
    def own(self) -> list[Message]:
        return [line for line in self.messages if line["role"] == "user"]


async def play(
    speakers: Speakers, persona_id: str, seat: Seat, bot: str, *, turns: int, number: int
) -> Talk:
    """A talk of at most `turns` lines with the canned bot; `number` tells talks apart."""
    talk, lines = Talk(bot), read_canned_bots()[bot]
    seed = f"{bot}/{number}"  # else a script would hold the same talk again and again
    scenario = Scenario(persona=persona_id, max_turns=max(turns, 1), seed=seed)
    card = speakers.personas[persona_id].model_dump(exclude_defaults=True)
    user = speakers.user(scenario, seat, card, SilentEmitter())
    for turn in range(1, turns + 1):
        request = TurnRequest(f"check-{bot}-{number}", turn, talk.messages, scenario)
        await asyncio.sleep(0)  # scripts never wait, and a server has others to serve
        try:
            said = await user.say(request, lambda _: None)
        except UserError as error:
            talk.error = str(error.facts.get("refused_as") or error.code)
            return talk
        if said.text.strip():
            talk.messages.append(
                new_message(
                    "user",
                    said.text,
                    index=len(talk.messages),
                    turn=turn,
                    origin=said.origin,
                    usage=said.usage,
                    discarded=list(said.discarded),
                    behaviour=said.behaviour,
                    invented=list(said.invented),
                    typed=list(said.typed),
                    aims=list(said.aims),
                    model=said.model,
                )
            )
        if said.leaving or not said.text.strip():
            talk.ended = True
            return talk
        reply = lines[(turn - 1) % len(lines)]
        talk.messages.append(
            new_message("assistant", reply, index=len(talk.messages), turn=turn, origin="bot")
        )
    return talk


async def check_persona(
    speakers: Speakers, persona_id: str, seat: Seat | None, *, talks: int, turns: int
) -> dict[str, Any]:
    """The figures of a persona that talked `talks` times with each canned bot. Raises `Invalid`."""
    persona = speakers.personas.get(persona_id)
    if persona is None:
        guess = nearest(persona_id, speakers.personas)
        known = f"did you mean {guess}?" if guess else f"there are {', '.join(speakers.personas)}"
        raise Invalid(f"there is no persona {persona_id!r}; {known}", "persona")
    seat = "scripted" if persona.kind == "scripted" else seat or speakers.default_seat
    if seat == "simulated" and not speakers.settings.has_user_model:
        raise Invalid(NO_MODEL, "user")
    held = [
        await play(speakers, persona_id, seat, bot, turns=turns, number=number)
        for bot in read_canned_bots()
        for number in range(talks)
    ]
    model = speakers.name_user_model(persona) if seat == "simulated" else None
    return {"persona": persona_id, "played_by": seat, "model": model, **measure(persona, held)}


def measure(persona: Persona, talks: Sequence[Talk]) -> dict[str, Any]:
    """What can be counted in the talks; shares are of lines unless the name says otherwise."""
    lines = [line for talk in talks for line in talk.own]
    texts = [line["content"] for line in lines]
    lengths = [len(text.split()) for text in texts]
    return {
        "talks": len(talks),
        "lines": len(lines),
        "failed_talks": dict(Counter(talk.error for talk in talks if talk.error)),
        "refused_lines": dict(_count_refused(lines)),
        "refused_tokens": sum(_tokens(one) for line in lines for one in line.get("discarded", [])),
        "words_a_line": _spread(lengths),
        "languages": _shares(detect_language(text) for text in texts),
        "distinct_openings": len({talk.own[0]["content"] for talk in talks if talk.own}),
        "repeated_lines": _share_repeated(talks),
        "lexical_variety": measure_variety(texts),
        "words_above_level": measure_level(persona.level, texts),
        "invented": dict(
            Counter(one["kind"] for line in lines for one in line.get("invented", []))
        ),
        "ended_talks": _share(talk.ended for talk in talks),
        "behaviours": _compare_rates(persona, lines),
        "typing": _compare_habits(persona, lines),
        "aims": dict(Counter(aim for line in lines for aim in line.get("aims", []))),
        "facts": {fact.fact: _find_disclosures(fact, talks) for fact in persona.facts},
        "not_measured": NOT_MEASURED,
    }


def _count_refused(lines: Sequence[Message]) -> Counter[str]:
    return Counter(
        one.get("kind", "refused") for line in lines for one in line.get("discarded", [])
    )


def _tokens(refused: Any) -> int:
    usage = refused.get("usage") or {}
    return int(usage.get("input_tokens", 0)) + int(usage.get("output_tokens", 0))


def _spread(values: Sequence[int]) -> dict[str, float]:
    if not values:
        return {}
    return {
        "mean": round(statistics.fmean(values), 1),
        "sd": round(statistics.pstdev(values), 1),
        "longest": max(values),
    }


def _shares(kinds: Iterator[str]) -> dict[str, float]:
    counts = Counter(kinds)
    total = sum(counts.values())
    return {kind: round(count / total, 3) for kind, count in counts.most_common()}


def _share(flags: Iterator[bool]) -> float | None:
    found = list(flags)
    return round(sum(found) / len(found), 3) if found else None


def _share_repeated(talks: Sequence[Talk]) -> float | None:
    """Lines of four words or more that were said before in the same talk."""
    found = []
    for talk in talks:
        said: set[str] = set()
        for line in talk.own:
            text = line["content"].casefold().strip()
            if len(text.split()) >= 4:
                found.append(text in said)
                said.add(text)
    return _share(iter(found))


def measure_variety(texts: Sequence[str]) -> float | None:
    """Moving-average type-token ratio over `WINDOW` words; None where there are fewer."""
    words = [word for text in texts for word in re.findall(r"\w+", text.casefold())]
    if len(words) < WINDOW:
        return None
    ratios = [len(set(words[at : at + WINDOW])) / WINDOW for at in range(len(words) - WINDOW + 1)]
    return round(statistics.fmean(ratios), 3)


def _compare_rates(persona: Persona, lines: Sequence[Message]) -> dict[str, dict[str, float]]:
    drawn = Counter(line.get("behaviour") for line in lines)
    return {
        name: {
            "declared": rate_of(given),
            "drawn": round(drawn[name] / len(lines), 3) if lines else 0.0,
        }
        for name, given in persona.behaviours.items()
    }


def _compare_habits(persona: Persona, lines: Sequence[Message]) -> dict[str, dict[str, float]]:
    drawn = Counter(habit for line in lines for habit in line.get("typed", ()))
    return {
        name: {"declared": rate, "drawn": round(drawn[name] / len(lines), 3) if lines else 0.0}
        for name, rate in persona.typing
        if rate
    }


def _find_disclosures(fact: Any, talks: Sequence[Talk]) -> dict[str, Any]:
    """In which turns a fact came up, and how often before its time."""
    turns, early = [], 0
    for talk in talks:
        for at, line in enumerate(talk.messages):
            if line["role"] == "user" and _mentions(line["content"], fact.fact):
                turns.append(line["turn"])
                bot = [m["content"] for m in talk.messages[:at] if m["role"] != "user"]
                early += not is_open(fact, bot, line["turn"])
                break
    return {"talks": len(turns), "turns": sorted(turns), "before_its_time": early}


def _mentions(text: str, fact: str) -> bool:
    """Two of three longer words of the fact stand in the line."""
    words = {word for word in re.findall(r"\w+", fact.casefold()) if len(word) > 2}
    said = set(re.findall(r"\w+", text.casefold()))
    return bool(words) and len(words & said) >= max(1, 2 * len(words) / 3)
