"""The OpenAI-compatible server does what its tests will rely on."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from tests.servers.llm import LlmServer, line_for, read_journal
from tests.servers.remote import llm_process
from tests.servers.sse import Manner
from tests.servers.wait import wait_until

ASKED: Any = [
    {"role": "system", "content": "Em là học sinh."},
    {"role": "user", "content": "Xin chào!"},
]
SAID = line_for(1, "Xin chào!")


class Caller:
    """A client that asks for completions."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self.client = client
        self.url = url

    async def post(self, *, stream: bool, messages: Any = ASKED, **more: Any) -> tuple[int, bytes]:
        body = {"model": "mock-model", "messages": messages, "stream": stream, **more}
        async with self.client.post(
            f"{self.url}/v1/chat/completions", json=body, allow_redirects=False
        ) as answer:
            return answer.status, await answer.read()

    async def read_into(self, got: bytearray) -> None:
        """Read a stream as it comes."""
        body = {"model": "m", "messages": ASKED, "stream": True}
        async with self.client.post(f"{self.url}/v1/chat/completions", json=body) as answer:
            async for data in answer.content.iter_any():
                got += data

    async def events(self, **more: Any) -> list[dict[str, Any]]:
        body = (await self.post(stream=True, **more))[1].replace(b"\r\n", b"\n")
        data = [e[6:] for e in body.split(b"\n\n") if e.startswith(b"data: {")]
        return [json.loads(event) for event in data]

    async def deltas(self, **more: Any) -> list[str]:
        return [text for e in await self.events(**more) if (text := delta(e, "content"))]


def delta(event: dict[str, Any], key: str) -> Any:
    return event["choices"][0]["delta"].get(key) if event.get("choices") else None


@pytest.fixture
async def caller(llm: LlmServer) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as client:
        yield Caller(client, llm.url)


async def test_openai_client_reads_it_whole_and_streamed(llm: LlmServer) -> None:
    async with openai.AsyncOpenAI(base_url=llm.base_url, api_key="sk-secret") as client:
        whole = await client.chat.completions.create(model="mock-model", messages=ASKED)
        chunks = await client.chat.completions.create(
            model="mock-model",
            messages=ASKED,
            stream=True,
            stream_options={"include_usage": True},
        )
        got = [chunk async for chunk in chunks]
        assert [model.id async for model in client.models.list()] == ["mock-model", "mock-judge"]
    assert whole.choices[0].message.content == SAID
    assert "".join(c.choices[0].delta.content or "" for c in got[:-1]) == SAID
    assert got[-2].choices[0].finish_reason == "stop"
    assert got[-1].usage == whole.usage


async def test_journal_has_no_authorization(llm: LlmServer) -> None:
    async with openai.AsyncOpenAI(base_url=llm.base_url, api_key="sk-secret") as client:
        await client.chat.completions.create(model="m", messages=ASKED, temperature=0)
    call = llm.calls[0]
    assert len(call.authorization) == 12
    assert "sk-secret" not in json.dumps(call.as_json())
    assert (call.messages, call.settings, call.reply) == (ASKED, {"temperature": 0}, SAID)


@pytest.mark.parametrize(
    "manner",
    [
        Manner(split="points"),
        Manner(split=3),
        Manner(framing="one"),
        Manner(framing="two"),
        Manner(crlf=True, comments=True),
        Manner(first_delay=0.001, token_delay=0.001),
    ],
)
async def test_every_manner_says_the_same(llm: LlmServer, caller: Caller, manner: Manner) -> None:
    llm.manner = manner
    said = await caller.deltas()
    assert said == manner.pieces(SAID)
    assert "".join(said) == SAID


async def test_events_are_torn_inside_a_character(llm: LlmServer, caller: Caller) -> None:
    llm.manner = Manner(framing="two")
    body = {"model": "m", "messages": ASKED, "stream": True}
    async with caller.client.post(f"{llm.base_url}/chat/completions", json=body) as answer:
        reads = [data async for data in answer.content.iter_any()]
    assert any(not decodes(data) for data in reads)


def decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


