"""`duologue check-judge`: how many planted flaws a suite's checks and judge find."""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from cli.experiments import open_service
from cli.plain import use_utf8
from core.errors import Invalid
from core.settings import Settings
from evaluation.check_judge import JudgeCheck, Recall, check_judge, collect_questions
from evaluation.checks.python import PythonRunner
from evaluation.clean_talks import make_clean_talks
from evaluation.flaws import FLAWS
from evaluation.judge.judge import Judge
from evaluation.project import Project
from evaluation.resolve import load_suite
from evaluation.suites import JudgeConfig
from evaluation.transcripts import Transcript


def check_suite_judge(options: Namespace, settings: Settings) -> int:
    """Prints recall, right places and false alarms. Raises `ConfigError`, `Invalid`."""
    unknown = [kind for kind in options.kind if kind not in FLAWS]
    if unknown:
        raise Invalid(f"there is no {unknown[0]!r}; there are {', '.join(FLAWS)}", "kind")
    found = asyncio.run(_check(options, settings))
    out = use_utf8(sys.stdout)
    if options.json:
        out.write(found.model_dump_json(indent=2) + "\n")
    else:
        out.write("\n".join(_describe(found)) + "\n")
    return 3 if found.canary else 0


async def _check(options: Namespace, settings: Settings) -> JudgeCheck:
    project = Project.open(settings)
    suite = load_suite(Path(options.suite), project)
    checks, criteria = collect_questions(
        {id: (one.checks, one.criteria) for id, one in suite.scenarios.items()}
    )
    config = suite.suite.judge or JudgeConfig()
    clean = await _find_clean(options, settings)
    async with AsyncExitStack() as stack:
        runner = await stack.enter_async_context(PythonRunner(project.root))
        judge = None
        if criteria and not options.offline:
            made = Judge.from_config(config, settings, project.prices, suite.judges)
            judge = await stack.enter_async_context(made)
        return await check_judge(
            clean,
            checks,
            criteria,
            judge,
            kinds=options.kind or tuple(FLAWS),
            runner=runner,
            progress=_show_progress if sys.stderr.isatty() else None,
        )


async def _find_clean(options: Namespace, settings: Settings) -> list[Transcript]:
    """Transcripts of an experiment's trials that passed, or lessons of the demo robot."""
    if not options.experiment:
        return make_clean_talks(options.talks)
    async with open_service(settings) as service:
        row = await service.storage.experiments.find(options.experiment)
        trials = await service.storage.trials.select(row.id)
        passed = [one for one in trials if one.outcome == "passed" and one.conversation_id]
        if not passed:
            raise Invalid(f"no trial of {options.experiment!r} passed", "experiment")
        return [
            Transcript(await service.runs.messages(one.conversation_id or ""))
            for one in passed[: options.talks]
        ]


def _show_progress(done: int, total: int) -> None:
    sys.stderr.write(f"\r{done} of {total} transcripts" + ("\n" if done == total else ""))


def _describe(found: JudgeCheck) -> Iterator[str]:
    yield f"{found.clean} clean transcripts. Found of each kind, and of those in the right place:"
    yield f"{'flaw':<18}{'checks':<32}{'judge':<32}found by"
    for flaw in found.flaws:
        judged = _show(flaw.judge) if flaw.judge else "not asked"
        names = ", ".join(f"{id} {count}" for id, count in flaw.found_by.items())
        yield f"{flaw.kind:<18}{_show(flaw.checks):<32}{judged:<32}{names or 'nothing'}"
    yield "False alarms on the clean ones:"
    for alarm in found.false_alarms:
        bounds = f"({100 * alarm.low:.0f} to {100 * alarm.high:.0f} %)"
        yield f"  {alarm.id}: {alarm.failed} of {alarm.judged} {bounds if alarm.judged else ''}"
    yield from _describe_judge(found)


def _describe_judge(found: JudgeCheck) -> Iterator[str]:
    if found.canary:
        yield f"The judge is not believed. {found.canary}"
    elif found.unjudged:
        yield f"{found.unjudged} verdicts of the judge were errors and found nothing."
    if found.spending is not None:
        cost = found.spending.cost_usd
        tokens = found.spending.input_tokens + found.spending.output_tokens
        price = "price unknown" if cost is None else f"{cost:.4f} USD"
        yield f"The judge read and wrote {tokens} tokens: {price}."


def _show(recall: Recall) -> str:
    bounds = f"{100 * recall.low:.0f} to {100 * recall.high:.0f} %"
    return f"{recall.found}/{recall.planted} ({bounds}), {recall.right_place} right"
