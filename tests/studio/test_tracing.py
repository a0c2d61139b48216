"""A trace of a conversation arrives at a real OTLP receiver, parents and children right."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.servers.host import Host, free_port
from tests.servers.llm import LlmServer
from tests.servers.process import Process
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until
from tests.studio.dev import dev_server
from tests.studio.otlp import Receiver, Span

pytestmark = pytest.mark.timeout(90)
SERVE = "import sys; from cli.main import main; sys.exit(main(['serve']))"
CLIENT = 3
ERROR = 2


@pytest.fixture
async def otlp() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@asynccontextmanager
async def service(folder: Path, robot: RobotServer, **env: str) -> AsyncIterator[str]:
    """The product's own server, with the robot as bot 16."""
    port = free_port()
    robot_bot = f"{{kind: webhook, preset: robot-lesson, name: robot, base_url: '{robot.url}'}}"
    (folder / "bots.yaml").write_text(f"bots:\n  16: {robot_bot}\n")
    env = {
        "DUOLOGUE_PORT": str(port),
        "DUOLOGUE_UI": "false",
        "DUOLOGUE_BOTS": str(folder / "bots.yaml"),
        "DUOLOGUE_DATABASE_URL": f"sqlite:///{folder / 'duologue.db'}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        **env,
    }
    url = f"http://127.0.0.1:{port}"
    async with Process(["python", "-c", SERVE], env=env, ready=f"{url}/health", startup=40):
        yield url


async def simulate(url: str, **body: Any) -> Any:
    given = {"bot_id": 16, "user_prompt": "sẵn sàng", **body}
    timeout = aiohttp.ClientTimeout(total=60)
    async with (
        aiohttp.ClientSession(timeout=timeout) as http,
        http.post(f"{url}/api/simulate", json=given) as answer,
    ):
        return await answer.json()


async def ended(otlp: Receiver) -> Span:
    """The span of the conversation; it is the last to end."""
    (root,) = await wait_until(lambda: otlp.named("conversation"), 20)
    return root


async def test_five_turns_are_a_tree(tmp_path: Path, robot: RobotServer, otlp: Receiver) -> None:
    async with service(tmp_path, robot, OTEL_EXPORTER_OTLP_ENDPOINT=otlp.url) as url:
        told = await simulate(url, max_turns=5)
        root = await ended(otlp)
    turn = ["user", ("invoke_agent robot", ["POST"])]
    turns = [(f"turn {number}", turn) for number in range(1, 6)]
    assert otlp.tree(root) == ("conversation", [("open", ["POST"]), *turns])
    assert {span.trace for span in otlp.ours()} == {root.trace}
    assert {span.service for span in otlp.ours()} == {"duologue"}
    assert root.facts["gen_ai.conversation.id"] == told["conversation_id"]
    assert root.facts["gen_ai.operation.name"] == "invoke_workflow"


async def test_bot_call_has_genai_names_and_the_robot_its_traceparent(
    tmp_path: Path, robot: RobotServer, otlp: Receiver
) -> None:
    async with service(tmp_path, robot, OTEL_EXPORTER_OTLP_ENDPOINT=otlp.url) as url:
        await simulate(url, max_turns=2)
        root = await ended(otlp)
    calls = otlp.named("invoke_agent robot")
    for call in calls:
        assert call.facts["gen_ai.operation.name"] == "invoke_agent"
        assert (call.facts["gen_ai.agent.name"], call.facts["gen_ai.agent.id"]) == ("robot", "16")
    posts = [otlp.children(call)[0] for call in calls]
    posts = [*otlp.children(otlp.named("open")[0]), *posts]
    assert [post.kind for post in posts] == [CLIENT] * 3
    assert [post.facts["http.response.status_code"] for post in posts] == [200] * 3
    heard = [(call.traceparent or "").split("-")[:3] for call in robot.calls]
    assert heard == [["00", root.trace, post.id] for post in posts]


