"""Persona files: what an author may write, what they inherit, and how a mistake is told."""

from pathlib import Path

import pytest

from core.errors import ConfigError
from nodes.speakers.personas import BUILT_IN, Persona, read_personas

SIX = ("child", "shy", "teen", "adult", "wrong", "rambler")


def write_and_read(folder: Path, **files: str) -> dict[str, Persona]:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    return read_personas(folder)


def fault_of(folder: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        write_and_read(folder, mine=text)
    return caught.value


@pytest.mark.parametrize("id", [*SIX, *(f"{id}-en" for id in SIX)])
def test_each_of_the_six_can_be_played_by_a_model_and_by_a_script(id: str) -> None:
    persona = read_personas(BUILT_IN)[id]
    assert persona.kind == "model"
    assert persona.script
    assert persona.goal
    assert len(persona.facts) >= 2
    assert 3 <= len(persona.sample_lines) <= 8
    assert persona.behaviours
    assert persona.languages[0] == ("en" if id.endswith("-en") else "vi")


def test_what_a_file_leaves_out_is_as_in_the_persona_it_extends() -> None:
    found = read_personas(BUILT_IN)
    for id in SIX:
        assert found[f"{id}-en"].facts == found[id].facts
        assert found[f"{id}-en"].goal == found[id].goal


def test_mappings_are_joined_and_lists_replaced(tmp_path: Path) -> None:
    found = write_and_read(
        tmp_path,
        base="name: A\nsample_lines: [a, b]\nscript: {rates: {tangent: 0.1, one_word: 0.2}}\n",
        mine="extends: base\nsample_lines: [c]\nscript: {rates: {tangent: 0.3}}\n",
    )["mine"]
    assert found.name == "A"
    assert found.sample_lines == ["c"]
    assert found.script
    assert (found.script.rates.tangent, found.script.rates.one_word) == (0.3, 0.2)


def test_a_file_may_extend_the_one_that_ships_under_its_own_name(tmp_path: Path) -> None:
    found = write_and_read(tmp_path, child="extends: child\nlevel: B1\n")["child"]
    assert (found.level, found.name) == ("B1", "Bin, an eager child")


def test_a_bare_yes_is_a_situation_and_not_true(tmp_path: Path) -> None:
    found = write_and_read(tmp_path, mine="name: A\nscript: {phrases: {yes: [ừ]}}\n")["mine"]
    assert found.script
    assert found.script.phrases == {"yes": ("ừ",)}


HEAD = "name: Lan\n"


@pytest.mark.parametrize(
    ("text", "line", "key", "says"),
    [
        ("goal: learn\n", 1, "name", "required"),
        (HEAD + "goel: learn\n", 2, "goel", "did you mean goal?"),
        (HEAD + "kind: modell\n", 2, "kind", "did you mean model?"),
        (HEAD + "speaks: [vn]\n", 2, "speaks.0", "'vi' or 'en'"),
        (HEAD + "speaks: [vi, en, vi]\n", 2, "speaks", "at most 2"),
        (HEAD + "behaviours: {one_wort: 0.1}\n", 2, "behaviours", "did you mean one_word?"),
        (HEAD + "behaviours: {tangent: 1.5}\n", 2, "behaviours.tangent", "less than or equal to 1"),
        (HEAD + "behaviours: {tangent: 0.7, one_word: 0.7}\n", 2, "behaviours", "more than 1"),
        (
            HEAD + "behaviours:\n  sings: {rate: 0.1}\n",
            3,
            "behaviours.sings.instruction",
            "required",
        ),
        (HEAD + "facts:\n  - {fact: a, when: {turns: 3}}\n", 3, "facts.0.when.turns", "turn"),
        (HEAD + "facts:\n  - {fact: a, when: pressd}\n", 3, "facts.0.when", "pressed"),
        (
            HEAD + "facts:\n  - {fact: a, when: {asked: ['(']}}\n",
            3,
            "facts.0.when.asked.0",
            "regular",
        ),
        (
            HEAD + "facts:\n  - {fact: a, when: {turn: 2, asked: [b]}}\n",
            3,
            "facts.0.when",
            "either",
        ),
        (HEAD + "facts:\n  - {fakt: a}\n", 3, "facts.0.fakt", "did you mean fact?"),
        (HEAD + "typing: {no_tone: 0.3}\n", 2, "typing.no_tone", "did you mean no_tones?"),
        (HEAD + "typing: {typos: 3}\n", 2, "typing.typos", "less than or equal to 1"),
        (HEAD + "gives_up_after: 0\n", 2, "gives_up_after", "greater than or equal to 1"),
        (HEAD + "prompt_style: intend\n", 2, "prompt_style", "did you mean intent?"),
        (HEAD + "temperature: 3\n", 2, "temperature", "less than or equal to 2"),
        (HEAD + "seed: soon\n", 2, "seed", "integer"),
        (HEAD + "longest_line: 0\n", 2, "longest_line", "greater than or equal to 1"),
        (HEAD + "invents: refuses\n", 2, "invents", "did you mean refuse?"),
        (HEAD + "sample_lines: ['']\n", 2, "sample_lines.0", "at least 1 character"),
        (HEAD + "extends: chlid\n", 2, "extends", "did you mean child?"),
        (HEAD + "extends: mine\n", 2, "extends", "itself"),
        (HEAD + "script:\n  rates: {tangents: 0.1}\n", 3, "script.rates.tangents", "tangent?"),
        (HEAD + "script:\n  patience: 0\n", 3, "script.patience", "greater than or equal to 1"),
        (HEAD + "script:\n  language: fr\n", 3, "script.language", "'vi' or 'en'"),
        (
            HEAD + "script:\n  phrases:\n    readdy: [a]\n",
            4,
            "script.phrases.readdy",
            "did you mean ready?",
        ),
        (HEAD + "script:\n  phrases: {ready: []}\n", 3, "script.phrases.ready", "at least 1 item"),
        (
            HEAD + "script:\n  rules:\n    - {when: '(', say: [a]}\n",
            4,
            "script.rules.0.when",
            "regular",
        ),
        (HEAD + "script:\n  rules:\n    - {when: a}\n", 4, "script.rules.0.say", "required"),
        (HEAD + "goal: [\n", 3, None, "expected"),
    ],
)
def test_a_mistake_is_told_with_file_line_key_and_the_nearest_word(
    tmp_path: Path, text: str, line: int, key: str | None, says: str
) -> None:
    fault = fault_of(tmp_path, text)
    assert str(fault.file).endswith("mine.yaml")
    assert says in fault.reason
    assert (fault.line, fault.key or None) == (line, key)


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = """\
nmae: Lan
kind: modell
facts:
  - {fakt: a}
  - {fact: b, when: pressd}
temperature: 3
"""
    fault = fault_of(tmp_path, text)
    told = [(one.line, one.key) for one in (fault, *fault.others)]
    assert sorted(told) == [
        (1, "nmae"),
        (2, "kind"),
        (4, "facts.0.fakt"),
        (5, "facts.1.when"),
        (6, "temperature"),
    ]
    lines = str(fault).splitlines()
    assert len(lines) == 5
    assert all("mine.yaml:" in line for line in lines)
    assert "did you mean name?" in str(fault)
