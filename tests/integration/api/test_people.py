"""A person in the user's seat: from the start, by taking over, and by giving back."""

from collections.abc import Awaitable, Callable

import pytest

from tests.integration.api.reading import Heard
from tests.integration.api.service import Service, line_of
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer, reply_to
from tests.servers.wait import wait_until

Opened = Callable[..., Awaitable[Service]]


async def test_chat_tells_only_the_reply_as_content(service: Service, robot: RobotServer) -> None:
    id = (await service.post("/session", {"bot_id": 16}))["session_id"]
    for n, said in enumerate(("xin chào", "e\u0302\u0301", "một\nhai 👩‍🏫"), 1):
        frames = await service.frames("/chat/stream", {"session_id": id, "message": said})
        reply = "".join(f.data["content"] for f in frames if "content" in f.data)
        assert reply == reply_to(n, said)
        told = [(f.data["origin"], f.data["text"]) for f in frames if f.event == "message"]
        assert told == [("human", said), ("bot", reply)]
        assert frames[-1].event == "done"
        assert frames[-1].data["status"] == "waiting"
    shown = await service.show(id)
    assert [line["origin"] for line in shown["history"]] == ["human", "bot"] * 3
    assert (shown["status"], shown["seat"], shown["turn"]) == ("waiting", "human", 3)
    assert [call.key for call in robot.of(id)] == [f"{id}:{n}" for n in (1, 2, 3)]


async def test_a_session_without_a_body_and_one_that_is_unknown(service: Service) -> None:
    answer = await service.ask("POST", "/session")
    assert answer.status == 201
    for id in ("00000000-0000-4000-8000-000000000000", "nope", "../../etc/passwd"):
        refused = await service.ask("POST", "/chat/stream", {"session_id": id, "message": "a"})
        assert refused.status == 404
        assert refused.headers["Content-Type"] == "application/problem+json"


async def test_a_streaming_bot_streams_to_a_person(opened: Opened, llm: LlmServer) -> None:
    talker = {"kind": "openai", "base_url": llm.base_url, "model": "mock-model", "api_key": "k"}
    service = await opened(bots={"talker": talker})
    llm.set(manner={"token_delay": 0.005})
    id = (await service.post("/session", {"bot_id": "talker"}))["session_id"]
    heard = Heard.of(
        await service.frames("/chat/stream", {"session_id": id, "message": "xin chào"})
    )
    assert heard.events.count("token") > 3
    assert heard.texts == {1: (await service.show(id))["history"][1]["content"]}


async def test_a_chat_goes_on_over_kill9(service: Service) -> None:
    id = (await service.post("/session", {}))["session_id"]
    await service.frames("/chat/stream", {"session_id": id, "message": "một"})
    await service.restart()
    assert (await service.show(id))["status"] == "waiting"
    frames = await service.frames("/chat/stream", {"session_id": id, "message": "hai"})
    assert frames[-1].data["status"] == "waiting"
    said = [line["content"] for line in (await service.show(id))["history"]]
    assert said == ["một", reply_to(1, "một"), "hai", reply_to(2, "hai")]


async def test_what_a_person_said_before_an_outage_is_not_lost(
    service: Service, robot: RobotServer
) -> None:
    id = (await service.post("/session", {}))["session_id"]
    robot.fail("status", status=500, turn=1, times=3)
    frames = await service.frames("/chat/stream", {"session_id": id, "message": "một"})
    assert [f.event for f in frames][-2:] == ["error", "done"]
    heard = Heard.of(await service.frames(f"/api/conversations/{id}/resume", {}))
    assert heard.told == [reply_to(1, "một")]
    assert heard.done[0]["status"] == "waiting"
    frames = await service.frames("/chat/stream", {"session_id": id, "message": "hai"})
    assert len((await service.show(id))["history"]) == 4


async def test_messages_want_the_client_and_go_to_the_bot(
    service: Service, robot: RobotServer
) -> None:
    made = {"bot_id": 16, "client_id": "lan", "user": "human", "max_turns": 2}
    id = (await service.post("/api/conversations", made))["conversation_id"]
    path = f"/api/conversations/{id}/messages"
    assert (await service.ask("POST", path, {"content": "a"})).status == 403
    heard = Heard.of(await service.frames(path, {"content": "một", "client_id": "lan"}))
    assert heard.texts == {1: reply_to(1, "một")}
    heard = Heard.of(await service.frames(path, {"content": "hai", "client_id": "lan"}))
    assert heard.done[0]["end_reason"] == "max_turns"
    over = await service.ask("POST", path, {"content": "ba", "client_id": "lan"})
    assert over.status == 409
    assert robot.heard(id) == ["một", "hai"]


