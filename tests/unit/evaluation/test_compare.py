"""Two bots, or two experiments, beside each other."""

from evaluation.compare import build_comparison, compare_bots, compare_cells
from evaluation.results import CellRecord, ExperimentDocument, Side
from evaluation.suite_info import AutoRepeats
from evaluation.summary import summarize_cells
from evaluation.verdicts import CellKey, Outcome
from tests.unit.evaluation.samples import build_document, build_suite, build_trial, draw_trials

THEN, NOW = Side(experiment="a", bot="16"), Side(experiment="b", bot="16")


def document(rate: float, seed: int = 1, bots: tuple[str, ...] = ("16",)) -> ExperimentDocument:
    suite = build_suite(bots=bots)
    return build_document(suite, draw_trials(suite, dict.fromkeys(bots, rate), seed))


def test_flips_come_first_pass_to_fail_before_fail_to_pass() -> None:
    suite = build_suite(scenarios=4, personas=1, bots=["16"])
    passed = {"s0": (5, 5), "s1": (5, 1), "s2": (1, 5), "s3": (5, 4)}
    sides = [
        summarize_cells(
            suite,
            [
                build_trial(name, "p0", "16", n, "passed" if n <= counts[side] else "failed")
                for name, counts in passed.items()
                for n in range(1, 6)
            ],
        )
        for side in (0, 1)
    ]
    found = compare_cells("baseline", (THEN, sides[0]), (NOW, sides[1]))
    kinds = [(change.scenario, change.kind) for change in found.changes]
    assert kinds == [
        ("s1", "pass_to_fail"),
        ("s2", "fail_to_pass"),
        ("s3", "worse"),
        ("s0", "same"),
    ]


def test_a_comparison_across_fingerprints_is_not_comparable_and_names_what_moved() -> None:
    suite = build_suite(bots=["16"])
    trials = draw_trials(suite, {"16": 1.0})
    cells = summarize_cells(suite, trials)
    prints = {cell.key: "old" for cell in cells}
    changed = {cell.key: "new" if cell.scenario == "s2" else "old" for cell in cells}
    before = summarize_cells(suite, trials, fingerprints=prints)
    after = summarize_cells(suite, trials, fingerprints=changed)
    found = compare_cells("baseline", (THEN, before), (NOW, after), moved=["judge"])
    assert found.answer == "not_comparable"
    assert found.moved == ["judge", "s2"]
    assert found.sentence.en == "Not comparable: what was measured has changed (judge of s2)."
    assert "giám khảo của s2" in found.sentence.vi


def test_a_scenario_that_was_measured_otherwise_is_no_flip() -> None:
    suite = build_suite(scenarios=2, personas=1, bots=["16"])

    def run(outcome: Outcome, prints: dict[str, str]) -> list[CellRecord]:
        trials = [build_trial(id, "p0", "16", 1, outcome) for id in prints]
        keys = {CellKey(id, "p0", "16"): value for id, value in prints.items()}
        return summarize_cells(suite, trials, fingerprints=keys)

    before = run("passed", {"s0": "old", "s1": "same"})
    after = run("failed", {"s0": "new", "s1": "same"})
    found = compare_cells("baseline", (THEN, before), (NOW, after), moved=["checks"])
    assert [change.scenario for change in found.changes] == ["s1"]
    assert "(checks of s0)" in found.sentence.en


def test_what_only_one_side_has_is_named_and_left_out() -> None:
    small, large = build_suite(scenarios=2), build_suite(scenarios=3)
    before = [
        c
        for c in build_document(small, draw_trials(small, {"16": 1, "16-careless": 1})).cells
        if c.bot == "16"
    ]
    after = [
        c
        for c in build_document(large, draw_trials(large, {"16": 1, "16-careless": 1})).cells
        if c.bot == "16"
    ]
    found = compare_cells("baseline", (THEN, before), (NOW, after))
    assert found.pairs == 6
    assert found.only_in_head == ["s2/p0", "s2/p1", "s2/p2"]
    assert found.only_in_base == []


def test_trials_that_stopped_early_are_compared_by_their_decisions_without_a_size() -> None:
    suite = build_suite(scenarios=7, personas=1, bots=["16"], repeats=AutoRepeats())

    def decide(outcome: str, count: int) -> list[CellRecord]:
        trials = [
            build_trial(f"s{n}", "p0", "16", repeat, outcome)
            for n in range(7)
            for repeat in range(1, count + 1)
        ]
        return summarize_cells(suite, trials)

    good, bad = decide("passed", 8), decide("failed", 3)
    found = compare_cells("baseline", (THEN, good), (NOW, bad))
    assert (found.answer, found.difference, found.low) == ("worse", None, None)
    assert found.sentence.en.startswith("0 of 7 cells accepted, 7 of 7 of a: more than chance")
    assert {change.kind for change in found.changes} == {"pass_to_fail"}
    assert compare_cells("baseline", (THEN, good), (NOW, good)).answer == "not_worse"


def test_nothing_shared_is_not_comparable() -> None:
    found = compare_cells("baseline", (THEN, []), (NOW, []))
    assert (found.answer, found.difference, found.pairs) == ("not_comparable", None, 0)


def test_the_first_bot_is_compared_with_each_other_one() -> None:
    suite = build_suite(bots=["a", "b", "c"])
    cells = summarize_cells(suite, draw_trials(suite, {"a": 1.0, "b": 0.9, "c": 0.2}))
    found = compare_bots("e", cells, {"a": "1", "b": "2", "c": None})
    assert [(one.base.bot, one.head.bot) for one in found] == [("a", "b"), ("a", "c")]
    assert found[1].answer == "worse"
    assert found[1].sentence.en.startswith("It passes ")


def test_one_bot_a_side_is_compared_whatever_its_name() -> None:
    found = build_comparison(document(1.0), document(1.0, bots=("17",)), generated_at="now")
    assert [(one.base.bot, one.head.bot) for one in found.comparisons] == [("16", "17")]


def test_compare_exits_with_0_not_worse_1_worse_4_undecided() -> None:
    good, bad = document(1.0), document(0.2)
    assert build_comparison(good, good, generated_at="now").exit_code == 0
    assert build_comparison(good, bad, generated_at="now").exit_code == 1
    tiny = build_suite(scenarios=1, personas=1, bots=["16"])
    one = build_document(tiny, [build_trial("s0", "p0", "16", 1, "passed")])
    assert build_comparison(one, one, generated_at="now").exit_code == 4
    assert build_comparison(bad, good, generated_at="now").exit_code == 0


def test_a_base_without_a_name_is_called_by_the_beginning_of_its_id() -> None:
    suite = build_suite(bots=["16"])
    cells = summarize_cells(suite, draw_trials(suite, {"16": 0.9}))
    id = "0b7f2c1e-5f0e-4c8e-9a55-1f2d3c4b5a69"
    sides = [Side(experiment=id, name=name, bot="16") for name in (None, "before the change")]
    for side, called in zip(sides, ("0b7f2c1e", "before the change"), strict=True):
        sentence = compare_cells("baseline", (side, cells), (NOW, cells)).sentence
        for text in (sentence.en, sentence.vi):
            assert called in text
            assert id not in text


def test_the_sentence_says_what_such_an_experiment_could_have_seen() -> None:
    found = build_comparison(document(0.9, 1), document(0.9, 2), generated_at="now")
    assert "may be chance: with these 12 × 5 trials you would see a drop of" in found.sentence.en
    assert "có thể chỉ là ngẫu nhiên: với 12 × 5 lượt chạy này" in found.sentence.vi
