"""`duologue run` as a user types it: what is printed, and with which code it ends."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import main
from tests.integration.cli.desk import Desk, begun, spoken
from tests.servers.process import clean_environment
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


async def test_five_turns_with_the_demo_bot_are_five_bot_lines(desk: Desk) -> None:
    run = await desk.typed("run", "--turns", "5", "--initial-message", "sẵn sàng ạ")
    lines = spoken(run.stdout)
    assert [line.split(":")[0] for line in lines] == ["User", "Bot"] * 5
    assert lines[0] == "User: sẵn sàng ạ"
    assert "the scripted learner speaks for the user" in run.stderr
    id = await begun(run)
    first, *_middle, last = run.stdout.splitlines()
    assert first.startswith(f"Conversation {id}: ")
    assert last.startswith(f"Conversation {id}: completed, 5 of 5 turns")
    again = await desk.typed("resume", id)
    assert spoken(again.stdout) == lines
    shown = await desk.typed("show", id)
    assert spoken(shown.stdout) == lines
    assert shown.stderr == ""


async def test_lines_come_out_as_they_are_said(desk: Desk, robot: RobotServer) -> None:
    desk.knows(robot.url)
    robot.fail("hold", turn=2)
    async with desk.types("run", "--bot", "7", "--turns", "2") as run:
        await wait_until(lambda: len(robot.calls) == 3, 40, what="init and two turns")
        await wait_until(lambda: len(spoken(run.stdout)) == 3)
        robot.release()
        assert await run.wait(20) == 0
    assert len(spoken(run.stdout)) == 4


async def test_json_is_whole_and_told_in_order(desk: Desk) -> None:
    run = await desk.typed("run", "--turns", "2", "--json")
    first, *events, last = map(json.loads, run.stdout.splitlines())
    id = first["data"]["conversation_id"]
    assert last["data"]["conversation_id"] == id
    assert (last["event"], last["data"]["status"], last["data"]["turns"]) == (
        "summary",
        "completed",
        2,
    )
    assert all(event.keys() == {"event", "id", "data"} for event in events)
    text = "".join(e["data"]["content"] for e in events if e["event"] == "token")
    said = [e["data"]["text"] for e in events if e["event"] == "message"]
    assert text == "".join(said)
    assert [line["content"] for line in (await desk.shown(id))["history"]] == said


def test_terminal_sees_names_colours_and_the_end(tmp_path: Path) -> None:
    here, there = pty.openpty()
    env = clean_environment({"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"})
    command = [sys.executable, "-m", "cli", "run", "--turns", "2"]
    run = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=there, stderr=there)
    os.close(there)
    seen = b""
    try:
        while piece := os.read(here, 65536):
            seen += piece
    except OSError:
        pass  # Linux says so when the other side has closed
    finally:
        os.close(here)
    text = seen.decode()
    assert run.wait(10) == 0, text
    assert "\x1b[1;36mUser" in text
    assert "\x1b[1;32mBot" in text
    assert "Completed, 2 of 2 turns" in text
    assert "Traceback" not in text


def test_reader_that_leaves_stops_the_conversation_quietly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli", "run", "--turns", "50", "--delay", "0.1"]
    env = clean_environment({})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, env=env, **pipes) as run:  # type: ignore[call-overload]
        assert run.stdout.readline()
        run.stdout.close()
        assert b"Traceback" not in run.stderr.read()
        assert run.wait(20) == 0
    assert list(asyncio.run(Desk(tmp_path).stands()).values()) == ["stopped"]


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Typed":
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return Typed(capsys)


class Typed:
    """Commands that end at once, in this process: it has LangGraph already."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *argv: str) -> tuple[int, str, str]:
        code = main(list(argv))
        said = self._capsys.readouterr()
        return code, said.out, said.err


