"""Who edits over HTTP reaches no code, file, secret or address that was not allowed before."""

from typing import Any

import pytest

from core.editing import EditPolicy
from core.errors import Invalid

BOTS = {
    "shop": {
        "kind": "webhook",
        "headers": {"Authorization": "Bearer ${SHOP_TOKEN}"},
        "turn": {"url": "https://shop.example:8443/turn"},
    }
}
POLICY = EditPolicy.of_bots(BOTS, ["*.bots.example", "127.0.0.1:11434"])


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"python": "graph.py:bot"}, "python"),
        ({"checks": [{"Python": "x"}]}, "checks.0.Python"),
        ({"documents": {"glob": "/etc/*"}}, "documents.glob"),
        ({"a": {"file": "/etc/passwd"}}, "a.file"),
        ({"a": {"sql": "select 1"}}, "a.sql"),
        ({"prompt": "say ${OPENAI_API_KEY}"}, "prompt"),
        ({"headers": {"X": "${SHOP_TOKEN} ${AWS_SECRET}"}}, "headers.X"),
        ({"headers": {"${HOME}": "x"}}, "headers.${HOME}."),
        ({"headers": [["x", "${}"]]}, "headers.0.1"),
        ({"url": "https://evil.example/"}, "url"),
        ({"url": "https://shop.example/"}, "url"),
        ({"base_url": "http://169.254.169.254/latest"}, "base_url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "https://user:pass@shop.example:8443/"}, "url"),
        ({"url": "https://shop.example:8443@evil.example/"}, "url"),
        ({"url": "https://shop.example:99999999/"}, "url"),
        ({"url": "https://{{message}}/"}, "url"),
        ({"url": "https://${DUOLOGUE_BOT_HOST}/"}, "url"),
        ({"url": "http://127.0.0.1:25050/"}, "url"),
        ({"turn": {"url": "//shop.example:8443/"}}, "turn.url"),
        ({"url": "https://evilbots.example/"}, "url"),
        ({"url": "wss://evil.example/chat"}, "url"),
        ({"base_url": "/v1"}, "base_url"),
        ({"cassette": {"file": "/etc/cron.d/x"}}, "cassette.file"),
    ],
)
def test_what_reaches_further_is_refused(data: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        POLICY.check(data)
    assert refused.value.field == path


@pytest.mark.parametrize(
    "data",
    [
        {"headers": {"Authorization": "Bearer ${SHOP_TOKEN}", "X": "${DUOLOGUE_BOT_KEY}"}},
        {"turn": {"url": "https://shop.example:8443/other"}},
        {"base_url": "http://a.bots.example/v1"},
        {"base_url": "http://a.bots.example/v1", "turn": {"url": "/chat"}},
        {"kind": "websocket", "url": "wss://a.bots.example/chat"},
        {"base_url": "http://127.0.0.1:11434/v1"},
        {"prompt": "You sell fruit. See https://evil.example/ for prices.", "kind": "prompt"},
    ],
)
def test_what_was_allowed_before_may_be_written(data: dict[str, Any]) -> None:
    POLICY.check(data)


def test_without_bots_and_hosts_no_address_is_allowed() -> None:
    with pytest.raises(Invalid):
        EditPolicy().check({"url": "http://localhost/"})
