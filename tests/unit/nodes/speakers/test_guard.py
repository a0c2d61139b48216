"""The guard, against lines written before it: planted faults, and what learners type."""

from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from core.language import count_words
from nodes.speakers import guard, phrases
from nodes.speakers.guard import Situation, find_fault
from nodes.speakers.personas import BUILT_IN, read_personas
from nodes.speakers.prompting import describe_secrets

DATA = Path(__file__).parents[3] / "data" / "user_lines"
PLANTED = yaml.safe_load((DATA / "planted.yaml").read_text("utf-8"))
BOTH_LANGUAGES = yaml.safe_load((DATA / "both_languages.yaml").read_text("utf-8"))
HELD_OUT = yaml.safe_load((DATA / "heldout_planted.yaml").read_text("utf-8"))
KNOWN_TO_PASS = yaml.safe_load((DATA / "heldout_missed.yaml").read_text("utf-8"))
LEARNER = read_personas(BUILT_IN)["learner"]
FRAMES = {name: its for name, its in vars(phrases).items() if isinstance(its, phrases.Frames)}
LANGUAGES = {"English": ("en",), "mixed": ("vi", "en")}


def clean_lines(file: str = "clean.txt") -> list[tuple[str, str]]:
    """Each line with the section that it stands in."""
    section, found = "", []
    for line in (DATA / file).read_text("utf-8").splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line and not line.startswith("#"):
            found.append((section, line))
    return found


def situation(**given: Any) -> Situation:
    facts: dict[str, Any] = {
        "name": LEARNER.name,
        "languages": LANGUAGES["mixed"],
        "briefing": describe_secrets(LEARNER),
        "goal": f"{LEARNER.goal} {LEARNER.character}",
        "bot_line": PLANTED["bot"],
        "own_lines": ["sẵn sàng"],
        "longest": LEARNER.word_limit,
    }
    return Situation(**{**facts, **given})


def planted(data: Any = PLANTED) -> list[tuple[str, str, Situation]]:
    found = []
    for kind, lines in data["kinds"].items():
        for line in lines:
            given = line if isinstance(line, dict) else {"text": line}
            text = given.get("text") or given["repeat"] * given["times"]
            facts: dict[str, Any] = {
                "own_lines": given.get("own", ["sẵn sàng"]),
                "bot_line": data["bot"],
            }
            if given.get("first"):
                facts["own_lines"] = []
            if "bot" in given:
                facts["bot_line"] = given["bot"]
            if "language" in given:
                facts["languages"] = LANGUAGES[given["language"]]
            found.append((kind, text, situation(**facts)))
    return found


@pytest.mark.parametrize(("kind", "line", "when"), [*planted(), *planted(BOTH_LANGUAGES)])
def test_every_planted_fault_is_refused(kind: str, line: str, when: Situation) -> None:
    assert find_fault(line, when) is not None, kind


def test_held_out_faults_are_refused_but_for_those_that_are_named() -> None:
    missed = [line for _, line, when in planted(HELD_OUT) if find_fault(line, when) is None]
    assert missed == KNOWN_TO_PASS


def test_every_kind_that_the_guard_knows_has_five_variants_in_either_language() -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for kind, line, when in (*planted(), *planted(BOTH_LANGUAGES)):
        words = count_words(line)
        in_english = when.languages == LANGUAGES["English"] or words.en > words.vi
        counts[kind, "en" if in_english else "vi"] += 1
    kinds = get_args(guard.Kind)
    assert len(kinds) >= 20
    few = {(kind, language): counts[kind, language] for kind in kinds for language in ("vi", "en")}
    assert {place: count for place, count in few.items() if count < 5} == {}


@pytest.mark.parametrize(("file", "count"), [("clean.txt", 400), ("heldout_clean.txt", 200)])
def test_at_most_one_of_a_hundred_clean_lines_is_refused(file: str, count: int) -> None:
    lines = clean_lines(file)
    assert len(lines) >= count
    refused = [
        (line, fault)
        for section, line in lines
        if (
            fault := find_fault(
                line, situation(languages=LANGUAGES["English" if section == "en" else "mixed"])
            )
        )
    ]
    assert len(refused) <= len(lines) / 100, refused


def test_the_bots_request_with_its_quotation_marks_is_an_echo() -> None:
    when = situation(bot_line="Chào bạn! Bạn nói theo mình: “juice”.")
    fault = find_fault("Bạn nói theo mình: “juice”.", when)
    assert fault is not None
    assert find_fault("“juice”", when) is None


def test_a_line_in_quotation_marks_is_told_so() -> None:
    fault = find_fault('"dạ con chào cô ạ"', situation())
    assert fault is not None
    assert fault.kind == "quoted"
    assert find_fault('"juice"', situation()) is None
    assert find_fault("“juice” là nước ép, còn “tea” là “trà”", situation()) is None


def test_a_phrase_that_the_bot_wants_repeated_is_no_echo() -> None:
    when = situation(
        bot_line="Con nói theo nhé: “I would like to drink a glass of cold water, please.”"
    )
    assert find_fault("I would like to drink a glass of cold water, please.", when) is None


def test_no_frame_matches_a_line_that_is_not_searched_for_it() -> None:
    everything = (*planted(), *planted(BOTH_LANGUAGES))
    lines = [line for _, line, _ in everything] + [line for _, line in clean_lines()]
    missed = [
        (name, line)
        for name, frames in FRAMES.items()
        for line in (*lines, *map(str.upper, lines))
        for frame in frames.parts
        if frame.pattern.search(line) and frame not in guard.may_match(frames, line)
    ]
    assert missed == []


@pytest.mark.parametrize("name", FRAMES)
def test_whatever_a_frame_matches_holds_one_of_its_words(name: str) -> None:
    frames = FRAMES[name]
    drawn = some.sampled_from(frames.parts).flatmap(
        lambda frame: some.tuples(some.just(frame), some.from_regex(frame.pattern))
    )

    @settings(max_examples=80, deadline=None, database=None, derandomize=True)
    @given(drawn, some.sampled_from(["", "xin ", "x", "é"]))
    def holds(drawn: tuple[phrases.PhraseFrame, str], around: str) -> None:
        frame, said = drawn
        line = f"{around}{said}{around[::-1]}"
        assert not frame.pattern.search(line) or frame in guard.may_match(frames, line)

    holds()


def test_few_clean_lines_are_searched_for_phrases() -> None:
    lines = [line for _, line in clean_lines()]
    searched = sum(len(guard.may_match(its, line)) for its in FRAMES.values() for line in lines)
    frames = sum(len(its.parts) for its in FRAMES.values())
    assert searched <= 0.02 * frames * len(lines)
