"""Transcripts for tests, written as people read them."""

from typing import Any

from pydantic import TypeAdapter

from core.message import Message, new_message
from evaluation.checks.any import AnyCheck, run_check
from evaluation.checks.base import Check
from evaluation.transcripts import Transcript
from evaluation.verdicts import Verdict

adapter: TypeAdapter[Check] = TypeAdapter(AnyCheck)


def talk(*lines: str, **known: Any) -> Transcript:
    """`U: …` and `B: …` in order; a bot line after a bot line is a bubble of the same turn.

    `G: …` is a greeting, `HU: …` and `HB: …` are given history. `latencies_ms` are the bot's, a
    bubble each.
    """
    latencies = list(known.pop("latencies_ms", []))
    messages: list[Message] = []
    turn = 0
    for index, line in enumerate(lines):
        who, _, text = line.partition(": ")
        is_bot, is_given = who in ("B", "G", "HB"), who.startswith("H")
        turn += who == "U"
        one = new_message(
            "assistant" if is_bot else "user",
            text,
            index=index,
            turn=0 if is_given or who == "G" else turn,
            origin="given" if is_given else "bot" if is_bot else "simulated",
            latency_ms=latencies.pop(0) if latencies and is_bot else None,
        )
        messages.append(one)
    return Transcript(messages=messages, **{"end_reason": "max_turns", **known})


def check(**fields: Any) -> Check:
    return adapter.validate_python(fields)


def verdict(transcript: Transcript, **fields: Any) -> Verdict:
    return run_check(check(**fields), transcript)


def status(transcript: Transcript, **fields: Any) -> str:
    return verdict(transcript, **fields).status