async def test_model_call_has_genai_names(
    tmp_path: Path, robot: RobotServer, llm: LlmServer, otlp: Receiver
) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url, "OPENAI_BASE_URL": llm.base_url}
    async with service(tmp_path, robot, DUOLOGUE_MODEL="mock-model", **env) as url:
        await simulate(url, max_turns=2)
        await ended(otlp)
    (second,) = otlp.named("turn 2")
    assert otlp.tree(second) == (
        "turn 2",
        [("user", [("chat mock-model", ["POST"])]), ("invoke_agent robot", ["POST"])],
    )
    chat = otlp.named("chat mock-model")[-1]
    assert chat.kind == CLIENT
    assert chat.facts["gen_ai.operation.name"] == "chat"
    assert chat.facts["gen_ai.request.model"] == "mock-model"
    assert chat.facts["gen_ai.response.finish_reasons"] == ["stop"]
    assert chat.facts["gen_ai.usage.input_tokens"] > 0
    assert chat.facts["gen_ai.usage.output_tokens"] > 0


async def test_failure_is_an_error_in_every_span_around_it(
    tmp_path: Path, robot: RobotServer, otlp: Receiver
) -> None:
    robot.fail("status", status=400, turn=2)
    async with service(tmp_path, robot, OTEL_EXPORTER_OTLP_ENDPOINT=otlp.url) as url:
        await simulate(url, max_turns=3)
        root = await ended(otlp)
    (call,) = [span for span in otlp.named("invoke_agent robot") if span.status == ERROR]
    (post,) = otlp.children(call)
    assert (root.status, post.status) == (ERROR, ERROR)
    assert {span.facts["error.type"] for span in (root, call, post)} == {"bot_http_error"}
    assert post.facts["http.response.status_code"] == 400


async def test_without_the_variables_nothing_is_sent(
    tmp_path: Path, robot: RobotServer, otlp: Receiver
) -> None:
    async with service(tmp_path, robot) as url:
        await simulate(url, max_turns=2)
    assert [call.traceparent for call in robot.calls] == [None] * 3
    assert otlp.spans == []


async def test_run_in_studio_is_the_same_tree(tmp_path: Path, otlp: Receiver) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    async with dev_server(tmp_path, **env) as dev:
        thread = await dev.thread()
        await dev.run(thread, {"seat": "scripted", "max_turns": 1})
        root = await ended(otlp)
    bot = "invoke_agent English lesson robot (demo)"
    turn = ("turn 1", ["user", (bot, ["POST"])])
    assert otlp.tree(root) == ("conversation", [("open", ["POST"]), turn])
    assert root.facts["gen_ai.conversation.id"] == thread


async def test_langsmith_is_told_by_its_own_variables(
    tmp_path: Path, robot: RobotServer, llm: LlmServer
) -> None:
    """LangChain does it; a receiver stands for LangSmith."""
    async with langsmith() as (endpoint, told):
        env = {
            "LANGSMITH_TRACING": "true",
            "LANGSMITH_ENDPOINT": endpoint,
            "LANGSMITH_API_KEY": "not-a-key",
            "OPENAI_BASE_URL": llm.base_url,
        }
        async with service(tmp_path, robot, DUOLOGUE_MODEL="mock-model", **env) as url:
            await simulate(url, max_turns=2)
            await wait_until(lambda: b"mock-model" in b"".join(told), 20)
    assert b'"langgraph_node":"bot"' in b"".join(told)


@asynccontextmanager
async def langsmith() -> AsyncIterator[tuple[str, list[bytes]]]:
    told: list[bytes] = []
    limits = {"size_limit": 100, "size_limit_bytes": 20_000_000, "use_multipart_endpoint": False}
    limits |= {"scale_up_qsize_trigger": 1000, "scale_up_nthreads_limit": 16}
    info = {"version": "1", "batch_ingest_config": {**limits, "scale_down_nempty_trigger": 4}}

    async def take(request: web.Request) -> web.Response:
        told.append(await request.read())
        return web.json_response(info)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    host = Host(app, 0)
    await host.start()
    try:
        yield f"http://127.0.0.1:{host.port}", told
    finally:
        await host.stop()
