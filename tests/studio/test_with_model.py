"""Studio with a model: tokens of both speakers, and a persona that can be changed half-way."""

from typing import Any

import pytest

from tests.servers.llm import LlmServer
from tests.studio.dev import Dev, said, texts

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


def joined(chunks: list[dict[str, Any]]) -> dict[str, str]:
    whole: dict[str, str] = {}
    for chunk in chunks:
        whole[chunk["id"]] = whole.get(chunk["id"], "") + chunk["content"]
    return whole


async def test_tokens_of_both_speakers_are_streamed(dev_with_model: Dev) -> None:
    dev = dev_with_model
    thread = await dev.thread()
    setup = {"bot_prompt": "You are a waiter.", "seat": "simulated", "max_turns": 2}
    stream = dev.client.runs.stream(
        thread, dev.graph, input={}, context=setup, stream_mode=["messages-tuple", "custom"]
    )
    told = await said(stream)
    chunks = [data[0] for event, data in told if event == "messages"]
    state = await dev.state(thread)
    assert joined(chunks) == {str(at): text for at, text in enumerate(texts(state))}
    kinds = {chunk["id"]: chunk["type"] for chunk in chunks}
    assert kinds["1"] == kinds["3"] == "AIMessageChunk"
    assert kinds["2"] == "HumanMessageChunk"
    # What one read of the network brought is one piece, so there may be few.
    assert len([chunk for chunk in chunks if chunk["id"] == "2"]) >= 2
    tokens = [data for event, data in told if event == "custom" and data["event"] == "token"]
    assert {token["role"] for token in tokens} == {"user", "assistant"}


async def test_partial_messages_grow_to_the_stored_ones(dev_with_model: Dev) -> None:
    """What Studio's chat reads: each message as it grows, none of them twice."""
    dev = dev_with_model
    thread = await dev.thread()
    setup = {"bot_prompt": "You are a waiter.", "seat": "simulated", "max_turns": 2}
    stream = dev.client.runs.stream(
        thread, dev.graph, input={}, context=setup, stream_mode="messages"
    )
    parts = ("messages/partial", "messages/complete")
    grown = {data[0]["id"]: data[0] for event, data in await said(stream) if event in parts}
    state = await dev.state(thread)
    assert [grown[str(at)]["content"] for at in range(4)] == texts(state)
    assert set(grown) == {"0", "1", "2", "3"}
    assert [grown[str(at)]["type"] for at in range(4)] == ["human", "ai"] * 2


async def test_fork_with_another_persona_prompt(dev_with_model: Dev, model: LlmServer) -> None:
    dev = dev_with_model
    thread = await dev.thread()
    setup = {"bot": "16", "seat": "simulated", "max_turns": 3, "user_prompt": "Học thật chăm."}
    first = await dev.run(thread, setup)
    middle = next(
        step
        for step in await dev.client.threads.get_history(thread, limit=50)
        if step["next"] == ["user"] and len(step["values"]["messages"]) == 2
    )
    grumpy = "Bạn đang rất cáu."
    model.script(["Chán quá, không học nữa!", "Thôi!"], contains=grumpy)
    forked = await dev.run(
        thread, {**setup, "user_prompt": grumpy}, input=None,
        checkpoint_id=middle["checkpoint"]["checkpoint_id"],
    )  # fmt: skip
    assert texts(forked)[:2] == texts(first)[:2]
    assert texts(forked)[2] == "Chán quá, không học nữa!"
    assert texts(forked)[2] != texts(first)[2]
    assert any(grumpy in call.said for call in model.calls)
    assert forked["values"]["scenario"]["user_prompt"] == grumpy


async def test_fork_with_another_bot(dev_with_model: Dev, model: LlmServer) -> None:
    """A bot that is a model gets the whole transcript with its call, so nothing is told again."""
    dev = dev_with_model
    thread = await dev.thread()
    first = await dev.run(thread, {"bot": "16", "seat": "scripted", "max_turns": 3})
    middle = next(
        step
        for step in await dev.client.threads.get_history(thread, limit=50)
        if step["next"] == ["bot"] and len(step["values"]["messages"]) == 5
    )
    butler = "You are a butler."
    forked = await dev.run(
        thread, {"seat": "scripted", "max_turns": 3, "bot_prompt": butler}, input=None,
        checkpoint_id=middle["checkpoint"]["checkpoint_id"],
    )  # fmt: skip
    assert texts(forked)[:5] == texts(first)[:5]
    assert texts(forked)[5] != texts(first)[5]
    (call,) = [call for call in model.calls if butler in call.said]
    assert texts(forked)[3] in call.said


async def test_model_of_the_setup_is_asked(dev_with_model: Dev, model: LlmServer) -> None:
    dev = dev_with_model
    setup = {"bot_prompt": "Waiter.", "seat": "simulated", "max_turns": 1, "model": "mock-judge"}
    await dev.run(await dev.thread(), setup)
    assert model.calls[-1].model == "mock-judge"
