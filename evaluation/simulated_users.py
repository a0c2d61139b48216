"""What the simulated users of an experiment did, and what another user model makes of its trials.

A second opinion replays a share of the trials with another model in the user's seat. It changes no
rate: a verdict that flips with the user was a verdict on the user.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import Field, StringConstraints

from core.message import Message
from evaluation.figures.rates import TWO_SIDED, wilson_interval
from evaluation.figures.sentences import BilingualText, percent
from evaluation.verdicts import Cause, CellKey, Outcome, Record

Count = Annotated[int, Field(ge=0)]
Part = Annotated[float, Field(gt=0, le=1)]
_GOLDEN = 0.6180339887498949
MOST_FLIPS = 5
"""Flips that a note names; all of them are in the figures."""


class SecondOpinionRule(Record):
    """Which share of the trials is replayed, and with which user model."""

    share: Part = Field(0.1, description="Of the trials that a model plays the user of.")
    user_model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="Else the other one of DUOLOGUE_USER_MODEL and DUOLOGUE_MODEL."
    )


class SecondOpinion(Record):
    """What came of a trial with another user model; `failed` are its checks and criteria."""

    model: str
    conversation_id: str | None = None
    outcome: Outcome
    end_reason: str | None = None
    turns: Count = 0
    failed: list[str] = []
    cause: Cause | None = Field(None, description="Who broke it, where it is broken.")


class UserRecord(Record):
    """What the simulated user of a trial did; `refused` counts its lines that were not sent."""

    lines: Count = 0
    refused: dict[str, int] = {}
    refused_tokens: Count = 0
    aims: list[str] = []


class UserFigures(Record):
    """The users of all trials with a persona; `aims` counts the trials that reached each."""

    persona: str
    trials: Count
    lines: Count
    refused: dict[str, int] = {}
    refused_tokens: Count = 0
    aims: dict[str, int] = {}


class Flip(Record):
    """A trial that passed with one user model and failed with the other."""

    trial: str
    scenario: str
    persona: str = ""
    bot: str
    first: Outcome
    second: Outcome
    conversation_id: str | None = None


class SecondOpinionFigures(Record):
    """`compared` of the `replayed` trials passed or failed both times; `flips` are the part of
    them that came out otherwise, with its 95 % interval.
    """

    model: str
    replayed: Count
    compared: Count
    flips: list[Flip] = []
    low: float | None = None
    high: float | None = None


class Played(NamedTuple):
    """What figures of users need of a trial."""

    id: str
    cell: CellKey
    outcome: Outcome | None
    user: UserRecord | None
    second: SecondOpinion | None


def is_chosen(number: int, share: float) -> bool:
    """Whether a trial is replayed: spread evenly whatever the order, the first one always."""
    return number * _GOLDEN % 1 < share


def observe_user(messages: Sequence[Message]) -> UserRecord:
    """What the user of a conversation did."""
    own = [line for line in messages if line["role"] == "user" and line["origin"] != "given"]
    refused = [one for line in own for one in line.get("discarded", ())]
    usages: list[Any] = [one.get("usage") or {} for one in refused]
    return UserRecord(
        lines=len(own),
        refused=dict(Counter(one.get("kind", "refused") for one in refused)),
        refused_tokens=sum(u.get("input_tokens", 0) + u.get("output_tokens", 0) for u in usages),
        aims=list(dict.fromkeys(aim for line in messages for aim in line.get("aims", ()))),
    )


def summarize_users(
    trials: Iterable[Played], aims: Mapping[str, Sequence[str]]
) -> list[UserFigures]:
    """The sums by persona; `aims` are those that each declares."""
    groups: dict[str, list[UserRecord]] = {}
    for trial in trials:
        if trial.user is not None:
            groups.setdefault(trial.cell.persona, []).append(trial.user)
    return [_add_users(persona, users, aims.get(persona, ())) for persona, users in groups.items()]


def _add_users(persona: str, users: Sequence[UserRecord], aims: Sequence[str]) -> UserFigures:
    refused: Counter[str] = Counter()
    for user in users:
        refused.update(user.refused)
    reached = Counter(aim for user in users for aim in user.aims)
    return UserFigures(
        persona=persona,
        trials=len(users),
        lines=sum(user.lines for user in users),
        refused=dict(refused.most_common()),
        refused_tokens=sum(user.refused_tokens for user in users),
        aims={aim: reached[aim] for aim in dict.fromkeys([*aims, *reached])},
    )


def summarize_second_opinions(trials: Iterable[Played]) -> SecondOpinionFigures | None:
    """How often another user model brought another outcome; None where none was asked."""
    both = [(trial, trial.second) for trial in trials if trial.second and trial.outcome]
    if not both:
        return None
    judged = ("passed", "failed")
    compared = [pair for pair in both if pair[0].outcome in judged and pair[1].outcome in judged]
    flips = [
        Flip(
            trial=first.id,
            scenario=first.cell.scenario,
            persona=first.cell.persona,
            bot=first.cell.bot,
            first=first.outcome or "skipped",
            second=second.outcome,
            conversation_id=second.conversation_id,
        )
        for first, second in compared
        if first.outcome != second.outcome
    ]
    n = len(compared)
    low, high = wilson_interval(len(flips) / n, n, TWO_SIDED) if n else (None, None)
    model = ", ".join(dict.fromkeys(second.model for _, second in both))
    return SecondOpinionFigures(
        model=model, replayed=len(both), compared=n, flips=flips, low=low, high=high
    )


def describe_second_opinions(figures: SecondOpinionFigures) -> BilingualText:
    n, flips = figures.compared, len(figures.flips)
    if figures.low is None or figures.high is None:
        return BilingualText(
            f"Second opinion: of {figures.replayed} trials replayed with the user model "
            f"{figures.model}, none was judged both times.",
            f"Ý kiến thứ hai: trong {figures.replayed} lượt chạy lại với mô hình người dùng "
            f"{figures.model}, không lượt nào được chấm cả hai lần.",
        )
    low, high = percent(figures.low), percent(figures.high)
    return BilingualText(
        f"Second opinion: with the user model {figures.model}, {flips} of {n} replayed trials came "
        f"out otherwise ({percent(flips / n)}, 95 % interval {low} to {high})."
        + _name_flips(figures.flips, {"passed": "passed", "failed": "failed"}),
        f"Ý kiến thứ hai: với mô hình người dùng {figures.model}, {flips} trên {n} lượt chạy lại "
        f"cho kết quả khác ({percent(flips / n)}, khoảng 95 %: {low} đến {high})."
        + _name_flips(figures.flips, {"passed": "đạt", "failed": "không đạt"}),
    )


def _name_flips(flips: Sequence[Flip], words: Mapping[str, str]) -> str:
    named = [
        f"{CellKey(one.scenario, one.persona, one.bot)}: {words[one.first]} → {words[one.second]}"
        for one in flips[:MOST_FLIPS]
    ]
    return f" {'; '.join(named)}{'; …' if len(flips) > MOST_FLIPS else '.'}" if named else ""


def describe_users(figures: UserFigures) -> BilingualText | None:
    """The aims and refused lines of one persona; None where there is neither."""
    who = figures.persona or "-"
    aims = ", ".join(f"“{aim}” {n}/{figures.trials}" for aim, n in figures.aims.items())
    kinds = ", ".join(f"{kind} {n}" for kind, n in figures.refused.items())
    count = sum(figures.refused.values())
    en = [f"aims reached: {aims}"] if aims else []
    vi = [f"mục tiêu đã đạt: {aims}"] if aims else []
    if count:
        en.append(f"{count} lines refused ({kinds}; {figures.refused_tokens} tokens)")
        vi.append(f"{count} câu bị từ chối ({kinds}; {figures.refused_tokens} token)")
    if not en:
        return None
    return BilingualText(
        f"The user {who}, {figures.trials} trials: {'; '.join(en)}.",
        f"Người dùng {who}, {figures.trials} lượt chạy: {'; '.join(vi)}.",
    )
