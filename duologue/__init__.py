"""Test bots from Python: `simulate` has one conversation, `check` looks at it, `run_suite` runs a
suite file and says whether its gate is met.

This module is the promise to scripts and plug-ins: what is named in `__all__` stays. Nothing else
of Duologue's packages is meant to be imported from outside.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duologue.checking import CheckResult, check
    from duologue.conversation import Conversation, Line, simulate
    from duologue.suites import Failure, SuiteResult, run_suite

__all__ = [
    "CheckResult",
    "Conversation",
    "Failure",
    "Line",
    "SuiteResult",
    "check",
    "run_suite",
    "simulate",
]
_HOMES = {
    "CheckResult": "duologue.checking",
    "check": "duologue.checking",
    "Conversation": "duologue.conversation",
    "Line": "duologue.conversation",
    "simulate": "duologue.conversation",
    "Failure": "duologue.suites",
    "SuiteResult": "duologue.suites",
    "run_suite": "duologue.suites",
}


def __getattr__(name: str) -> Any:
    """Imported when first used: pytest loads this package in every run, used or not."""
    if name not in _HOMES:
        raise AttributeError(f"module 'duologue' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
