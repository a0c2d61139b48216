"""A curl command line becomes a bot of bots.yaml, without its secrets."""

from pathlib import Path
from typing import Any

import pytest

from cli.curl import read_curl, write_bot
from cli.shell_words import split_command
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


K = "DUOLOGUE_BOT_SHOP_"
CHROME = r"""curl 'https://chat.example/api/ask?lang=vi' \
  -H 'accept: */*' \
  -H 'accept-language: vi-VN,vi;q=0.9' \
  -H 'content-type: application/json' \
  -b 'sid=abc; theme=dark' \
  -H 'origin: https://chat.example' \
  -H 'sec-ch-ua: "Chromium";v="142"' \
  -H 'sec-fetch-mode: cors' \
  -H 'user-agent: Mozilla/5.0' \
  --data-raw $'{"message":"m\u00ecnh mu\u1ed1n h\'ỏi","conversationId":"9f"}'"""
OPENAI = """curl https://api.example/v1/answer -H "Authorization: Bearer $KEY" -d '{
  "model": "m", "messages": [{"role": "system", "content": "Be kind."},
  {"role": "user", "content": "hi"}]}' | jq ."""
RASA = """curl -XPOST http://127.0.0.1:5005/webhooks/rest/webhook
  --header 'Content-Type: application/json'
  --data '{"sender": "test_user", "message": "Hi there!"}'"""
REAL: list[tuple[str, str, dict[str, Any]]] = [
    (
        CHROME,
        "",
        {
            "url": "https://chat.example/api/ask",
            "query": {"lang": "vi"},
            "body": {"message": "{{message}}", "conversationId": "{{conversation_id}}"},
            "headers": {
                "accept": "*/*",
                "origin": "https://chat.example",
                "Cookie": f"${{{K}COOKIE}}",
            },
        },
    ),
    (
        OPENAI,
        "",
        {
            "body": {
                "model": "m",
                "messages": [
                    {"role": "system", "content": "Be kind."},
                    {"role": "user", "content": "{{message}}"},
                ],
            },
            "headers": {"Authorization": "Bearer ${KEY}"},
        },
    ),
    (
        RASA.replace("\n", " "),
        "",
        {"body": {"sender": "{{conversation_id}}", "message": "{{message}}"}},
    ),
    ("curl -d text=hi -d lang=vi b.example", "", {"form": {"text": "{{message}}", "lang": "vi"}}),
    (
        "curl --data-urlencode 'q=1 + 1 = 2 & 3' b.example",
        "1 + 1 = 2 & 3",
        {"form": {"q": "{{message}}"}},
    ),
    (
        "curl -G https://b.example/ask --data-urlencode 'q=xin chào' -d v=2",
        "",
        {"method": "GET", "query": {"q": "{{message}}", "v": "2"}},
    ),
    (
        "curl -F text=hi -F 'note=a b' https://b.example",
        "",
        {"form": {"text": "{{message}}", "note": "a b"}, "multipart": True},
    ),
    (
        'curl -u me:pw b.example --json \'{"text": "hi"}\'',
        "",
        {"headers": {"Authorization": f"Basic ${{{K}AUTHORIZATION}}"}},
    ),
    (
        "curl 'https://b.example/a?key=s3cret' --json '{\"text\": \"hi\"}'",
        "",
        {"url": "https://b.example/a", "query": {"key": f"${{{K}KEY}}"}},
    ),
    (
        'curl b.example --json \'{"text": "hi", "api_key": "s", "max_tokens": 5}\'',
        "",
        {"body": {"text": "{{message}}", "api_key": f"${{{K}API_KEY}}", "max_tokens": 5}},
    ),
    ("curl --json '{\"a\":' --json '\"hi\"}' b.example", "hi", {"body": {"a": "{{message}}"}}),
    ('curl b.example --data "{\\"text\\": \\"hi\\"}"', "", {"body": {"text": "{{message}}"}}),
    (
        "curl --oauth2-bearer s3cret b.example -d msg=hi",
        "",
        {"headers": {"Authorization": f"Bearer ${{{K}AUTHORIZATION}}"}},
    ),
    (
        "curl -sSL -o out.json -w '%{http_code}' -m 10 b.example -d msg=hi",
        "",
        {"url": "http://b.example", "form": {"msg": "{{message}}"}},
    ),
    (
        "curl -X PATCH b.example -H 'Accept:' -H 'X-Lang: vi' --json '{\"q\": \"a\"}'",
        "",
        {"method": "PATCH", "headers": {"X-Lang": "vi"}},
    ),
    (
        "$ curl https://b.example/ask?q=hi\\&x=1 && echo done",
        "",
        {"query": {"q": "{{message}}", "x": "1"}, "method": "GET"},
    ),
    (
        "curl -d x=hi -d x=ho -d text=a b.example",
        "",
        {"form": {"x": ["hi", "ho"], "text": "{{message}}"}},
    ),
    (
        'curl -H "X-Api-Key: $SHOP_KEY" b.example -d q=a',
        "",
        {"headers": {"X-Api-Key": "${SHOP_KEY}"}},
    ),
    (
        "curl https://b.example/${TEAM}/ask -d q=a > out.txt",
        "",
        {"url": "https://b.example/${TEAM}/ask"},
    ),
    (
        "curl --url b.example --data-binary '{\"utterance\": \"a\"}' -H 'content-type: text/json'",
        "",
        {"body": {"utterance": "{{message}}"}},
    ),
]


@pytest.mark.parametrize(("command", "message", "turn"), REAL, ids=range(len(REAL)))
def test_twenty_lines_of_real_life_become_bots_that_load(
    command: str, message: str, turn: dict[str, Any], tmp_path: Path
) -> None:
    bot, secrets = read_curl(command, "shop", message, "text")
    assert turn.items() <= bot["turn"].items()
    assert not {"s3cret", "me:pw", "sid=abc"} & set(str(bot).replace("'", " ").split())
    write_bot(tmp_path / "bots.yaml", "shop", bot)
    assert "shop" in read_bots(tmp_path / "bots.yaml")
    assert all(name in str(bot) for name in secrets)


def test_a_proxy_and_certificates_are_taken_over() -> None:
    line = "curl -x http://u:pw@p.example:3128 --cacert ca.pem -E me.pem --key me.key b -d q=a"
    bot, secrets = read_curl(line, "shop", "", "text")
    assert bot["proxy"] == f"${{{K}PROXY}}"
    assert secrets[f"{K}PROXY"] == "the proxy's URL"
    assert bot["tls"] == {"ca": "ca.pem", "certificate": "me.pem", "key": "me.key"}
    assert read_curl("curl -x p:1 b -d q=a", "shop", "", "t")[0]["proxy"] == "http://p:1"


LINE = r"""a $'x\'\n\x41\u1ea1\101\\' b\ c "d $E \$F\"" """


def test_an_ansi_quote_is_read_as_bash_reads_it() -> None:
    assert split_command(LINE) == [
        "a",
        "x'\nAạA\\",
        "b c",
        'd ${E} $F"',
    ]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("curl", "no address"),
        ("curl http://b -d '{\"a\": 1}'", "--message"),
        ("curl http://b --json '{'", "not JSON"),
        ("curl 'http://b", "cannot be read"),
        ("curl --upload-file x http://b", "cannot be read"),
        ("curl http://b -d @body.json", "the file body.json"),
        ("curl http://b -F text=hi -F voice=@a.wav", "the file a.wav"),
        ("curl http://b -H 'Content-Type: text/plain' -d 'hi there'", "not text/plain"),
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
