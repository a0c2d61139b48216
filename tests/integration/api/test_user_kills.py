"""kill -9 forgets nothing of a simulated user: refused lines, drawn behaviours, what diverged."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from nodes.speakers.personas import Persona
from nodes.speakers.prompting import draw_behaviour
from tests.integration.api.service import Service, line_of
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]
RATES = {"one_word": 0.4, "tangent": 0.4}
LAN = f"name: Lan\nseed: 7\nbehaviours: {RATES}\ntyping: {{no_tones: 1.0}}\n"
REFUSED = "As an AI language model, I cannot eat."
TURNS = 5


def list_users(view: dict[str, Any]) -> list[dict[str, Any]]:
    return [line for line in view["history"] if line["role"] == "user"]


async def test_refused_lines_and_drawn_behaviours_outlive_a_kill(
    opened: Opened, robot: RobotServer, llm: LlmServer, tmp_path: Path
) -> None:
    (tmp_path / "lan.yaml").write_text(LAN, "utf-8")
    service = await opened(
        DUOLOGUE_PERSONAS=str(tmp_path), OPENAI_BASE_URL=llm.base_url,
        DUOLOGUE_MODEL="mock-model",
    )  # fmt: skip
    good = ["dạ con chào cô", "con thích cam", "nhà con có mèo", "con mệt rồi", "dạ con hiểu"]
    llm.script([REFUSED, good[0], REFUSED, *good[1:]])
    held = robot.fail("hold", turn=3, times=1)
    body = {"bot_id": 16, "user": "simulated", "persona": "lan", "max_turns": TURNS}
    id = (await service.post("/api/conversations", body))["conversation_id"]
    await service.run(id)
    await wait_until(lambda: held.fired, 60, what="the third turn")
    before = list_users(await service.show(id))
    await service.kill()
    robot.release()
    await service.process.close()
    await service.start()
    after = list_users(await service.until(id, "completed", within=60))

    assert [line["content"] for line in after] == good
    assert after[: len(before)] == before
    assert len(before) >= 2
    refused = [[one["kind"] for one in line.get("discarded") or []] for line in after]
    assert refused == [["as_an_ai"], ["as_an_ai"], [], [], []]
    assert all(one["usage"]["output_tokens"] for one in after[0]["discarded"])
    lan = Persona(name="Lan", behaviours=RATES)
    drawn = [draw_behaviour(lan, "7", turn) for turn in range(1, TURNS + 1)]
    assert [line.get("behaviour") for line in after] == drawn
    assert len(set(drawn)) >= 2
    assert all(line["typed"] == ["no_tones"] for line in after)


async def test_what_a_fork_heard_otherwise_outlives_a_kill(
    service: Service, robot: RobotServer
) -> None:
    robot.set(honour_keys=True)
    parent = await service.begin(4)
    await service.until(parent, "completed", within=60)
    fork = await service.post(f"/api/conversations/{parent}/forks", {"index": 7, "max_turns": 5})
    id = fork["conversation_id"]
    robot.fail("text", text="Hôm nay khác rồi!", turn=2, conversation=id)
    held = robot.fail("hold", turn=4, times=1, conversation=id)
    await service.run(id)
    await wait_until(lambda: held.fired, 60, what="the fourth line told again")
    await service.kill()
    robot.release()
    await service.process.close()
    await service.start()
    history = (await service.until(id, "completed", within=60))["history"]
    marked = [line["index"] for line in history if line.get("not_in_session")]
    assert marked == [3]
    assert robot.heard(id)[:4] == [line_of(n) for n in range(1, 5)]
    assert len(history) == 10
