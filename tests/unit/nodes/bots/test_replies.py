"""What is read from answers: paths, tests of success, captures of head and body."""

from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import BotError
from nodes.bots.replies import capture_all, check_success, check_test, find_bubbles, passes_test
from nodes.bots.templates import MISSING, find_path
from nodes.bots.webhook_config import WebhookBot

RASA = [
    {"recipient_id": "c-1", "text": "một"},
    {"recipient_id": "c-1", "image": "http://x/a.png"},
    {"recipient_id": "c-1", "text": "hai"},
]


@pytest.mark.parametrize(
    ("path", "data", "found"),
    [
        ("$[*].text", RASA, ["một", "hai"]),
        ("$[*].text", [], []),
        ("$.a.b", {"a": {"b": 5}}, 5),
        ("$.a.b", {"a": {}}, MISSING),
        ("$..t", {"a": {"t": 1}, "t": 2}, [2, 1]),
        ("$.a[?@.k == 'x' && @.from.id != 'me'].t", {"a": [{"k": "x", "t": "q"}]}, ["q"]),
        ("$.a[-1]", {"a": [1, 2]}, 2),
        ("*.text", RASA, ["một", "hai"]),
        ("a.$b", {"a": {"$b": 1}}, 1),
    ],
)
def test_a_path_is_dotted_or_jsonpath(path: str, data: Any, found: Any) -> None:
    assert find_path(data, path) == found


@pytest.mark.parametrize("path", ["$.[", "$.a[", "$[?@.a ="])
def test_what_is_no_jsonpath_is_refused_at_load(path: str) -> None:
    with pytest.raises(ValidationError, match="JSONPath"):
        WebhookBot.model_validate({"kind": "webhook", "turn": {"url": "http://x", "reply": path}})


@pytest.mark.parametrize(
    ("wanted", "passing", "failing"),
    [
        (0, [0], [False, "0", 1, None, MISSING]),
        ({"in": [0, None]}, [0, None], [False, 1, MISSING]),
        ({"not": "Fail"}, ["ok", None, 0], ["Fail", MISSING]),
        ({"not": ["a", "b"], "optional": True}, ["c", MISSING], ["a", "b"]),
        ({"matches": "^2\\d\\d$"}, [200, "204"], [301, "x200", MISSING]),
        ({"equals": {"a": 1}}, [{"a": 1}], [{"a": 2}]),
        ({"in": ["a", "b"], "not": "b"}, ["a"], ["b", "c"]),
    ],
)
def test_a_test_passes_for_what_it_says(wanted: Any, passing: Any, failing: Any) -> None:
    assert check_test(wanted) == wanted
    assert [value for value in passing if not passes_test(value, wanted)] == []
    assert [value for value in failing if passes_test(value, wanted)] == []


@pytest.mark.parametrize(
    "wrong", [{"equal": 1}, {"in": 5}, {"matches": "("}, {"optional": True}, {}]
)
def test_what_is_no_test_is_refused_at_load(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        WebhookBot.model_validate(
            {
                "kind": "webhook",
                "turn": {"url": "http://x", "reply": "t", "success": {"status": wrong}},
            }
        )


def test_an_expression_that_never_ends_fails_the_test() -> None:
    assert not passes_test("a" * 40 + "!", {"matches": "^(a|a)+$"})


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (0, "status = 5, not 0: hỏng"),
        ({"in": [0, 1]}, "status = 5, none of [0, 1]: hỏng"),
        ({"not": 5}, "status = 5, which is 5: hỏng"),
        ({"matches": "^0$"}, "status = 5, which does not match '^0$': hỏng"),
    ],
)
def test_a_failure_says_what_was_found_and_what_the_bot_says(wanted: Any, says: str) -> None:
    data = {"status": 5, "msg": "hỏng"}
    with pytest.raises(BotError) as caught:
        check_success(
            {"status": wanted},
            data,
            replied=False,
            kind="init",
            address="shop",
            quote=lambda text, most: text[:most],
        )
    assert caught.value.message == f"shop answered {says}"


def test_values_are_captured_from_head_and_body() -> None:
    head = {"header:x-session": "h", "cookie:sid": "c"}
    capture = {"a": "header:X-Session", "b": "cookie:SID", "c": "$.c[0]", "d": "d"}
    found = capture_all(capture, {"c": [1], "d": {"e": 2}}, "shop", head)
    assert found == {"a": "h", "b": "c", "c": 1, "d": {"e": 2}}
    for path in ("header:x-other", "cookie:other", "$.other", "other"):
        with pytest.raises(BotError, match="to keep as name"):
            capture_all({"name": path}, {}, "shop", head)


def test_the_first_path_that_says_something_counts() -> None:
    assert find_bubbles(["$.replies[*].text", "$.text"], {"text": "a"}) == ["a"]
    assert find_bubbles(["$.replies[*].text", "$.text"], {"replies": [{"text": "b"}]}) == ["b"]
