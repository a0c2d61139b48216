"""A curl command line becomes a bot of bots.yaml, without its secrets."""

from pathlib import Path
from typing import Any

import pytest

from cli.curl import read_curl, write_bot
from core.errors import ConfigError, Invalid
from nodes.bots.config import read_bots

JSON = """curl -s -X POST https://bot.example/chat -H 'Content-Type: application/json' \\
  -H "Authorization: Bearer s3cret" -d '{"session_id": "abc", "in": {"text": "xin chào"}}'"""


def turn_of(command: str, message: str = "", reply: str = "text") -> dict[str, Any]:
    turn: dict[str, Any] = read_curl(command, "shop", message, reply)[0]["turn"]
    return turn


def test_json_keeps_its_shape_and_names_its_variables() -> None:
    bot, secrets = read_curl(JSON, "shop-1", "", "$.answers[*].text")
    assert bot["turn"] == {
        "url": "https://bot.example/chat",
        "body": {"session_id": "{{conversation_id}}", "in": {"text": "{{message}}"}},
        "headers": {"Authorization": "Bearer ${DUOLOGUE_BOT_SHOP_1_AUTHORIZATION}"},
        "reply": "$.answers[*].text",
    }
    assert secrets == {"DUOLOGUE_BOT_SHOP_1_AUTHORIZATION": "Authorization"}


@pytest.mark.parametrize(
    ("command", "message", "turn"),
    [
        ("curl bot.example/a -d 'x=hello&y=2'", "hello", {"form": {"x": "{{message}}", "y": "2"}}),
        (
            "curl 'http://b/a?q=hi&lang=vi'",
            "",
            {"url": "http://b/a", "method": "GET", "query": {"q": "{{message}}", "lang": "vi"}},
        ),
        (
            'curl --json \'{"a": ["say: hi"]}\' http://b',
            "hi",
            {"body": {"a": ["say: {{message}}"]}},
        ),
        ('curl -XPUT http://b -d \'{"text": "a"}\'', "", {"method": "PUT"}),
    ],
)
def test_forms_queries_and_methods_are_understood(
    command: str, message: str, turn: dict[str, Any]
) -> None:
    assert turn.items() <= turn_of(command, message).items()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("curl", "no address"),
        ("curl http://b -d '{\"a\": 1}'", "--message"),
        ("curl http://b --json '{'", "not JSON"),
        ("curl 'http://b", "cannot be read"),
        ("curl --upload-file x http://b", "cannot be read"),
    ],
)
def test_what_is_not_understood_is_said(command: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        turn_of(command)


def test_the_bot_is_added_and_the_others_stay_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "bots.yaml"
    bot, _ = read_curl(JSON, "shop", "", "text")
    write_bot(file, "shop", bot)
    first = file.read_text("utf-8")
    file.write_text(f"# mine\n{first}\n", "utf-8")
    write_bot(file, "7", bot)
    assert file.read_text("utf-8").startswith(f"# mine\n{first}")
    assert {"shop", "7"} <= read_bots(file).keys()
    with pytest.raises(Invalid, match="already"):
        write_bot(file, "7", bot)


def test_a_file_that_would_not_load_any_more_is_left_alone(tmp_path: Path) -> None:
    bot, _ = read_curl(JSON, "shop", "", "$.[")
    with pytest.raises(ConfigError, match="JSONPath"):
        write_bot(tmp_path / "new.yaml", "shop", bot)
    assert not (tmp_path / "new.yaml").exists()
    flow = tmp_path / "flow.yaml"
    flow.write_text("bots: {a: {kind: demo}}\n")
    with pytest.raises(ConfigError):
        write_bot(flow, "shop", read_curl(JSON, "shop", "", "text")[0])
    assert flow.read_text() == "bots: {a: {kind: demo}}\n"
