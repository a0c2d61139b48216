"""docs/webhooks.md shows what is sent, and its templates and its verifier work."""

import json
import re
from pathlib import Path

import pytest

from graph.storage.sql.deliveries import Delivery
from graph.webhook.payload import ConversationEnded, describe, fill_template, read_template
from graph.webhook.sender import PAUSES_S, sign
from tests.servers.process import ROOT

TEXT = (ROOT / "docs" / "webhooks.md").read_text("utf-8")
EXAMPLE, *TEMPLATES = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
FACTS = {
    "status": "completed",
    "reason": "max_turns",
    "turns": 10,
    "bot_id": "16",
    "error": None,
    "began_at": "2026-11-21T17:29:47.700+00:00",
    "ended_at": "2026-11-21T17:30:00.000+00:00",
}


def ended() -> ConversationEnded:
    id = json.loads(EXAMPLE)["id"]
    one = Delivery(json.loads(EXAMPLE)["delivery"], "conversation.ended", id, FACTS, 0)
    found = describe(one, "https://duologue.example")
    assert isinstance(found, ConversationEnded)
    return found


def test_the_example_is_what_is_sent() -> None:
    assert ended().model_dump(mode="json") == json.loads(EXAMPLE)


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_is_taken_and_filled(tmp_path: Path, template: str) -> None:
    path = tmp_path / "template.json"
    path.write_text(template, encoding="utf-8")
    filled = json.dumps(fill_template(read_template(path), ended()), ensure_ascii=False)
    assert "Conversation 18c32964" in filled
    assert "/ui/?thread=18c32964" in filled
    assert "{{" not in filled


def test_the_verifier_takes_our_signature_and_no_other() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    made: dict[str, object] = {}
    exec(code, made)
    check = made["is_genuine"]
    assert callable(check)
    headers = {"Webhook-Id": "a", "Webhook-Timestamp": "1"}
    headers["Webhook-Signature"] = sign("s", "a", "1", b"{}")
    assert check("s", headers, b"{}")
    assert not check("s", headers, b"{ }")


def test_the_pauses_are_those_told() -> None:
    assert PAUSES_S == (1, 5, 30, 120, 600, 1800, 3600)
    assert "1 s, 5 s, 30 s, 2 min,\n10 min, 30 min and 1 h" in TEXT
