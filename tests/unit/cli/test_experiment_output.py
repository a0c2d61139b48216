"""What a terminal shows of an experiment that ended, in the reader's language."""

import re

import pytest

from cli.experiment_output import describe_progress, describe_result
from cli.experiment_texts import speak, write_count, write_duration
from evaluation.results import ExperimentDocument
from tests.unit.evaluation.samples import build_nightly


@pytest.fixture(scope="module")
def nightly() -> ExperimentDocument:
    return build_nightly()


ENGLISH = re.compile(
    r"\b(trials?|passed|failed|broke|broken|again|read|exit|interval|message|judged|report|note|worst)\b",
    re.IGNORECASE,
)


def _show(document: ExperimentDocument, language: str) -> list[str]:
    """The lines, without commands and without what bots, models and judges said."""
    lines = describe_result(document, language, ["r.html"])
    told = [re.sub(r"duologue (test|show) .*|“.*”|: error: .*", "", line) for line in lines]
    return [re.sub(r"^(  \d+ × \w+: )[^:]*: .*", r"\1", line) for line in told]


def test_the_result_in_vietnamese_has_no_english_word_of_ours(nightly: ExperimentDocument) -> None:
    lines = _show(nightly, "vi")
    assert lines[-1] == f"Mã thoát {nightly.experiment.exit_code}"
    assert [line for line in lines if ENGLISH.search(line)] == []
    assert len(lines) == len(_show(nightly, "en"))


def test_progress_is_told_in_the_reader_s_language() -> None:
    data = {"finished": 1, "total": 1, "cost_usd": 0, "seconds": 1.5, "seconds_left": 130}
    data |= dict.fromkeys(("passed", "failed", "unjudged", "broken", "skipped"), 0) | {"passed": 1}
    assert describe_progress(data) == "1 of 1 trial, 1 passed, 1.5 s, about 2 min left"
    assert describe_progress(data, "vi") == (
        "1 trên 1 lượt chạy, 1 đạt, 1,5 giây, còn khoảng 2 phút"
    )


def test_one_trial_is_no_trials() -> None:
    assert [write_count(n, "trial", "en") for n in (0, 1, 2)] == ["0 trials", "1 trial", "2 trials"]
    assert write_count(1, "cell", "vi") == "1 ô"
    assert (write_duration(12, "vi"), write_duration(600)) == ("12 giây", "10 min")
    assert speak("vi")("exit", n=4) == "Mã thoát 4"


def test_a_bot_s_name_stands_beside_its_id(nightly: ExperimentDocument) -> None:
    bots = [line for line in describe_result(nightly, "en", []) if line.startswith("Bot ")]
    assert [line.partition(":")[0] for line in bots] == [
        "Bot 16, Robot 16",
        "Bot 16-careless, Robot 16-careless",
    ]
