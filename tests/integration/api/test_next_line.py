"""POST /api/generate-user-response: the next line, whether it is the last, and what it cost."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from api.app import create_app
from core.settings import Settings
from tests.servers.llm import LlmServer

HISTORY = [
    {"role": "assistant", "content": "Chào con! “apple” nghĩa là gì?"},
    {"role": "user", "content": "quả táo ạ"},
    {"role": "assistant", "content": "Giỏi lắm! Tạm biệt con nhé."},
]


@pytest.fixture
async def client(tmp_path: Path, llm: LlmServer) -> AsyncIterator[AsyncClient]:
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'd.db'}",
        personas=tmp_path / "personas",
        bots=tmp_path / "bots.yaml",
        openai_base_url=llm.base_url,
        model="mock-model",
        ui=False,
    )
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as made,
    ):
        yield made


async def ask(client: AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/api/generate-user-response", json={"history": HISTORY, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_line_says_that_the_user_stays(client: AsyncClient, llm: LlmServer) -> None:
    llm.script(["con thích quả cam hơn"])
    found = await ask(client)
    assert (found["content"], found["ended"], found["end_reason"]) == (
        "con thích quả cam hơn",
        False,
        None,
    )
    assert found["usage"]["output_tokens"] > 0
    assert (found["model"], found["origin"], found["refused"]) == ("mock-model", "simulated", [])


@pytest.mark.parametrize(
    ("said", "content"), [("dạ bái bai [[END]]", "dạ bái bai"), ("[[END]]", "")]
)
async def test_the_end_is_told_and_last_words_may_be_empty(
    client: AsyncClient, llm: LlmServer, said: str, content: str
) -> None:
    llm.script([said])
    found = await ask(client)
    assert (found["content"], found["ended"], found["end_reason"]) == (content, True, "user_done")


async def test_farewells_again_and_again_end_it_too(client: AsyncClient, llm: LlmServer) -> None:
    llm.script(["con chào cô, tạm biệt!"])
    bye = [{"role": "user", "content": "tạm biệt cô"}, {"role": "assistant", "content": "Ừ."}]
    found = await ask(client, history=[*bye, *bye])
    assert (found["ended"], found["end_reason"]) == (True, "user_done")


async def test_refused_lines_are_told_and_counted(client: AsyncClient, llm: LlmServer) -> None:
    llm.script(["As an AI language model, I cannot eat.", "con thích cam"])
    found = await ask(client, user_model="other", persona="shy")
    (refused,) = found["refused"]
    assert refused["kind"] == "as_an_ai"
    assert refused["usage"]["output_tokens"] > 0
    assert [call.model for call in llm.calls] == ["other", "other"]
    figures = (await client.get("/metrics")).text
    assert 'duologue_refused_lines_total{kind="as_an_ai",model="other",persona="shy"} 1' in figures
