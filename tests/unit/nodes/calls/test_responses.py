"""The Responses API: asked as its reference says, read as its events come, failures typed."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from langchain_openai import ChatOpenAI
from openai.types.responses import ResponseStreamEvent
from pydantic import SecretStr, TypeAdapter

from core.errors import BotError
from nodes.calls.http import HttpClient
from nodes.calls.models import ChatModel, Sampling, chat_model
from nodes.calls.responses import to_chat_chunk, to_responses_payload
from tests.servers.process import Process
from tests.servers.responses import TEXT, list_events


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[str]:
    async with Process(["python", "-m", "tests.servers.responses"], ready="Running on") as process:
        found = re.search(r"http://[\d.:]+", process.stdout)
        assert found is not None
        yield f"{found[0]}/v1"


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


def model(http: HttpClient, url: str, key: str = "sk-test") -> ChatModel:
    return chat_model(
        http,
        BotError,
        model="m",
        base_url=url,
        api_key=key,
        sampling=Sampling(0.2, 50, 7),
        responses=True,
    )


def prompt(said: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Em là bot."}, {"role": "user", "content": said}]


async def test_a_reply_streams_and_is_counted(http: HttpClient, server: str) -> None:
    pieces: list[str] = []
    found = await model(http, server).complete(prompt("chào"), pieces.append)
    assert "".join(pieces) == found.text == TEXT
    assert found.finish_reason == "stop"
    assert found.usage == {"input_tokens": 12, "output_tokens": 5}


async def test_the_stock_library_reads_the_same_of_that_server(server: str) -> None:
    key = SecretStr("sk-test")
    stock = ChatOpenAI(model="m", base_url=server, api_key=key, use_responses_api=True, store=False)
    whole = "".join([str(chunk.text) async for chunk in stock.astream("chào")])
    assert whole == TEXT


@pytest.mark.parametrize("said", ["chào", "error", "fail", "long", "no", "cut"])
def test_the_events_of_the_test_server_are_those_of_the_published_types(said: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for number, event in enumerate(list_events("m", said)):
        assert adapter.validate_python({**event, "sequence_number": number}).type == event["type"]


async def test_a_reply_that_reached_its_limit_says_so(http: HttpClient, server: str) -> None:
    found = await model(http, server).complete(prompt("long"), lambda _: None)
    assert (found.text, found.finish_reason) == (TEXT, "length")


async def test_a_refusal_is_no_text(http: HttpClient, server: str) -> None:
    found = await model(http, server).complete(prompt("no"), lambda _: None)
    assert (found.text, found.refusal) == ("", "Em không thể.")


@pytest.mark.parametrize(
    ("said", "key", "kind", "transient"),
    [
        ("error", "sk-test", "bad_reply", True),
        ("fail", "sk-test", "bad_reply", True),
        ("cut", "sk-test", "bad_reply", True),
        ("chào", "sk-other", "http_error", False),
    ],
)
async def test_each_other_end_is_typed(
    http: HttpClient, server: str, said: str, key: str, kind: str, transient: bool
) -> None:
    with pytest.raises(BotError) as caught:
        await model(http, server, key).complete(prompt(said), lambda _: None)
    assert (caught.value.kind, caught.value.transient) == (kind, transient)
    assert "model m" in caught.value.message


def test_what_the_api_does_not_know_is_not_sent() -> None:
    sent = {"model": "m", "messages": [], "seed": 1, "stop": ["x"], "max_completion_tokens": 9}
    assert to_responses_payload(sent) == {
        "model": "m",
        "input": [],
        "max_output_tokens": 9,
        "store": False,
    }


@pytest.mark.parametrize(
    "event", [{"type": "response.completed"}, {"type": "response.output_text.delta"}, {}, {"a": 1}]
)
def test_odd_events_break_nothing(event: dict[str, Any]) -> None:
    assert not to_chat_chunk(event).get("error")
