"""What a shrink found, as the API and `--json` tell it."""

from collections.abc import Sequence
from typing import Any

from core.message import Message
from evaluation.shrink.shrinking import Shrinking, ShrinkResult, pair_transcripts, write_scenario


def describe_plan(job: Shrinking) -> dict[str, Any]:
    """What it would take."""
    plan = job.plan
    return {
        "conversation_id": job.failure.conversation.id,
        "fails": job.failure.name,
        "lines": plan.lines,
        "estimate": {
            name: {"replays": effort.replays, "calls": effort.calls}
            for name, effort in (("low", plan.low), ("high", plan.high))
        },
        "has_side_effects": plan.has_side_effects,
    }


def describe_shrink(
    job: Shrinking, result: ShrinkResult, messages: Sequence[Message]
) -> dict[str, Any]:
    """The plan with what was found; `messages` are those of the shortest replay."""
    tally = result.tally
    original = pair_transcripts(job.failure.messages, result.places)
    return {
        **describe_plan(job),
        "outcome": result.outcome,
        "shortest": list(result.lines),
        "replays": tally.replays,
        "calls": tally.calls,
        "found_replays": tally.found,
        "failed": result.failed,
        "measured": result.measured,
        "replay_id": result.conversation_id,
        "scenario": write_scenario(job.failure, result.lines) if result.lines else None,
        "original": [{**_brief(line), "needed": needed} for line, needed in original],
        "replay": [_brief(line) for line in messages],
    }


def _brief(line: Message) -> dict[str, Any]:
    return {name: line.get(name) for name in ("role", "content", "turn")}
