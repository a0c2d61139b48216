"""`check`: facts about a conversation that code can tell, as scenario files name them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from duologue.conversation import Conversation
from duologue.running import run_in_thread


@dataclass(frozen=True)
class CheckResult:
    """`status` is pass, fail, inconclusive or error; it is true only where it is `pass`.

    `quotes` are what the verdict looks at.
    """

    id: str
    status: str
    reason: str
    quotes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.status == "pass"

    def __str__(self) -> str:
        quoted = "".join(f"\n  “{quote}”" for quote in self.quotes if quote)
        return f"{self.id}: {self.status}: {self.reason}{quoted}"


def check(conversation: Conversation, *checks: Mapping[str, Any]) -> list[CheckResult]:
    """A result for each check, in their order: `check(talk, {"bot_says": "juice"})`.

    Checks are those of scenario files; docs/checks.md lists them. `python:` checks are loaded
    from the working directory. Of a conversation that broke nothing can be told: each result is an
    `error` with the cause. Raises ValueError for a check that does not exist, and without any.
    """
    if not checks:
        raise ValueError('name at least one check, as in check(talk, {"bot_says": "juice"})')
    from pathlib import Path

    from evaluation.checks.any import run_checks
    from evaluation.checks.python import PythonRunner
    from evaluation.scenarios import ScenarioFile
    from evaluation.transcripts import Transcript

    asked = ScenarioFile.model_validate({"checks": [dict(one) for one in checks]})
    said: Any = conversation.messages
    transcript = Transcript(said, {}, conversation.end_reason)

    async def run() -> list[CheckResult]:
        async with PythonRunner(Path()) as python:
            found = await run_checks(asked.checks, transcript, python)
        if conversation.error is not None:
            why = f"the conversation broke: {conversation.error}"
            return [CheckResult(one.id, "error", why) for one in found]
        return [
            CheckResult(one.id, one.status, one.reason, tuple(part.quote for part in one.evidence))
            for one in found
        ]

    return run_in_thread(run)
