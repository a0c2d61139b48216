"""`repeats: auto`: as many trials of a cell as a decision needs (Wald's sequential test)."""

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

Decision = Literal["accepted", "rejected", "undecided", "open"]
ERROR = 0.05


class Prospect(NamedTuple):
    """What the test does with a bot of a given rate: how it ends, and after how many trials."""

    accepted: float
    rejected: float
    undecided: float
    mean_trials: float


class SequentialTest(NamedTuple):
    """Tells a `good` cell from a `bad` one, each wrongly in at most 5 % (before `max` cuts it)."""

    good: float = 0.9
    bad: float = 0.6
    max: int = 30

    def decide(self, outcomes: Iterable[bool | None]) -> Decision:
        """The decision after these outcomes, in the order of repeats.

        None is a trial that was not judged: it counts for neither side. Pass them in the order in
        which trials were planned and leave out all after the first that has not ended: failures
        often end first, so the order of ending would favour them.
        """
        passed = failed = 0
        for outcome in outcomes:
            if outcome is None:
                continue
            passed, failed = passed + outcome, failed + (not outcome)
            decision = self._weigh(passed, failed)
            if decision != "open":
                return decision
        return "open"

    def foresee(self, rate: float) -> Prospect:
        """The exact chances and mean length of the test for a bot that passes at `rate`."""
        under_way = {0: 1.0}
        ended: dict[Decision, float] = dict.fromkeys(("accepted", "rejected", "undecided"), 0.0)
        mean = 0.0
        for trial in range(1, self.max + 1):
            mean += math.fsum(under_way.values())
            following: dict[int, float] = {}
            for passed, chance in under_way.items():
                for more, share in ((1, rate), (0, 1 - rate)):
                    decision = self._weigh(passed + more, trial - passed - more)
                    if decision == "open":
                        after = following.get(passed + more, 0.0)
                        following[passed + more] = after + chance * share
                    else:
                        ended[decision] += chance * share
            under_way = following
        return Prospect(ended["accepted"], ended["rejected"], ended["undecided"], mean)

    def _weigh(self, passed: int, failed: int) -> Decision:
        evidence = passed * _log_ratio(self.good, self.bad)
        evidence += failed * _log_ratio(1 - self.good, 1 - self.bad)
        limit = math.log((1 - ERROR) / ERROR)
        if evidence >= limit:
            return "accepted"
        if evidence <= -limit:
            return "rejected"
        return "undecided" if passed + failed >= self.max else "open"


def _log_ratio(good: float, bad: float) -> float:
    """A good bot that can never fail, or a bad one that can never pass, is nearly so."""
    least = 1e-9
    return math.log(max(good, least) / max(bad, least))


def fixed_passes(rate: float, repeats: int, required: float) -> float:
    """How often a bot of this rate passes `required` with a fixed number of repeats."""
    least = math.ceil(required * repeats - 1e-9)
    return math.fsum(
        math.comb(repeats, k) * rate**k * (1 - rate) ** (repeats - k)
        for k in range(least, repeats + 1)
    )