def test_bot_that_is_down_is_told_with_name_url_cause_and_way_on(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Desk(tmp_path).knows("http://127.0.0.1:9")
    monkeypatch.setenv("DUOLOGUE_ATTEMPTS", "2")
    code, out, err = typed("run", "--bot", "7")
    id = out.split()[1].rstrip(":")
    *_notes, retry, error, way_on = err.splitlines()
    assert code == 3
    assert retry.startswith("Retrying: Robot Seven (http://127.0.0.1:9/")
    assert error.startswith("Error: Robot Seven (http://127.0.0.1:9/robot-ai-lesson/")
    assert "cannot be reached: " in error
    assert error.endswith("(bot_unreachable, 2 attempts)")
    assert way_on == f"Go on with: duologue resume {id}"
    assert "interrupted, 0 of 10 turns" in out
    shown = typed("show", id)[1]
    assert "Status: interrupted (bot_error), turn 0 of 10" in shown
    assert error in shown


def test_ping_tells_whether_a_bot_is_there(typed: Typed, tmp_path: Path) -> None:
    Desk(tmp_path).knows("http://127.0.0.1:9")
    code, out, _err = typed("ping", "16")
    assert code == 0
    assert "can be reached" in out
    code, _out, err = typed("ping", "7")
    assert code == 3
    assert err.startswith("Error: Robot Seven (http://127.0.0.1:9/")


def test_one_line_to_a_bot_shows_every_call_and_the_reply(typed: Typed, tmp_path: Path) -> None:
    code, out, _err = typed("bot", "try", "16", "xin chào")
    assert code == 0
    assert out.count("call: POST http://127.0.0.1:") == 2
    assert "reply: Chào bạn!" in out
    assert "can be reached" in typed("bot", "ping", "16")[1]
    Desk(tmp_path).knows("http://127.0.0.1:9")
    code, out, _err = typed("bot", "try", "7", "chào")
    assert code == 3
    assert "(bot_unreachable)" in out


def test_a_bot_is_added_from_a_curl_command(typed: Typed, tmp_path: Path) -> None:
    curl = "curl http://127.0.0.1:9/chat -H 'X-Api-Key: abc-1' --json '{\"text\": \"hi\"}'"
    code, out, _err = typed("bot", "add", "shop", "--curl", curl, "--reply", "text")
    assert code == 0
    assert "DUOLOGUE_BOT_SHOP_X_API_KEY" in out
    assert "abc-1" not in out + (tmp_path / "bots.yaml").read_text()
    assert "shop\twebhook" in typed("bot", "list")[1]
    assert typed("bot", "add", "shop", "--curl", curl, "--reply", "text")[0] == 2


def test_ping_of_a_bot_that_is_not_ready_calls_nobody(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "bots.yaml").write_text("bots:\n  gpt: {kind: openai}\n")
    code, out, err = typed("ping", "gpt")
    assert (code, out) == (2, "")
    assert "OPENAI_API_KEY" in err


def test_bots_are_listed_without_their_secrets(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_KEY", "very secret")
    with (tmp_path / "bots.yaml").open("w") as file:
        file.write('bots:\n  a: {kind: openai, base_url: "http://x/v1?k=${ROBOT_KEY}"}\n')
        file.write('  b: {kind: openai, base_url: "http://y", api_key: "${OTHER_KEY}"}\n')
    code, out, _err = typed("bots")
    assert code == 0
    assert out.splitlines()[:2] == [
        "a\topenai\t\thttp://x/v1\t\t\tours\tno",
        "b\topenai\t\thttp://y\tOTHER_KEY\t\tours\tno",
    ]
    rows = json.loads(typed("bots", "--json")[1])
    assert rows[1]["needs"] == "OTHER_KEY"


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["run", "--bot", "99"], "Error: --bot: there is no bot with that id; configured are 16"),
        (["run", "--persona", "nobody"], "Error: --persona: there is no persona 'nobody'"),
        (["run", "--user", "simulated"], "Error: --user: no model is configured"),
        (["run", "--bot-prompt", "x"], "Error: --bot-prompt: no model is configured"),
        (["run", "--history", "bad.json"], "Error: bad.json:2: 0.role: Input should be 'user' or"),
        (["--database", "mysql://x", "run"], "Error: --database: is not a database URL"),
        (["run", "--bots", "bad.yaml"], "Error: bad.yaml:2: bots.7: Input tag"),
        (["resume", "no-such-id"], "Error: there is no conversation with that id"),
        (["show", "no-such-id"], "Error: there is no conversation with that id"),
        (["ping", "99"], "Error: there is no bot with that id; configured are 16"),
    ],
)
def test_what_cannot_be_done_as_asked_ends_with_2(
    typed: Typed, tmp_path: Path, argv: list[str], line: str
) -> None:
    (tmp_path / "bad.json").write_text('[\n{"role": "robot", "content": "x"}]')
    (tmp_path / "bad.yaml").write_text("bots:\n  7: {kind: parrot}\n")
    code, out, err = typed(*argv)
    assert code == 2
    assert out == ""
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_looking_makes_no_database(typed: Typed, tmp_path: Path) -> None:
    assert typed("list", "--json") == (0, "[]\n", "")
    assert typed("show", "x")[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_history_comes_first_and_its_last_role_decides_who_is_next(
    typed: Typed, tmp_path: Path
) -> None:
    (tmp_path / "h.json").write_text('[{"role": "user", "content": "sẵn sàng"}]', encoding="utf-8")
    code, out, _err = typed("run", "--turns", "1", "--history", "h.json")
    assert code == 0
    said = spoken(out)
    assert said[0] == "User: sẵn sàng"
    assert [line.split(":")[0] for line in said] == ["User", "Bot"]


def test_a_scripted_persona_is_told_nothing_of_a_model_that_is_missing(typed: Typed) -> None:
    code, out, err = typed("run", "--turns", "1", "--bot", "careless", "--persona", "child")
    assert code == 0
    assert spoken(out)[0] == "User: sẵn sàng luôn!"
    assert "scripted learner" not in err


def test_persona_file_opens_with_its_own_words(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "lan.yaml").write_text("name: Lan\nopening: chào robot\n", encoding="utf-8")
    code, out, err = typed("run", "--turns", "1", "--persona", "lan.yaml")
    assert code == 0
    assert spoken(out)[0] == "User: chào robot"
    assert "scripted user (lan)" in out
    assert "does not change what the scripted learner says" in err
