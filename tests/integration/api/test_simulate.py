"""The one call, in all its forms, tells one and the same conversation."""

import json

from tests.integration.api.reading import Heard, said_of
from tests.integration.api.service import Service, line_of, lines
from tests.servers.robot import RobotServer, reply_to


async def test_text_events_json_and_transcript_agree(service: Service) -> None:
    body = {"bot_id": 16, "max_turns": 4, "lines": lines(4)}
    text = await service.ask("POST", "/simulate", body)
    frames = await service.frames("/simulate", body)
    whole = await service.ask("POST", "/api/simulate", body)
    expected = [said for n in range(1, 5) for said in (line_of(n), reply_to(n, line_of(n)))]
    assert [line["content"] for line in whole.json["history"]] == expected
    assert text.text == said_of(whole.json["history"])
    heard = Heard.of(frames)
    heard.must_be(whole.json["history"])
    assert heard.done == [
        {
            "status": "completed",
            "end_reason": "max_turns",
            "turns": 4,
            "conversation_id": heard.done[0]["conversation_id"],
        }
    ]
    assert heard.events[-1] == "done"


async def test_the_old_curl_still_works(service: Service, robot: RobotServer) -> None:
    history = json.dumps([{"role": "user", "content": "sẵn sàng"}])
    body = {"bot_id": 16, "user_prompt": "sẵn sàng", "max_turns": 1, "history": history}
    answer = await service.ask("POST", "/simulate", body)
    assert answer.text == f"User: sẵn sàng\nBot: {reply_to(1, 'sẵn sàng')}\n"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    id = answer.headers["Location"].removeprefix("/api/conversations/")
    assert answer.headers["Link"] == f'</api/conversations/{id}/events>; rel="monitor"'
    assert [call.key for call in robot.of(id)] == [f"{id}:1"]


async def test_lines_come_one_by_one_while_the_bot_takes_its_time(
    service: Service, robot: RobotServer
) -> None:
    robot.set(delay=0.2)
    body = {"bot_id": 16, "max_turns": 3, "lines": lines(3)}
    async with service.http.post(f"{service.url}/simulate", json=body) as response:
        assert response.headers["Location"].startswith("/api/conversations/")
        seen = [len(robot.calls) async for _line in response.content]
    # Line k was there before the bot was asked for the turn after it.
    assert len(seen) == 6
    assert seen[0] <= 2
    assert seen[2] <= 3
    assert seen == sorted(seen)
    assert seen[0] < seen[-1]
