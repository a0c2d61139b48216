"""A mistake in a file that a user wrote is told with file, line, key and reason."""

from pathlib import Path

import pytest
import yaml

from core.errors import ConfigError
from core.files import Loader, find_secret_names, load, read_data, resolve_secrets
from demo.kinds import DEMO_ID
from nodes.bots.config import missing_secrets, read_bots
from nodes.bots.kinds import bots_file_model
from nodes.speakers.personas import DEFAULT, Persona, read_personas
from nodes.speakers.prompting import build_system_prompt

HOOK = "kind: webhook, turn: {url: 'http://x/t', reply: text}"
WITH_BODY = HOOK.replace("{url", "{body: <a/>, url")

TURN = "bots:\n  1:\n    kind: webhook\n    turn:\n      url: "


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "bots.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "line", "key", "says"),
    [
        ("bots:\n  1: {kind: webhook\n", 3, "", ""),
        ("bots:\n  1: [\n", 3, "", ""),
        ("bots:\n\t1: x\n", 2, "", ""),
        ("bots: 5\n", 1, "bots", "dictionary"),
        ("- a\n", 1, "", ""),
        ("", None, "bots", "required"),
        ("bott: {}\n", 1, "bott", "did you mean bots?"),
        ("- 1\n- 2\n", 1, "", "should be keys with values"),
        (
            "bots:\n  a: {kind: demo}\n  b: {kind: demo}\n  a: {kind: demo}\n",
            4,
            "",
            "a stands twice",
        ),
        ("bots: {}\nextra: 1\n", 2, "extra", "not permitted"),
        ("bots:\n  1:\n    name: x\n", 2, "bots.1", "kind"),
        ("bots:\n  1:\n    kind: robot\n", 2, "bots.1", "robot"),
        (
            f"bots:\n  1: {{{HOOK}}}\n  shop:\n    kind: webhook\n    naem: x\n",
            5,
            "bots.shop.naem",
            "",
        ),
        ("bots:\n  1:\n    kind: webhook\n", 2, "bots.1", "turn call"),
        ("bots:\n  1:\n    kind: webhook\n    preset: robot-lesson\n", 2, "bots.1", "base_url"),
        (
            f"{TURN}ftp://x\n      reply: t\n",
            5,
            "bots.1.turn.url",
            "http",
        ),
        (
            f"{TURN}http://x\n      reply: t\n      body:\n        m: '{{{{mesage}}}}'\n",
            7,
            "bots.1.turn.body",
            "mesage",
        ),
        (
            f"{TURN}http://x/{{{{session.id}}}}\n      reply: t\n",
            2,
            "bots.1",
            "session.id",
        ),
        (
            "bots:\n  1:\n    kind: openai\n    temperature: hot\n",
            4,
            "bots.1.temperature",
            "number",
        ),
        ("bots:\n  1:\n    kind: prompt\n    prompt: ''\n", 4, "bots.1.prompt", ""),
        (f"{TURN}http://x\n      reply: t\n      body: 'k=${{my-key}}'\n", 7, "body", "${my-key}"),
        (
            f"bots:\n  1: {{headers: {{content-type: text/xml}}, {WITH_BODY}}}\n",
            2,
            "bots.1",
            "text/xml",
        ),
        ("bots:\n  'a b':\n    kind: demo\n", 2, "", ""),
        ("bots:\n  1:\n    kind: demo\n    name: 2024-99-99\n", None, "", ""),
        (b"bots: \xff\xfe", None, "", "cannot be read"),
        ("bots: \x00\n", None, "", ""),
        ("a: &a [*a]\nbots: *b\n", 2, "", "undefined"),
        ("[" * 5000, None, "", ""),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, text: str | bytes, line: int | None, key: str, says: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_bots(path)
    error = caught.value
    assert error.file == str(path)
    assert error.line == line or line is None
    assert key in error.key
    assert says in error.message
    assert error.message.startswith(str(path))


def test_a_folder_in_place_of_a_file_is_a_mistake_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read_bots(tmp_path)


def test_without_a_file_there_are_the_demo_bots(tmp_path: Path) -> None:
    assert [*read_bots(tmp_path / "none.yaml")] == [str(DEMO_ID), "careless"]


def test_ids_are_numbers_or_texts_and_the_demo_keeps_16_until_it_is_taken(tmp_path: Path) -> None:
    bots = read_bots(written(tmp_path, f"bots:\n  7: {{{HOOK}}}\n  shop-1: {{{HOOK}}}\n"))
    assert {id: bot.kind for id, bot in bots.items()} == {
        "7": "webhook",
        "shop-1": "webhook",
        "16": "demo",
        "careless": "demo",
    }
    assert read_bots(written(tmp_path, f"bots:\n  16: {{{HOOK}}}\n"))["16"].kind == "webhook"


def test_secrets_are_named_and_looked_up_when_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"bots:\n  1: {{{HOOK}, headers: {{A: 'Bearer ${{MY_KEY}} ${{OTHER}}'}}}}\n"
    bot = read_bots(written(tmp_path, text))["1"]
    assert find_secret_names(bot.model_dump()) == {"MY_KEY", "OTHER"}
    monkeypatch.setenv("OTHER", "x")
    assert missing_secrets(bot) == ["MY_KEY"]
    assert resolve_secrets("a${MY_KEY}b${OTHER}$HOME${") == "abx$HOME${"
    monkeypatch.setenv("MY_KEY", "${OTHER}")
    assert resolve_secrets("${MY_KEY}") == "${OTHER}"


def test_text_is_cleaned_as_it_is_read(tmp_path: Path) -> None:
    text = 'bots:\n  1: {kind: prompt, prompt: "a\\ud800\\0b e\\u0302"}\n'
    bot = load(written(tmp_path, text), bots_file_model()).bots[1]
    assert bot.prompt == "a\ufffd\ufffdb e\u0302"  # type: ignore[union-attr]


# --- personas -------------------------------------------------------------------------------------


def test_the_learner_ships_and_a_file_of_the_same_name_wins(tmp_path: Path) -> None:
    assert read_personas(tmp_path / "none")[DEFAULT].opening == "sẵn sàng"
    (tmp_path / "learner.yaml").write_text("name: Lan\n")
    (tmp_path / "shopper.yaml").write_text("name: Hoa\ngoal: Mua áo\n")
    found = read_personas(tmp_path)
    assert found[DEFAULT] == Persona(name="Lan")
    assert found["shopper"].goal == "Mua áo"


def test_a_mistake_in_a_persona_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("name: X\ntemperature: 9\n")
    with pytest.raises(ConfigError) as caught:
        read_personas(tmp_path)
    assert (caught.value.line, caught.value.key) == (2, "temperature")


def test_the_prompt_holds_the_person_and_the_task_and_no_hole() -> None:
    persona = Persona(name="Lan", mother_tongue="Vietnamese", prompt="Bạn là {{task}} Lan.")
    text = build_system_prompt(persona, "Hỏi về {{persona}} táo")
    assert "- mother tongue: Vietnamese" in text
    assert "Hỏi về {{persona}} táo" in text
    assert "Bạn là {{task}} Lan." in text
    assert "opening" not in text
    assert "{{task}}" not in build_system_prompt(Persona(name="Lan"), None)
    assert "{{" not in build_system_prompt(Persona(name="Lan"), " ")


def test_a_merged_key_may_be_given_anew() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {<<: *a, x: 3}\nc: {<<: *b, x: 4}\n"
    assert yaml.load(text, Loader=Loader)["c"] == {"x": 4, "y": 2}


def test_a_question_in_braces_needs_no_quotes() -> None:
    text = "{id: kind, ask: Is it kind? Really ?, more: [a?, b?c], url: http://a/?b=c}"
    assert yaml.load(text, Loader=Loader) == {
        "id": "kind",
        "ask": "Is it kind? Really ?",
        "more": ["a?", "b?c"],
        "url": "http://a/?b=c",
    }


def test_aliases_of_aliases_are_refused_before_they_are_unfolded(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))]
    with pytest.raises(ConfigError, match=r"its aliases .* repeat more than 100,000 values"):
        read_data(written(tmp_path, "\n".join(lines)))


def test_an_alias_may_be_used_often(tmp_path: Path) -> None:
    text = "a: &a [x, y]\nb: [" + ", ".join(["*a"] * 5_000) + "]\n"
    assert len(read_data(written(tmp_path, text))["b"]) == 5_000


def test_what_holds_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stands in what it names"):
        read_data(written(tmp_path, "a: &a [*a]\n"))
