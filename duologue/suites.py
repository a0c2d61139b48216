"""`run_suite`: a suite file, run to its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from duologue.running import read_settings, run_in_thread

if TYPE_CHECKING:
    from evaluation.results import ExperimentDocument, TrialRecord

Format = Literal["html", "junit", "json", "jsonl", "markdown", "csv"]


@dataclass(frozen=True)
class Failure:
    """A trial that did not pass: `outcome` is failed, unjudged or broken.

    `cell` is scenario/persona/bot; `reproduce` is the command that has the conversation again.
    """

    cell: str
    repeat: int
    outcome: str
    reasons: Sequence[str]
    conversation_id: str | None
    reproduce: str | None

    def __str__(self) -> str:
        why = "".join(f"\n  {reason}" for reason in self.reasons)
        again = f"\n  again: {self.reproduce}" if self.reproduce else ""
        return f"{self.cell}#{self.repeat}: {self.outcome}{why}{again}"


@dataclass(frozen=True)
class SuiteResult:
    """What was found. `exit_code` is that of `duologue test`: 0 is good, see docs/testing.md.

    `document` is the experiment as JSON (docs/schemas/experiment.json).
    """

    exit_code: int
    sentence: str
    failures: Sequence[Failure]
    document: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        return self.exit_code == 0

    def report(self, format: Format, language: Literal["en", "vi"] = "en") -> str:
        """The report as text."""
        from reports.render import render_report

        return render_report(self.document, format, language)


def run_suite(
    suite: str | Path,
    *,
    name: str | None = None,
    folder: str | Path = ".",
    database: str | Path | None = None,
) -> SuiteResult:
    """Runs a suite file, or a scenario file alone, from a project folder.

    The experiment is kept where `duologue` keeps its own (`database` names another file), so that
    later ones can be compared with it. Raises `core.errors.ConfigError` for a mistake in a file.
    """
    place = Path(folder)
    kept = Path(database) if database else None
    return run_in_thread(lambda: _run_suite(place, Path(suite), name, kept))


async def _run_suite(
    folder: Path, suite: Path, name: str | None, database: Path | None
) -> SuiteResult:
    from evaluation.experiments.service import open_experiments
    from evaluation.project import Project
    from evaluation.resolve import load_file
    from graph.process import open_process

    settings = read_settings(folder, database)
    resolved = load_file(folder / suite, Project.open(settings, folder))
    async with (
        open_process(settings) as runs,
        open_experiments(runs, root=folder) as service,
    ):
        row = await service.create(resolved, name)
        await service.start(row.id)
        await service.wait(row.id)
        return _describe(await service.document(row.id, lines=True))


def _describe(document: "ExperimentDocument") -> SuiteResult:
    code = document.experiment.exit_code
    bad = [one for one in document.trials if one.outcome in ("failed", "unjudged", "broken")]
    return SuiteResult(
        exit_code=3 if code is None else code,
        sentence=document.figures.sentence.en,
        failures=[_describe_failure(one) for one in bad],
        document=document.model_dump(mode="json"),
    )


def _describe_failure(trial: "TrialRecord") -> Failure:
    reasons = [
        f"{one.id}: {one.status}: {one.reason}"
        for one in trial.verdicts
        if one.must and one.status != "pass"
    ]
    if trial.broken:
        reasons.append(f"{trial.broken.cause}: {trial.broken.code}: {trial.broken.message}")
    return Failure(
        cell=str(trial.cell),
        repeat=trial.repeat,
        outcome=trial.outcome or "pending",
        reasons=reasons,
        conversation_id=trial.conversation_id,
        reproduce=trial.reproduce,
    )