async def test_script_goes_by_call_or_by_line_and_runs_dry(llm: LlmServer, caller: Caller) -> None:
    llm.script(["judged"], contains="judge this")
    llm.script(["a", "b"], by="line")
    later = [*ASKED, {"role": "assistant", "content": "a"}, {"role": "user", "content": "?"}]
    said = [await caller.deltas(messages=m) for m in (ASKED, later, ASKED)]
    assert said == [["a"], ["b"], ["a"]]
    judge = [{"role": "user", "content": "judge this"}]
    assert await caller.deltas(messages=judge) == ["judged"]
    assert (await caller.post(stream=True, messages=judge))[0] == 500


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "invalid_api_key"), (429, "rate_limit_exceeded"), (500, "internal_error")],
)
async def test_status_has_an_openai_body(
    llm: LlmServer, caller: Caller, stream: bool, status: int, code: str
) -> None:
    llm.fail("status", status=status, retry_after=1)
    got, body = await caller.post(stream=stream)
    assert (got, json.loads(body)["error"]["code"]) == (status, code)


async def test_stream_may_end_without_a_finish_reason(llm: LlmServer, caller: Caller) -> None:
    llm.fail("no_finish", after=3)
    body = (await caller.post(stream=True))[1]
    assert b"[DONE]" not in body
    assert b'"finish_reason": "stop"' not in body
    llm.faults = []
    llm.fail("no_finish")
    assert "".join(await caller.deltas()) == SAID


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("kind", "options", "holds"),
    [
        ("text", {"text": "chào em"}, "chào"),
        ("empty", {}, '"finish_reason": "stop"'),
        ("finish", {"reason": "content_filter", "after": 2}, '"finish_reason": "content_filter"'),
        ("refusal", {}, "I can't help"),
        ("think", {}, "<think>"),
        ("reasoning", {}, "reasoning_content"),
        ("surrogate", {}, "\\ud800"),
        ("nul", {}, "\\u0000"),
        ("huge", {"size": 100_000}, "nhỏ"),
        ("slow", {"seconds": 0.01}, "stop"),
        ("html", {}, "<h1>"),
        ("non_json", {}, "not JSON"),
        ("content_type", {}, "stop"),
        ("error_event", {}, "error"),
    ],
)
async def test_fault_looks_as_named(
    llm: LlmServer, caller: Caller, kind: str, options: dict[str, Any], holds: str, stream: bool
) -> None:
    llm.fail(kind, **options, times=1)
    _, body = await caller.post(stream=stream)
    assert holds in body.decode()
    assert llm.calls[-1].fault == kind
    assert "".join(await caller.deltas()) == SAID


@pytest.mark.parametrize("stream", [True, False])
async def test_malformed_json_and_bytes(llm: LlmServer, caller: Caller, stream: bool) -> None:
    llm.fail("bad_chunk", times=1)
    with pytest.raises(json.JSONDecodeError):
        await (caller.events() if stream else parsed(caller))
    llm.fail("bad_utf8", after=2)
    assert not decodes((await caller.post(stream=stream))[1])


async def parsed(caller: Caller) -> Any:
    return json.loads((await caller.post(stream=False))[1])


@pytest.mark.parametrize("kind", ["cut", "reset"])
@pytest.mark.parametrize(("stream", "after"), [(True, 5), (True, None), (False, None)])
async def test_broken_connection(
    llm: LlmServer, caller: Caller, kind: str, stream: bool, after: int | None
) -> None:
    llm.fail(kind, after=after)
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
        await caller.post(stream=stream)


@pytest.mark.parametrize("after", [None, 4])
async def test_hang_before_or_after_the_first_pieces(
    llm: LlmServer, caller: Caller, after: int | None
) -> None:
    llm.fail("hang", after=after)
    got = bytearray()
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(caller.read_into(got))
        await wait_until(lambda: llm.calls and got.count(b'"content"') == (after or -1) + 1)
        reader.cancel()
    await wait_until(lambda: llm.calls[-1].left_at)


async def test_process_takes_settings_faults_and_scripts(tmp_path: Path) -> None:
    journal = tmp_path / "llm.jsonl"
    async with (
        llm_process("--first-ms", "1", journal=journal) as remote,
        aiohttp.ClientSession() as client,
    ):
        caller = Caller(client, remote.url)
        await remote.set(manner={"split": "points"}, script={"texts": ["quả táo"]})
        await remote.fail("status", status=500, call=2)
        assert await caller.deltas() == list("quả táo")
        assert (await caller.post(stream=True))[0] == 500
        assert [c.reply for c in read_journal(journal)] == ["quả táo", None]