async def test_a_person_takes_over_and_hands_back_in_mid_run(
    service: Service, robot: RobotServer
) -> None:
    held = robot.fail("hold", turn=2, times=1)
    id = await service.begin(6)
    await wait_until(lambda: held.fired)
    taken = await service.ask("PATCH", f"/api/conversations/{id}", {"seat": "human"})
    assert taken.status == 202
    robot.release()
    waiting = await service.until(id, "waiting")
    assert (waiting["turn"], waiting["seat"]) == (2, "human")
    heard = Heard.of(await service.frames(f"/api/conversations/{id}/messages", {"content": "Tôi!"}))
    assert heard.told == ["Tôi!", reply_to(3, "Tôi!")]
    back = await service.ask("PATCH", f"/api/conversations/{id}", {"seat": "simulated"})
    assert (back.status, back.json["seat"]) == (200, "scripted")
    await service.run(id)
    shown = await service.until(id, "completed")
    users = [line["origin"] for line in shown["history"] if line["role"] == "user"]
    assert users == ["scripted", "scripted", "human", "scripted", "scripted", "scripted"]
    assert [line["turn"] for line in shown["history"]] == [n for n in range(1, 7) for _ in "ub"]
    assert len(robot.of(id)) == 6
    Heard.of(await service.follow(id)).must_be(shown["history"])


async def test_limits_change_in_mid_run_and_at_rest(service: Service, robot: RobotServer) -> None:
    held = robot.fail("hold", turn=1, times=1)
    id = await service.begin(9)
    await wait_until(lambda: held.fired)
    changed = await service.ask("PATCH", f"/api/conversations/{id}", {"max_turns": 2})
    assert changed.status == 202
    robot.release()
    done = await service.until(id, "completed")
    assert (done["turn"], done["max_turns"], done["end_reason"]) == (2, 2, "max_turns")
    late = await service.ask("PATCH", f"/api/conversations/{id}", {"max_turns": 3})
    assert late.status == 409
    rest = await service.make(9)
    answer = await service.ask("PATCH", f"/api/conversations/{rest}", {"max_turns": 1})
    assert (answer.status, answer.json["max_turns"]) == (200, 1)
    await service.run(rest)
    assert (await service.until(rest, "completed"))["turn"] == 1


@pytest.mark.parametrize("change", [{"seat": "nobody"}, {"persona": "none"}, {"max_turns": 0}])
async def test_a_change_that_does_not_fit_names_its_field(
    service: Service, change: dict[str, object]
) -> None:
    id = await service.make(1)
    answer = await service.ask("PATCH", f"/api/conversations/{id}", change)
    assert answer.status == 422
    assert answer.json["field"] == next(iter(change))


async def test_stop_while_it_waits_for_a_person(service: Service) -> None:
    id = (await service.post("/session", {}))["session_id"]
    await service.frames("/chat/stream", {"session_id": id, "message": line_of(1)})
    stopped = await service.post(f"/api/conversations/{id}/stop", {})
    assert stopped["status"] == "stopped"
    frames = await service.frames("/chat/stream", {"session_id": id, "message": line_of(2)})
    assert frames[-1].data["status"] == "waiting"


async def test_a_session_may_have_an_alias_that_nobody_else_can_take(opened: Opened) -> None:
    service = await opened(api_keys="admin-key", client_keys="lan=lan-key,minh=minh-key")
    lan, minh = ({"X-API-Key": f"{name}-key"} for name in ("lan", "minh"))
    alias = {"session_id": "test-session"}
    say = {**alias, "message": "sẵn sàng"}
    assert (await service.ask("POST", "/chat/stream", say, headers=lan)).status == 404
    made = await service.post("/session", alias, headers=lan)
    assert made["session_id"] == "test-session"
    taken = await service.ask("POST", "/session", alias, headers=lan)
    assert (taken.status, taken.json["field"]) == (409, "session_id")
    assert (await service.ask("POST", "/chat/stream", say, headers=minh)).status == 404
    other = await service.post("/session", alias, headers=minh)
    assert other["conversation_id"] != made["conversation_id"]
    plain = {**lan, "Accept": "text/plain"}
    reply = await service.ask("POST", "/chat/stream", say, headers=plain)
    assert reply.headers["Content-Type"].startswith("text/plain")
    place = f"/api/conversations/{made['conversation_id']}"
    assert reply.text == (await service.get(place, headers=lan))["history"][-1]["content"]
    assert (await service.ask("DELETE", place, headers=lan)).status == 204
    assert (await service.ask("POST", "/chat/stream", say, headers=lan)).status == 404
    id_as_alias = {"session_id": other["conversation_id"]}
    assert (await service.ask("POST", "/session", id_as_alias, headers=lan)).status == 422


async def test_an_unknown_key_is_told_with_the_nearest_known_one(service: Service) -> None:
    refused = await service.ask("POST", "/simulate", {"bot": 16})
    assert refused.json["detail"] == "bot: not permitted here; did you mean bot_id?"
