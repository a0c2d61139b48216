"""`duologue import` as somebody types it: stored once, masked, and read like all others."""

import json
from pathlib import Path

from tests.integration.cli.desk import ID, Desk

TEXT = """User: em tên là Lan, số em 0901 234 567
Bot: Chào Lan!
Bot: Mình học nhé?
User: dạ
---
chỉ một câu
"""


def read_database(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("duologue.db*"))


async def test_talks_are_stored_once_and_masked_and_what_is_refused_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (tmp_path / "logs.txt").write_text(TEXT, encoding="utf-8")
    first = await desk.typed("import", "logs.txt")
    assert "logs.txt:6: refused: begins with neither “User:” nor “Bot:”" in first.stdout
    assert "logs.txt: 1 talks stored, 1 refused" in first.stdout
    again = await desk.typed("import", "logs.txt", "--json")
    (report,) = json.loads(again.stdout.splitlines()[-1])
    assert (report["stored"], report["known"], len(report["refused"])) == (0, 1, 1)
    (id,) = await desk.stands()
    stored = await desk.shown(id)
    assert (stored["status"], stored["bot_id"], stored["turn"]) == ("completed", "imported", 2)
    said = [(line["role"], line["origin"], line["content"]) for line in stored["history"]]
    assert said == [
        ("user", "human", "em tên là <name>, số em <phone>"),
        ("assistant", "bot", "Chào <name>!"),
        ("assistant", "bot", "Mình học nhé?"),
        ("user", "human", "dạ"),
    ]
    assert [line["turn"] for line in stored["history"]] == [1, 1, 1, 2]
    assert b"0901" not in read_database(tmp_path)


async def test_imported_talks_are_listed_and_shown_like_others(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (tmp_path / "logs.txt").write_text(TEXT, encoding="utf-8")
    await desk.typed("import", "logs.txt")
    listed = await desk.typed("list", "--bot", "imported")
    found = ID.search(listed.stdout)
    assert found
    shown = await desk.typed("show", found[0])
    assert "<name>" in shown.stdout
    resumed = await desk.typed("resume", found[0], code=2)
    assert "there is no bot with that id" in resumed.stderr


async def test_a_file_without_any_talk_ends_with_two(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (tmp_path / "logs.jsonl").write_text("{}\n", encoding="utf-8")
    ended = await desk.typed("import", "logs.jsonl", code=2)
    assert "logs.jsonl:1: refused: has no list of messages" in ended.stdout
    wrong = await desk.typed("import", "logs.jsonl", "--role", "KH=customer", code=2)
    assert "--role" in wrong.stderr
