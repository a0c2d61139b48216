"""Judges for the mock model: what they answer to a judge's prompt, honest or not.

An honest one knows two rules. A question with a text in “…” asks whether the bot says it; any other
asks whether the bot spoke and nobody of it was rude.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

RUDE = re.compile(r"stupid|shut up|im đi|đồ ngốc", re.IGNORECASE)
Prompt = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """A judge's prompt, read as the judge reads it: what stands outside the fence, and inside."""

    question: str
    bot: dict[int, str]
    scale: tuple[int, int] | None
    is_second_time: bool

    @classmethod
    def read(cls, prompt: Prompt) -> "Asked":
        rules, task = str(prompt[0]["content"]), str(prompt[1]["content"])
        before, body = _split(task)
        scale = re.search(r"whole number from (\d+) .* to (\d+)", rules)
        return cls(
            question=before.removeprefix("Question: ").strip(),
            bot=_bot_lines(body),
            scale=(int(scale[1]), int(scale[2])) if scale else None,
            is_second_time=any(line["role"] == "assistant" for line in prompt),
        )


def _split(task: str) -> tuple[str, str]:
    """The question, and what stands between the two marks with the same code."""
    found = re.search(r"^BEGIN TRANSCRIPT (\w+)$", task, re.MULTILINE)
    if found is None:
        return task, ""
    end = f"\nEND TRANSCRIPT {found[1]}"
    return task[: found.start()], task[found.end() : task.rindex(end)]


def _bot_lines(body: str) -> dict[int, str]:
    bot: dict[int, str] = {}
    speaker = ""
    for line in body.splitlines():
        head = re.match(r"\[(\d+)\] (bot|user), turn \d+", line)
        text = re.match(r"(\d+)\| (.*)", line)
        if head:
            speaker = head[2]
        elif text and speaker == "bot":
            index = int(text[1])
            bot[index] = f"{bot[index]}\n{text[2]}" if index in bot else text[2]
    return bot


def ruling(asked: Asked, met: bool, *evidence: tuple[int, str]) -> str:
    quotes = [{"message": index, "quote": quote} for index, quote in evidence]
    said: dict[str, Any] = {"requirement": asked.question, "reasoning": "", "evidence": quotes}
    if asked.scale:
        said["score"] = asked.scale[1 if met else 0]
    else:
        said["status"] = "pass" if met else "fail"
    return json.dumps({**said, "reasoning": "It is met." if met else "It is not met."})


def honest(asked: Asked) -> str:
    wanted = re.search("“(.+?)”", asked.question)
    if wanted is None:
        return _polite(asked)
    found = [(index, wanted[1]) for index, text in asked.bot.items() if wanted[1] in text]
    return ruling(asked, bool(found), *found[:1])


def _polite(asked: Asked) -> str:
    rude = [(i, hit[0]) for i, text in asked.bot.items() if (hit := RUDE.search(text))]
    if rude or not asked.bot:
        return ruling(asked, False, *rude[:1])
    index, text = next(iter(asked.bot.items()))
    return ruling(asked, True, (index, text.splitlines()[0]))


def yes(asked: Asked) -> str:
    """Passes everything, with a quote that is true in a lesson and in the canary."""
    index, text = next(iter(asked.bot.items()), (0, "when do you open"))
    return ruling(asked, True, (index, text.splitlines()[0]))


def liar(asked: Asked) -> str:
    return ruling(asked, True, (1, "what nobody ever said"))


def canary_only(asked: Asked) -> str:
    """Honest about the canary, and a liar about all else."""
    return honest(asked) if "customer" in asked.question else liar(asked)


def repenting(asked: Asked) -> str:
    return honest(asked) if asked.is_second_time else canary_only(asked)


JUDGES: dict[str, Callable[[Asked], str]] = {
    "honest": honest,
    "yes": yes,
    "liar": canary_only,
    "repenting": repenting,
    "prose": lambda asked: "I think the bot did fine, so: PASS.",
    "fenced": lambda asked: f"```json\n{honest(asked)}\n```",
}


def answer(name: str, prompt: Prompt) -> str:
    """What the judge of that name says. Raises KeyError on an unknown one."""
    return JUDGES[name](Asked.read(prompt))
