"""CSV, JSON lines, JSON and Markdown."""

import csv
import io
import json
from typing import Any

import jsonschema_rs
import pytest

from reports import markdown, page, table
from reports.records import render_line
from reports.render import MEDIA_TYPES, SUFFIXES, render_comparison, render_report
from tests.unit.docs.schemas import schema


def rows(document: dict[str, Any]) -> list[dict[str, str]]:
    text = render_report(document, "csv")
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_csv_has_a_row_per_trial(nightly: dict[str, Any]) -> None:
    found = rows(nightly)
    assert len(found) == 120
    assert found[0]["scenario"] == "Orders a drink"
    failed = next(row for row in found if row["outcome"] == "failed")
    assert failed["reason"].startswith("corrects: It praises")
    assert failed["cost_usd"] == "0.007"


def test_csv_has_reasons_in_the_reader_s_language_under_the_same_columns(
    nightly: dict[str, Any],
) -> None:
    failed = next(one for one in nightly["trials"] if one["outcome"] == "failed")
    facts = {"id": "same", "kind": "check", "status": "fail", "reason": "turn 4 repeats turn 3"}
    failed = {**failed, "verdicts": [{**failed["verdicts"][0], **facts}]}
    text = render_report({**nightly, "trials": [failed]}, "csv", "vi").removeprefix("\ufeff")
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (row["outcome"], row["reason"]) == ("failed", "same: lượt 4 lặp lại lượt 3")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"])
def test_no_text_is_taken_for_a_formula(text: str) -> None:
    assert table.guard(text) == f"'{text}"


def test_numbers_and_plain_texts_are_left_as_they_are() -> None:
    assert [table.guard(value) for value in (-3, 2.5, None, "a = b", "")] == [
        -3,
        2.5,
        None,
        "a = b",
        "",
    ]


def test_a_result_line_is_json_on_one_line_without_the_transcript(nightly: dict[str, Any]) -> None:
    lines = render_report(nightly, "jsonl").splitlines()
    assert len(lines) == 120
    first = json.loads(lines[0])
    assert first["experiment"] == nightly["experiment"]["id"]
    assert first["outcome"] == "passed"
    assert "lines" not in first
    trial = {**nightly["trials"][0], "reproduce": "two\nlines\u2028three"}
    assert render_line(trial, "e").count("\n") == 1


def test_trials_that_have_not_ended_have_no_result_line(nightly: dict[str, Any]) -> None:
    pending = {**nightly["trials"][0], "outcome": None}
    assert render_report({**nightly, "trials": [pending]}, "jsonl") == ""


def test_json_fits_the_published_schema(nightly: dict[str, Any]) -> None:
    found = json.loads(render_report(nightly, "json"))
    jsonschema_rs.validate(json.loads(schema("experiment.json")), found)
    assert found == nightly


def test_markdown_begins_with_the_verdict_and_has_flips_before_the_map(
    nightly: dict[str, Any],
) -> None:
    text = render_report(nightly, "markdown")
    assert text.startswith("## ❌ Gate not met: Robot, every night\n\n16-careless: Not met: 51 %")
    assert 0 < text.index("passed, now fails") < text.index("Where it passes")
    assert "kịch" not in text
    assert render_report(nightly, "markdown", "vi").startswith("## ❌ Không đạt ngưỡng")


def test_markdown_names_each_failing_cell_once_with_the_command_that_has_it_again(
    nightly: dict[str, Any],
) -> None:
    text = render_report(nightly, "markdown")
    worst = "- **Says goodbye · Mixes languages · Robot 16-careless**, 4 of 5 failed: corrects: It"
    assert text.count(worst) == 1
    assert "`duologue run --scenario s1 --persona p1 --bot 16-careless`" in text


def test_what_a_bot_says_is_no_markdown_and_no_html() -> None:
    escaped = markdown.escape("<script> | [x](y) `a`\n# _b_ @you &amp;")
    assert escaped == "&lt;script&gt; \\| \\[x\\](y) \\`a\\` \\# \\_b\\_ \\@you &amp;amp;"
    assert markdown.code("a `b` c") == "`` a `b` c ``"


def test_every_format_has_a_media_type_and_a_suffix(nightly: dict[str, Any]) -> None:
    assert set(MEDIA_TYPES) == set(SUFFIXES)
    for name in MEDIA_TYPES:
        assert render_report(nightly, name)


def test_a_comparison_has_no_table_of_trials(nightly: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no csv report"):
        render_comparison(nightly, "csv")


def test_reports_say_who_played_the_user(nightly: dict[str, Any]) -> None:
    played = [
        {"persona": "child", "kind": "model", "model": "user-lm"},
        {"persona": "nobody", "kind": "scripted", "model": None},
    ]
    document = {**nightly, "suite": {**nightly["suite"], "simulators": played}}
    for render in (markdown.render_experiment, page.render_experiment):
        text = render(document)
        assert "ser played by user-lm (" in text
        assert "a script (nobody)" in text
        assert "played by" not in render(nightly)
