"""Verdicts beside a conversation, their quotes in its text, and its set-up."""

from typing import Any

from ui.directory import Directory
from ui.findings import find_quotes, render_setup, render_text, render_verdicts
from ui.texts import Words

EN, VI = Words("en"), Words("vi")


def verdict(id: str, status: str, *quotes: tuple[int, str], **more: Any) -> dict[str, Any]:
    evidence = [{"message": message, "quote": quote} for message, quote in quotes]
    known = {"id": id, "kind": "check", "status": status, "reason": "", "must": True, "votes": []}
    return {**known, "evidence": evidence, **more}


def trial(*verdicts: dict[str, Any], **more: Any) -> dict[str, Any]:
    known = {"outcome": "failed", "broken": None, "skipped": None, "labels": []}
    return {**known, "verdicts": list(verdicts), **more}


SETUP: dict[str, Any] = {
    "scenario": {"bot_id": 16, "max_turns": 7, "user_prompt": "<b>ask</b>", "token_limit": 1000},
    "bot": {"bot_id": 16, "name": "Robot", "kind": "demo", "address": "http://r.example/x"},
    "experiment": {"id": "e-1", "name": "nightly", "suite": "demo", "repeat": 2},
}


def test_a_quote_is_marked_in_the_text_that_it_stands_in_and_all_else_is_escaped() -> None:
    found = find_quotes(trial(verdict("praise", "fail", (3, "Giỏi  lắm"))))
    assert render_text("<i>giỏi lắm</i>", found[3]) == (
        '&lt;i&gt;<mark class="fail">giỏi lắm</mark>&lt;/i&gt;'
    )
    assert render_text("<i>", ()) == "&lt;i&gt;"


def test_the_worst_verdict_comes_first_and_what_passed_is_folded() -> None:
    html = render_verdicts(
        SETUP, trial(verdict("one", "pass"), verdict("two", "fail", (5, "no"))), EN
    )
    assert html.index("two") < html.index("<details") < html.index("one")
    assert 'data-act="goto" data-index="5"' in html
    assert "1 passed" in html


def test_a_label_wins_and_is_told() -> None:
    label = {"verdict_id": "one", "labeller": "An", "status": "pass", "note": "", "created_at": ""}
    html = render_verdicts(SETUP, trial(verdict("one", "fail"), labels=[label]), EN)
    assert "verdict pass" in html
    assert "An" in html


def test_a_conversation_that_is_no_trial_has_no_verdicts() -> None:
    assert render_verdicts({**SETUP, "experiment": None}, {}, EN) == ""


def test_a_trial_that_is_not_judged_yet_or_broke_says_so() -> None:
    assert EN("judged_later") in render_verdicts(SETUP, trial(outcome=None), EN)
    broken = trial(outcome="broken", broken={"code": "bot_timeout", "message": "<s>"})
    assert "bot_timeout: &lt;s&gt;" in render_verdicts(SETUP, broken, EN)


def test_reasons_of_checks_are_in_the_pages_language() -> None:
    found = trial(verdict("talks", "fail", reason="the bot said nothing"))
    assert "bot không nói gì" in render_verdicts(SETUP, found, VI)


def test_the_set_up_tells_who_how_long_and_of_what_it_is_a_trial() -> None:
    html = render_setup(SETUP, {"bot_id": 16, "seat": "scripted"}, Directory(EN, {"16": "Robot"}))
    for text in ("Robot", "built in", "http://r.example/x", "7 turns, 1,000 tokens", "repeat 2"):
        assert text in html
    assert "&lt;b&gt;ask" in html
    assert 'href="?experiment=e-1"' in html
    assert 'data-act="again"' in html


def test_a_branch_is_not_run_again_from_its_set_up() -> None:
    directory = Directory(EN)
    assert 'data-act="again"' not in render_setup(SETUP, {"parent_id": "p"}, directory)
    assert render_setup({}, {}, directory) == ""


def test_what_was_chosen_is_told_in_the_pages_language() -> None:
    setup = {**SETUP, "scenario": {**SETUP["scenario"], "pace": "slow", "first_speaker": "bot"}}
    html = render_setup(setup, {"bot_id": 16, "seat": "scripted"}, Directory(VI))
    assert VI("pace_slow") in html
    assert "slow" not in html
