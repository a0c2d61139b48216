"""Every error of ours is a problem with a stable type, and tells nothing of the request."""

import json
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from api import problems
from api.problems import STATUS
from api.schemas import SimulateRequest
from core import errors
from core.errors import DuologueError

KINDS: list[tuple[DuologueError, int, str]] = [
    (errors.Invalid("why", "max_turns"), 422, "invalid"),
    (errors.NotFound(), 404, "not-found"),
    (errors.Forbidden(), 403, "forbidden"),
    (errors.Busy(), 409, "busy"),
    (errors.Conflict(), 409, "conflict"),
    (errors.KeyReused(), 422, "idempotency-key-reused"),
    (errors.Full(), 503, "limit"),
    (errors.Stopping(), 503, "stopped"),
    (errors.StorageError(), 503, "storage"),
    (errors.Overtaken(), 503, "storage"),
    (errors.Damaged(), 503, "storage"),
    (errors.StorageFull(), 507, "storage-full"),
    (errors.BotError("timeout", "slow"), 502, "bot-timeout"),
    (errors.UserError("refused", "no"), 502, "user-refused"),
    (errors.UserError("http_error", "no key", status=401, url="http://a"), 502, "user-http-error"),
]


def body_of(response: Any) -> dict[str, Any]:
    assert response.media_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    found: dict[str, Any] = json.loads(bytes(response.body))
    return found


@pytest.mark.parametrize(("error", "status", "code"), KINDS, ids=lambda value: str(value)[:30])
def test_each_error_is_its_problem(error: DuologueError, status: int, code: str) -> None:
    response = problems.problem_from_error(error)
    body = body_of(response)
    assert response.status_code == body["status"] == status
    assert body["type"] == f"urn:duologue:{code}"
    assert body["detail"] == error.message
    assert ("retry-after" in response.headers) == (status == 503)


def test_no_class_of_the_tree_is_left_out_but_those_that_never_reach_a_client() -> None:
    def below(kind: type[DuologueError]) -> set[type[DuologueError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    unmapped = {kind for kind in below(DuologueError) if not set(kind.__mro__) & set(STATUS)}
    assert unmapped == {DuologueError, errors.ConfigError}


def test_what_nobody_foresaw_shows_an_incident_and_nothing_else() -> None:
    body = body_of(problems.problem_from_crash(RuntimeError("the secret is Zanzibar")))
    assert body["status"] == 500
    assert body["incident"] in body["detail"]
    assert "Zanzibar" not in json.dumps(body)


def test_a_conflict_names_its_field() -> None:
    body = body_of(problems.problem_from_error(errors.Conflict("no such message", field="index")))
    assert body["field"] == "index"
    assert body["errors"] == [{"field": "index", "reason": "no such message"}]


def test_validation_names_fields_and_never_values() -> None:
    found = [
        {"loc": ("body", "history", 0, "content"), "msg": "Value error, is blank", "input": "zq9"},
        {"loc": ("query", "x" * 500), "msg": "m" * 5000, "input": "zq9"},
    ]
    response = problems.problem_from_validation(found * 50)
    body = body_of(response)
    assert body["field"] == "history.0.content"
    assert body["errors"][0] == {"field": "history.0.content", "reason": "is blank"}
    assert len(body["errors"]) == 20
    assert len(bytes(response.body)) < 16_000
    assert b"zq9" not in bytes(response.body)


@pytest.mark.parametrize(
    ("loc", "field"),
    [
        (("body", "bot_id", "constrained-int"), "bot_id"),
        (("body", "bot_id", "int"), "bot_id"),
        (
            ("body", "history", "function-before[_history(), list[Line]]", 0, "role"),
            "history.0.role",
        ),
        (("body", "history", "list[Line]", 3), "history.3"),
        (("query", "after", "constrained-str"), "after"),
        (("body", "interval"), "interval"),
        (("body", "lines", 0), "lines.0"),
        (("body",), "body"),
        ((), "body"),
    ],
)
def test_a_field_is_named_without_what_pydantic_puts_in_between(
    loc: tuple[Any, ...], field: str
) -> None:
    assert problems.field_of(loc) == field


@pytest.mark.parametrize("name", ["stream", "strict", "interval", "string", "int", "none", "body"])
def test_an_unknown_field_is_named_whatever_it_is_called(name: str) -> None:
    with pytest.raises(ValidationError) as raised:
        SimulateRequest.model_validate({name: 1})
    found = [{**one, "loc": ("body", *one["loc"])} for one in raised.value.errors()]
    assert body_of(problems.problem_from_validation(found))["field"] == name


def test_that_a_field_may_be_left_out_is_not_told_as_a_second_error() -> None:
    found = [
        {"loc": ("query", "after", "constrained-str"), "type": "string_pattern_mismatch"},
        {"loc": ("query", "after", "none"), "type": "none_required"},
    ]
    assert [one["field"] for one in body_of(problems.problem_from_validation(found))["errors"]] == [
        "after"
    ]


def test_facts_are_told_and_take_nobodys_place() -> None:
    error = errors.BotError("http_error", "no", status=500, detail="d", type="t", attempts=3)
    body = body_of(problems.problem_from_error(error))
    assert (body["status"], body["detail"], body["attempts"]) == (502, "no", 3)
    assert body["type"] == "urn:duologue:bot-http-error"


@pytest.mark.parametrize("status", [404, 405, 413, 415, 418])
def test_an_http_error_is_a_problem_too(status: int) -> None:
    body = body_of(problems.problem_from_http(HTTPException(status)))
    assert body["status"] == status
    assert body["title"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"lines": [{"simulate": 1.5}]}, "lines.0.simulate: should be a whole number from 1 to"),
        (
            {"lines": [{"simulat": 2}]},
            "lines.0.simulat: not permitted here; did you mean simulate?",
        ),
        ({"lines": [{"say": "a", "simulate": 1}]}, "lines.0: give a text, or either `say` with"),
        ({"lines": [7]}, "lines.0: give a text, or either `say` with"),
        ({"lines": [" "]}, "lines.0: should not be blank"),
        ({"first_speaker": "usr"}, "first_speaker: should be 'user' or 'bot'; did you mean user?"),
        ({"soft_turn": 3}, "soft_turn: not permitted here; did you mean soft_turns?"),
    ],
)
def test_a_mistake_in_the_body_is_told_once_with_what_is_allowed(given: Any, told: str) -> None:
    with pytest.raises(ValidationError) as error:
        SimulateRequest(**given)
    found = [{**one, "loc": ("body", *one["loc"])} for one in error.value.errors()]
    body = body_of(problems.problem_from_validation(found, SimulateRequest))
    assert body["detail"].startswith(told)
