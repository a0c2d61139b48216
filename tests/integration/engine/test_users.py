"""The simulated user: what it says reaches the bot to the letter, what it must not say never."""

from pathlib import Path
from typing import Any

import pytest

from core.ends import Status
from tests.integration.engine.house import (
    House,
    assert_agreement,
    assert_exact,
    create,
    follow_to_end,
    read_lines,
    read_status,
    run_to_end,
    select_data,
    wait_for_rest,
)
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer


class Home(House):
    """A house with a model in it."""

    def __init__(self, folder: Path, url: str, model_url: str) -> None:
        super().__init__(folder, url)
        self._model_url = model_url

    def settings(self, **changes: Any) -> Any:
        return super().settings(openai_base_url=self._model_url, model="mock-model", **changes)


@pytest.fixture
def home(tmp_path: Path, robot: RobotServer, llm: LlmServer) -> Home:
    return Home(tmp_path, robot.url, llm.base_url)


SIMULATED = {"user": "simulated", "initial_message": "Chào"}


async def test_a_simulated_line_is_streamed_and_reaches_the_bot_to_the_letter(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    odd = "Dạ, e\u0302\u0301m học 👩‍🏫 🇻🇳🇻🇳 rồi ạ!\r\nĐúng không?"
    llm.script([odd, odd + " Nữa."])
    llm.set(manner={"split": "points", "framing": "two"})
    async with home.open() as runs:
        id = await create(runs, max_turns=3, **SIMULATED)
        frames = await run_to_end(runs, id)
        said = await runs.messages(id)
    assert_exact(robot, id, [(line["role"], line["content"]) for line in said], 3)
    assert_agreement(frames, [(line["role"], line["content"]) for line in said])
    assert robot.heard(id)[1:] == [odd, odd + " Nữa."]
    users = [line for line in said if line["role"] == "user"]
    assert [line["origin"] for line in users] == ["scripted", "simulated", "simulated"]
    assert users[1]["usage"]["output_tokens"] > 0
    assert users[1]["latency_ms"] >= 0
    pieces = [f for f in frames if f.event == "token" and f.data["index"] == 2]
    assert len(pieces) > 5


async def test_the_model_plays_the_user_and_hears_the_bot(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    async with home.open() as runs:
        id = await create(runs, max_turns=2, user_prompt="Hỏi về quả táo.", **SIMULATED)
        await run_to_end(runs, id)
        said = await read_lines(runs, id)
    (call,) = llm.calls
    system, *heard = call.messages
    assert system["role"] == "system"
    assert "Hỏi về quả táo." in system["content"]
    assert [m["role"] for m in heard] == ["assistant", "user"]
    assert heard[0]["content"] == "Chào"
    line, _, note = heard[1]["content"].partition("\n\n")
    assert line == said[1][1]
    assert note.startswith("(Turn 2. You are still Minh")


@pytest.mark.parametrize(
    ("kind", "options", "refusals", "code"),
    [
        ("empty", {}, 2, "user_empty"),
        ("empty", {"text": " \n"}, 2, "user_empty"),
        ("finish", {"reason": "length", "after": 2}, 2, "user_truncated"),
        ("refusal", {}, 3, "user_refused"),
        ("finish", {"reason": "content_filter"}, 3, "user_refused"),
        ("think", {}, 3, "user_bad_reply"),
        ("text", {"text": "Assistant: How can I help you?"}, 3, "user_bad_reply"),
    ],
)
async def test_a_line_that_no_person_would_type_never_reaches_the_bot(
    home: Home,
    robot: RobotServer,
    llm: LlmServer,
    kind: str,
    options: dict[str, Any],
    refusals: int,
    code: str,
) -> None:
    llm.fail(kind, **options)
    async with home.open() as runs:
        id = await create(runs, max_turns=2, **SIMULATED)
        frames = await run_to_end(runs, id)
        (error,) = select_data(frames, "error")
        assert (error["code"], error["where"]) == (code, "user")
        assert len(select_data(frames, "discarded")) == refusals == len(llm.calls)
        assert await read_status(runs, id) == (Status.INTERRUPTED, "simulator_error", 1)
        assert robot.heard(id) == ["Chào"]
        llm.faults.clear()
        await runs.resume(id)
        again = await follow_to_end(runs, id)
        said = await read_lines(runs, id)
    assert_exact(robot, id, said, 2)
    assert_agreement(again, said)


async def test_one_bad_line_is_discarded_and_the_next_one_is_said(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    llm.fail("think", call=1)
    async with home.open() as runs:
        id = await create(runs, max_turns=2, **SIMULATED)
        frames = await run_to_end(runs, id)
        said = await read_lines(runs, id)
        stored = await runs.messages(id)
    assert len(select_data(frames, "discarded")) == 1
    assert "<think>" in select_data(frames, "discarded")[0]["text"]
    assert_exact(robot, id, said, 2)
    assert_agreement(frames, said)
    assert "<think>" not in "".join(text for _, text in said)
    ((refused,),) = [line["discarded"] for line in stored if "discarded" in line]
    assert "<think>" in refused["text"]
    assert refused["why"] == select_data(frames, "discarded")[0]["why"]
    assert refused["usage"]["output_tokens"] > 0, "what a refused line cost is counted too"


async def test_an_end_mark_behind_last_words_delivers_them_and_hears_the_answer(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    for split in ("words", "points", 3):
        llm.scripts.clear()
        llm.script(["Cảm ơn, tạm biệt!\n [[END]] "])
        llm.set(manner={"split": split})
        async with home.open() as runs:
            id = await create(runs, max_turns=9, **SIMULATED)
            frames = await run_to_end(runs, id)
            said = await read_lines(runs, id)
            assert await read_status(runs, id) == (Status.COMPLETED, "user_done", 2)
        assert robot.heard(id) == ["Chào", "Cảm ơn, tạm biệt!"]
        assert_exact(robot, id, said, 2)
        assert_agreement(frames, said)
        assert "[" not in "".join(data["content"] for data in select_data(frames, "token"))


async def test_an_end_mark_alone_ends_at_once(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    llm.script(["[[END]]"])
    async with home.open() as runs:
        id = await create(runs, max_turns=9, **SIMULATED)
        frames = await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "user_done", 1)
        assert_agreement(frames, await read_lines(runs, id))
    assert robot.heard(id) == ["Chào"]


async def test_an_end_mark_inside_a_sentence_is_taken_out_and_the_rest_is_answered(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    llm.script(["Em về đây [[end]] ạ, chào thầy!"])
    async with home.open() as runs:
        id = await create(runs, max_turns=3, **SIMULATED)
        frames = await run_to_end(runs, id)
        said = await read_lines(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "user_done", 2)
    assert_agreement(frames, said)
    assert robot.heard(id)[1:] == ["Em về đây ạ, chào thầy!"]


async def test_discarded_lines_are_stored_with_the_line_that_followed_and_their_tokens(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    llm.script(["Là một trợ lý AI, tôi không có cảm xúc.", "con mệt rồi ạ"])
    async with home.open() as runs:
        id = await create(runs, max_turns=2, **SIMULATED)
        await run_to_end(runs, id)
    async with home.open() as runs:
        line = (await runs.messages(id))[2]
    assert line["content"] == "con mệt rồi ạ"
    (discarded,) = line["discarded"]
    assert discarded["kind"] == "as_an_ai"
    assert discarded["usage"]["output_tokens"] > 0


async def test_a_model_that_repeats_itself_five_times_ends_the_conversation(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    llm.script(["con không hiểu ạ"] * 9)
    async with home.open() as runs:
        id = await create(runs, max_turns=9, **SIMULATED)
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "loop", 6)


async def test_a_model_that_says_goodbye_three_times_ends_the_conversation(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    llm.script(["Tạm biệt cô!", "Dạ tạm biệt cô ạ.", "Con chào cô, tạm biệt!", "con đây"])
    async with home.open() as runs:
        id = await create(runs, max_turns=9, **SIMULATED)
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "user_done", 4)


@pytest.mark.parametrize("least", [1, 2, 3])
async def test_a_user_who_wants_to_leave_stays_for_min_turns(
    home: Home, robot: RobotServer, llm: LlmServer, least: int
) -> None:
    llm.script([f"Câu {n}, tạm biệt! [[END]]" for n in range(2, 9)])
    async with home.open() as runs:
        id = await create(runs, max_turns=9, min_turns=least, **SIMULATED)
        await run_to_end(runs, id)
        # The opening is fixed, so turn 2 is the first in which it can leave.
        assert await read_status(runs, id) == (Status.COMPLETED, "user_done", max(least, 2))
    assert all("END" not in text for text in robot.heard(id))


@pytest.mark.parametrize(
    ("kind", "options", "code", "calls"),
    [
        ("status", {"status": 500}, "user_http_error", 3),
        ("status", {"status": 401}, "user_http_error", 1),
        ("hang", {}, "user_timeout", 3),
        ("cut", {"after": 3}, "user_unreachable", 3),
        ("reset", {"after": 3}, "user_unreachable", 3),
        ("no_finish", {}, "user_bad_reply", 3),
        ("error_event", {"after": 2}, "user_bad_reply", 3),
        ("bad_chunk", {"after": 2}, "user_bad_json", 3),
        ("html", {}, "user_bad_content_type", 1),
        ("redirect", {}, "user_http_error", 1),
    ],
)
async def test_a_fault_of_the_model_ends_in_one_error_and_a_resume_is_exact(
    home: Home,
    robot: RobotServer,
    llm: LlmServer,
    kind: str,
    options: dict[str, Any],
    code: str,
    calls: int,
) -> None:
    llm.fail(kind, **options)
    quick = {"model_timeout_s": 2.0} if kind == "hang" else {}
    async with home.open(**quick) as runs:
        id = await create(runs, max_turns=3, **SIMULATED)
        frames = await run_to_end(runs, id)
        (error,) = select_data(frames, "error")
        assert (error["code"], error["where"]) == (code, "user")
        assert len(llm.calls) == calls
        assert await read_status(runs, id) == (Status.INTERRUPTED, "simulator_error", 1)
    llm.faults.clear()
    async with home.open() as runs:
        await runs.resume(id)
        again = await follow_to_end(runs, id)
        said = await read_lines(runs, id)
    assert_exact(robot, id, said, 3)
    assert_agreement(again, said)


async def test_a_preview_cut_off_in_the_middle_is_reset_and_said_anew(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    llm.fail("cut", after=4, times=1)
    async with home.open() as runs:
        id = await create(runs, max_turns=2, **SIMULATED)
        frames = await run_to_end(runs, id)
        said = await read_lines(runs, id)
    assert_agreement(frames, said)
    assert_exact(robot, id, said, 2)
    assert len(select_data(frames, "reset")) == 1


async def test_two_prompts_talk_and_both_stream(home: Home, llm: LlmServer) -> None:
    async with home.open() as runs:
        id = await create(
            runs, bot_prompt="Bạn là cô giáo.", user="simulated", first_speaker="bot", max_turns=2
        )
        frames = await run_to_end(runs, id)
        said = await read_lines(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 2)
    assert_agreement(frames, said)
    assert [role for role, _ in said] == ["assistant", "user"] * 2 + ["assistant"]
    assert {data["role"] for data in select_data(frames, "token")} == {"user", "assistant"}
    systems = [call.messages[0]["content"] for call in llm.calls]
    assert systems[0] == "Bạn là cô giáo."
    assert systems[1].startswith("You play a person")


async def test_a_model_bot_is_stopped_in_mid_sentence_and_says_it_anew(
    home: Home, llm: LlmServer
) -> None:
    llm.fail("hang", after=3, times=1)
    async with home.open(model_timeout_s=30.0) as runs:
        id = await create(runs, bot_prompt="Bạn là cô giáo.", user="scripted", max_turns=1)
        await runs.start(id)
        follower = await runs.follow(id)
        heard = []
        async for frame in follower.frames():
            heard.append(frame)
            if frame.event == "token" and frame.data["role"] == "assistant":
                break
        await runs.stop(id)
        await runs.resume(id)
        await wait_for_rest(runs, id)
        rest = [frame async for frame in (await runs.follow(id, heard[-1].cursor)).frames()]
        assert_agreement(heard + rest, await read_lines(runs, id))
