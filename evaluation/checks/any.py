"""Any check, as it stands in a scenario's file, and how a list of them is run."""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag
from pydantic_core import PydanticCustomError

from core.spelling import nearest
from evaluation.checks.base import Check, Finding
from evaluation.checks.figures import Ended, LatencyS, Session, Turns, WordsAReply
from evaluation.checks.manners import BotLanguage, NoLeftovers, NoRepeats
from evaluation.checks.offers import BotOffers
from evaluation.checks.order import After, NeverBefore
from evaluation.checks.python import Python, PythonRunner
from evaluation.checks.says import BotNeverSays, BotSays, UserSays
from evaluation.patterns import TooSlow
from evaluation.transcripts import Transcript
from evaluation.verdicts import Evidence, Verdict

KINDS: dict[str, type[Check]] = {
    check.kind: check
    for check in (
        BotSays, BotNeverSays, BotOffers, UserSays, After, NeverBefore, BotLanguage, Ended, Turns,
        LatencyS, WordsAReply, NoRepeats, NoLeftovers, Session, Python,
    )
}  # fmt: skip


def _kind(value: Any) -> str | None:
    if isinstance(value, Check):
        return value.kind
    return next((key for key in value if key in KINDS), None) if isinstance(value, dict) else None


def _tag(value: Any) -> str:
    """Unlike any key, so that a place in a file is told without it."""
    return f"{_kind(value)} check"


def _require_known_kind(value: Any) -> Any:
    """Says which check may have been meant where none is named, or more than one."""
    named = [key for key in value if key in KINDS] if isinstance(value, dict) else []
    if len(named) > 1:
        text = f"an entry is one check; write {' and '.join(named)} as entries of their own"
        raise PydanticCustomError("two_checks", "{text}", {"text": text})
    if _kind(value) is not None:
        return value
    words = [str(key) for key in value] if isinstance(value, dict) else [str(value)]
    guess = next((found for word in words if (found := nearest(word, KINDS))), None)
    hint = f"did you mean {guess}?" if guess else f"there are: {', '.join(KINDS)}"
    text = f"no check is named {words[0]!r}; {hint}" if words else "a check is empty"
    raise PydanticCustomError("unknown_check", "{text}", {"text": text})


if TYPE_CHECKING:
    AnyCheck = Check
else:
    AnyCheck = Annotated[
        Annotated[
            reduce(or_, (Annotated[check, Tag(f"{kind} check")] for kind, check in KINDS.items())),
            Discriminator(_tag),
        ],
        BeforeValidator(_require_known_kind),
    ]


def name_checks(checks: Sequence[Check], taken: Iterable[str] = ()) -> list[str]:
    """An id for each check: its own, else its kind, numbered from the second on."""
    own = {check.id for check in checks if check.id} | set(taken)
    names: list[str] = []
    for check in checks:
        names.append(check.id or _free(check.kind, own | set(names)))
    return names


def _free(kind: str, taken: set[str]) -> str:
    if kind not in taken:
        return kind
    number = 2
    while f"{kind}-{number}" in taken:
        number += 1
    return f"{kind}-{number}"


def run_check(check: Check, transcript: Transcript, id: str | None = None) -> Verdict:
    """The verdict of one check. A `python` check is an `error` here: see `run_checks`."""
    try:
        found = check.examine(transcript)
    except TooSlow as error:
        slow = Evidence(message=error.index, quote="")
        found = Finding(status="error", reason=str(error), evidence=[slow])
    return _verdict(check, found, id)


async def run_checks(
    checks: Sequence[Check], transcript: Transcript, runner: PythonRunner | None = None
) -> list[Verdict]:
    """The verdicts of all checks of a scenario, in their order; `runner` runs `python` checks."""
    verdicts = []
    for id, check in zip(name_checks(checks), checks, strict=True):
        if isinstance(check, Python) and runner is not None:
            verdicts.append(_verdict(check, await runner.examine(check, transcript), id))
        else:
            verdicts.append(run_check(check, transcript, id))
    return verdicts


def _verdict(check: Check, found: Finding, id: str | None) -> Verdict:
    return Verdict(
        id=id or check.id or check.kind,
        kind="check",
        status=found.status,
        reason=found.reason,
        evidence=found.evidence,
        must=check.must,
        score=found.score,
    )
