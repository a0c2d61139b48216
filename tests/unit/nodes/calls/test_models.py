"""A model's answer is taken whole and to the letter, or not at all."""

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.runnables import RunnableLambda

from core.errors import BotError, UserError
from nodes.calls.http import HttpClient
from nodes.calls.models import ChatModel, Completion, Sampling, chat_model
from tests.servers.llm import LlmServer
from tests.unit.nodes.desk import Desk, desk

PROMPT = [
    {"role": "system", "content": "Em là học sinh."},
    {"role": "user", "content": "Xin chào “bạn”!"},
]
ODD = "Dạ, e\u0302\u0301m 👩\u200d🏫 🇻🇳\r\n\u00a0\u202e“ạ” \\u1ea1 data: [DONE]"


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


def model(http: HttpClient, url: str, **more: Any) -> ChatModel:
    sampling = Sampling(more.pop("temperature", None), more.pop("max_tokens", None))
    asked = {"model": "mock-model", "base_url": url, "api_key": "sk-test", **more}
    return chat_model(http, UserError, sampling=sampling, **asked)


@pytest.fixture
def chat(http: HttpClient, llm: LlmServer) -> ChatModel:
    return model(http, llm.base_url)


class Onlooker(AsyncCallbackHandler):
    """Someone who watches, as traces and Studio do."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    async def on_llm_new_token(self, token: str, **_: Any) -> None:
        self.tokens.append(token)


async def said(chat: ChatModel, onlooker: Onlooker | None = None) -> tuple[Completion, list[str]]:
    pieces: list[str] = []

    async def ask(_: Any) -> Completion:
        return await chat.complete(PROMPT, pieces.append)

    config: Any = {"callbacks": [onlooker]} if onlooker else {}
    return await RunnableLambda(ask).ainvoke(None, config), pieces


@pytest.mark.parametrize("split", ["words", "points", 1, 7])
@pytest.mark.parametrize("framing", ["each", "one", "two"])
@pytest.mark.parametrize("dress", [{}, {"crlf": True, "comments": True}])
async def test_text_is_the_same_however_the_stream_is_cut(
    chat: ChatModel, llm: LlmServer, split: Any, framing: Any, dress: Any
) -> None:
    llm.script([ODD])
    llm.set(manner={"split": split, "framing": framing, **dress})
    completion, pieces = await said(chat)
    assert completion.text == "".join(pieces) == ODD
    assert completion.finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage["output_tokens"] == len(llm.manner.pieces(ODD))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"temperature": 0.2, "max_tokens": 77},
        {"model": "o4-mini", "max_tokens": 5},
        {"model": "gpt-5", "temperature": 1.0},
    ],
)
async def test_a_call_that_is_watched_asks_and_hears_the_same(
    http: HttpClient, llm: LlmServer, more: dict[str, Any]
) -> None:
    llm.script([ODD, ODD])
    chat, onlooker = model(http, llm.base_url, **more), Onlooker()
    lean, pieces = await said(chat)
    watched, told = await said(chat, onlooker)
    assert lean == watched
    assert "".join(pieces) == "".join(told) == "".join(onlooker.tokens) == ODD
    first, second = llm.calls
    assert first.messages == second.messages
    assert first.settings == second.settings
    assert first.authorization == second.authorization
    assert (first.stream, first.model) == (True, chat.model_name)


async def test_a_refusal_is_told_as_such_on_both_ways(chat: ChatModel, llm: LlmServer) -> None:
    llm.fail("refusal", text="I can't")
    for onlooker in (None, Onlooker()):
        completion, pieces = await said(chat, onlooker)
        assert (completion.refusal, completion.text, pieces) == ("I can't", "", [])


class Lines(list[dict[str, str]]):
    """A prompt whose life can be watched."""


async def test_the_prompt_is_not_held_while_the_answer_comes(
    chat: ChatModel, llm: LlmServer
) -> None:
    llm.script(["một hai ba bốn"])
    llm.fail("hang", after=2)
    heard, prompt = asyncio.Event(), Lines(PROMPT)
    asked = weakref.ref(prompt)
    answer = asyncio.ensure_future(chat.complete(prompt, lambda _text: heard.set()))
    del prompt
    await heard.wait()
    await asyncio.sleep(0)  # the loop lets go of the step that told the first piece
    gc.collect()
    assert asked() is None
    answer.cancel()
    await asyncio.wait([answer])


async def test_reasoning_is_no_text(chat: ChatModel, llm: LlmServer) -> None:
    llm.fail("reasoning", text="The user wants…")
    llm.script(["Dạ"])
    assert (await said(chat))[0].text == "Dạ"


@pytest.mark.parametrize("onlooker", [None, Onlooker()])
@pytest.mark.parametrize(
    ("kind", "where", "code", "transient"),
    [
        ("status", {"status": 500}, "user_http_error", True),
        ("status", {"status": 401}, "user_http_error", False),
        ("no_finish", {}, "user_bad_reply", True),
        ("cut", {"after": 2}, "user_unreachable", True),
        ("reset", {"after": 2}, "user_unreachable", True),
        ("reset", {}, "user_unreachable", True),
        ("error_event", {"after": 2}, "user_bad_reply", True),
        ("bad_chunk", {"after": 2}, "user_bad_json", True),
        ("bad_utf8", {"after": 2}, "user_bad_json", True),
        ("html", {}, "user_bad_content_type", False),
        ("content_type", {}, "user_bad_content_type", False),
        ("redirect", {}, "user_http_error", False),
        ("gzip_bomb", {"size": 1_000_000}, "user_encoding", False),
    ],
)
async def test_each_fault_has_its_code(
    chat: ChatModel,
    llm: LlmServer,
    onlooker: Onlooker | None,
    kind: str,
    where: dict[str, Any],
    code: str,
    transient: bool,
) -> None:
    llm.fail(kind, **where)
    with pytest.raises(UserError) as caught:
        await said(chat, onlooker)
    assert (caught.value.code, caught.value.transient) == (code, transient)
    assert "sk-test" not in caught.value.message
    assert "mock-model" in caught.value.message
    assert len(llm.calls) == 1


async def test_retry_after_is_taken_from_the_answer(chat: ChatModel, llm: LlmServer) -> None:
    llm.fail("status", status=429, retry_after=7)
    with pytest.raises(UserError) as caught:
        await said(chat)
    assert (caught.value.retry_after, caught.value.transient) == (7.0, True)


async def test_a_model_that_is_away_is_unreachable(http: HttpClient) -> None:
    for url in ("http://127.0.0.1:9/v1", "http://nowhere.invalid/v1"):
        with pytest.raises(UserError) as caught:
            await said(model(http, url))
        assert caught.value.code == "user_unreachable"


async def test_the_key_is_that_of_the_bot_and_the_error_is_the_bots(
    http: HttpClient, llm: LlmServer
) -> None:
    chat = chat_model(http, BotError, model="m", base_url=f"{llm.base_url}/", api_key=None)
    llm.fail("no_finish")
    with pytest.raises(BotError) as caught:
        await said(chat)
    assert caught.value.where == "bot"


# --- streams that no test server of ours would write ----------------------------------------------


DONE = b"\n\ndata: [DONE]\n\n"


@pytest.fixture
async def service() -> AsyncIterator[Desk]:
    async with desk() as made:
        yield made


def stream(*events: Any, finish: str | None = "stop") -> tuple[int, bytes, dict[str, str]]:
    """The chunks, each with `delta` or as it stands, and what ends them."""
    chunks = [e if "choices" in e else {"choices": [{"delta": e}]} for e in events]
    chunks += [{"choices": [{"delta": {}, "finish_reason": finish}]}] if finish else []
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return 200, body.encode(), {"Content-Type": "text/event-stream"}


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["a\ud83d", "\ude00b"], "a😀b"),
        (["\ud83d", "", "\ude00"], "😀"),
        (["a\ud83d", "b"], "a\ufffdb"),
        (["a\ude00b\0"], "a\ufffdb\ufffd"),
        (["xin \ud83d"], "xin \ufffd"),
        (["\ud83d", "\ud83d", "\ude00"], "\ufffd😀"),
    ],
)
async def test_surrogates_are_joined_and_those_that_stay_alone_are_replaced(
    http: HttpClient, service: Desk, pieces: list[str], text: str
) -> None:
    service.answers = [stream(*({"content": piece} for piece in pieces))]
    for onlooker in (None, Onlooker()):
        completion, told = await said(model(http, service.url), onlooker)
        assert completion.text == "".join(told) == text


@pytest.mark.parametrize(
    "event",
    [
        {"choices": None},
        {"choices": []},
        {"choices": [None]},
        {"choices": ["x"]},
        {"choices": [{}]},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": "x"}]},
        {"choices": [{"delta": {"content": None}}]},
        {"choices": [{"delta": {"content": 5}}]},
        {"choices": [{"delta": {"content": ["x"]}}]},
        {"choices": [{"delta": {"role": "assistant"}, "logprobs": None}]},
        {"choices": [], "usage": {"prompt_tokens": "many", "completion_tokens": None}},
        {"choices": [], "usage": {"prompt_tokens": [1]}},
        {"choices": [], "usage": "x"},
    ],
)
async def test_an_odd_chunk_adds_nothing_and_breaks_nothing(
    http: HttpClient, service: Desk, event: Any
) -> None:
    service.answers = [stream({"content": "Dạ "}, event, {"content": "vâng"})]
    completion, _ = await said(model(http, service.url))
    assert completion.text == "Dạ vâng"


@pytest.mark.parametrize("data", [b"[1]", b"5", b"null", b'"x"', b"{", b"[" * 100_000])
async def test_an_event_that_is_no_object_is_an_error(
    http: HttpClient, service: Desk, data: bytes
) -> None:
    head = {"Content-Type": "text/event-stream"}
    service.answers = [(200, b"data: " + data + b"\n\n", head)]
    with pytest.raises(UserError) as caught:
        await said(model(http, service.url))
    assert caught.value.code == "user_bad_json"


@pytest.mark.parametrize("data", [b'{"message": "overloaded"}', b"overloaded", b"[DONE]", b""])
@pytest.mark.parametrize("finish", [None, "stop"])
async def test_an_event_named_error_is_an_error_whatever_it_carries(
    http: HttpClient, service: Desk, data: bytes, finish: str | None
) -> None:
    status, body, head = stream({"content": "Dạ"}, finish=finish)
    service.answers = [(status, body + b"event: error\ndata: " + data + DONE, head)]
    for onlooker in (None, Onlooker()):
        with pytest.raises(UserError) as caught:
            await said(model(http, service.url), onlooker)
        assert caught.value.code == "user_bad_reply"
        assert caught.value.transient


async def test_what_follows_done_is_not_heard_and_other_fields_are_no_data(
    http: HttpClient, service: Desk
) -> None:
    status, body, head = stream({"content": "Dạ"})
    noise = b": ping\nevent: x\nid: 1\nretry: 5\n\n"
    service.answers = [(status, noise + body + b"data: [DONE]\n\ndata: {broken\n\n", head)]
    assert (await said(model(http, service.url)))[0].text == "Dạ"


async def test_a_stream_without_end_is_cut_off(http: HttpClient, service: Desk) -> None:
    service.answers = [stream({"content": "x" * 17_000_000})]
    with pytest.raises(UserError) as caught:
        await said(model(http, service.url))
    assert caught.value.code == "user_too_large"


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(max_size=6), max_size=8))
async def test_any_pieces_are_put_together_as_one_text(pieces: list[str]) -> None:
    client = HttpClient()
    async with desk() as service:
        service.answers = [stream(*({"content": piece} for piece in pieces))]
        completion, told = await said(model(client, service.url))
    await client.aclose()
    whole = "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert completion.text == "".join(told) == whole.replace("\0", "\ufffd")
