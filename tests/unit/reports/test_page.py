"""The one-file HTML report."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from evaluation.compare import build_comparison
from evaluation.suite_info import AutoRepeats, GateRule
from reports.failures import mark_quotes
from reports.render import render_comparison, render_report
from tests.unit.evaluation.samples import (
    build_document,
    build_nightly,
    build_suite,
    build_trial,
    draw_trials,
)

VOID = {"meta", "line", "circle", "path"}


class Reader(HTMLParser):
    """The page's headings, classes and links; balanced tags are a claim of their own."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_asks_for_nothing_from_elsewhere_and_runs_nothing(nightly: dict[str, Any]) -> None:
    reader = Reader(render_report(nightly, "html"))
    assert not any(tag in ("script", "link", "img", "iframe", "object") for tag, _ in reader.tags)
    for _, attributes in reader.tags:
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")


def test_the_sections_come_in_the_promised_order(nightly: dict[str, Any]) -> None:
    text = Reader(render_report(nightly, "html")).text
    titles = (
        "Gate not met",
        "What changed",
        "Where it passes",
        "How sure is it?",
        "What failed",
        "What could not be judged",
        "What broke",
        "Cost and latency",
        "What these figures do not say",
    )
    places = [
        text.index(title, text.index("</style>") if "</style>" in text else 0)
        for title in titles[1:]
    ]
    assert places == sorted(places)
    assert text.rindex(titles[0]) > 0


def test_a_cell_of_the_heat_map_is_text_as_well_as_colour(nightly: dict[str, Any]) -> None:
    page = render_report(nightly, "html")
    assert re.search(r'class="step-4" title="100 %, 5 passed">5/5 <span>✓', page)
    assert re.search(r'class="step-1" [^>]*><a href="#cell-[^"]+">2/5 <span>≈', page)


def test_the_failing_turn_and_the_quote_are_marked(nightly: dict[str, Any]) -> None:
    page = render_report(nightly, "html")
    assert '<li class="assistant here">' in page
    assert "<mark>Excellent! Con nói rất chuẩn.</mark>" in page


def test_links_of_the_map_lead_to_a_cell(nightly: dict[str, Any]) -> None:
    reader = Reader(render_report(nightly, "html"))
    ids = {attributes.get("id") for _, attributes in reader.tags}
    links = {attributes.get("href") for tag, attributes in reader.tags if tag == "a"}
    assert links
    assert {(link or "").removeprefix("#") for link in links} <= ids


def test_what_a_bot_says_is_text(nightly: dict[str, Any]) -> None:
    hostile = "</style><script>alert(1)</script><img src=x onerror=alert(1)>"
    suite = build_suite(scenarios=1, personas=1, bots=[hostile])
    talk = [("user", hostile), ("assistant", hostile)]
    trial = build_trial("s0", "p0", hostile, 1, "failed", talk=talk, reproduce=hostile)
    page = render_report(build_document(suite, [trial]).model_dump(mode="json"), "html")
    reader = Reader(page)
    assert not any(tag in ("script", "img") for tag, _ in reader.tags)
    assert "alert(1)" in reader.text


@pytest.mark.parametrize("language", ["en", "vi"])
def test_a_page_of_one_language_has_no_word_of_the_other(language: Any) -> None:
    suite = build_suite(gate=GateRule(pass_rate=0.9))
    document = build_document(suite, draw_trials(suite, {"16": 0.9, "16-careless": 0.5}))
    text = Reader(render_report(document.model_dump(mode="json"), "html", language)).text
    foreign = {"en": ("lượt chạy", "Khoảng", "ngưỡng"), "vi": ("trials", "passed", "interval")}
    for word in foreign[language]:
        assert word not in text.split("</style>")[-1].split("}\n\n")[-1], word


def test_an_experiment_that_stopped_early_shows_decisions_and_no_interval() -> None:
    suite = build_suite(scenarios=1, personas=1, bots=["16"], repeats=AutoRepeats())
    trials = [build_trial("s0", "p0", "16", n, "passed") for n in range(1, 9)]
    page = render_report(build_document(suite, trials).model_dump(mode="json"), "html")
    assert "accepted" in page
    assert "a decision, not an estimate" in page
    assert 'class="span"' not in page
    assert 'class="dot"' not in page
    assert "1 of 1<small>cells accepted" in page


def test_a_report_of_nothing_is_a_page_too() -> None:
    suite = build_suite(scenarios=1, personas=0, bots=["16"])
    document = build_document(suite, [build_trial("s0", "", "16", 1, None)])
    text = Reader(render_report(document.model_dump(mode="json"), "html")).text
    assert "Nothing was judged." in text


def test_a_comparison_shows_flips_first() -> None:
    base, suite = build_nightly(), build_suite()
    worse = build_document(suite, draw_trials(suite, {"16": 0.3, "16-careless": 0.3}))
    document = build_comparison(base, worse, generated_at="2026-11-21T04:00:00Z")
    assert (document.answer, document.exit_code) == ("worse", 1)
    page = render_comparison(document.model_dump(mode="json"), "html")
    text = Reader(page).text
    assert text.index("passed, now fails") < text.index("smaller changes")
    markdown = render_comparison(document.model_dump(mode="json"), "markdown", "vi")
    assert markdown.startswith("## ❌ Kém hơn")


def test_quotes_are_found_whatever_their_white_space_and_spelling() -> None:
    assert mark_quotes("Đúng  rồi,\ncon!", ["đúng rồi, con"]) == [
        ("Đúng  rồi,\ncon", True),
        ("!", False),
    ]
    assert mark_quotes("nu\u031bo\u031b\u0301c", ["nước"]) == [("nước", True)]
    assert mark_quotes("abc", ["x", ""]) == [("abc", False)]
    assert mark_quotes("aa bb aa", ["aa bb", "bb aa"]) == [("aa bb", True), (" aa", False)]


def test_500_trials_are_at_most_1_mb() -> None:
    suite = build_suite(scenarios=10, personas=5, bots=["16", "17"], gate=GateRule(pass_rate=0.9))
    long = [
        (role, text * 4) for role, text in (("user", "Con khát. "), ("assistant", "Vâng. ")) * 10
    ]
    trials = [
        trial.model_copy(
            update={"lines": build_trial("s0", "p0", "16", 1, "failed", talk=long).lines}
        )
        for trial in draw_trials(suite, {"16": 0.5, "17": 0.3})
    ]
    assert len(trials) == 500
    page = render_report(build_document(suite, trials).model_dump(mode="json"), "html")
    assert len(page.encode()) <= 1_000_000


def test_a_bots_id_stands_beside_its_name(nightly: dict[str, Any]) -> None:
    page = render_report(nightly, "html", "en")
    for bot in nightly["suite"]["bots"]:
        assert bot["id"] != bot["name"]
        assert f'<h2>{bot["name"]}</h2><code class="quiet">{bot["id"]}</code>' in page
