"""Files of talks: each form is read, and what is damaged harms itself alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import Invalid
from evaluation.real_talks.files import read_talks
from evaluation.real_talks.talk import RealTalk, Refusal


def tell(number: int) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": f"câu {number}"},
        {"role": "assistant", "content": "Giỏi lắm!"},
    ]


def read(
    folder: Path, name: str, content: str | bytes, **how: Any
) -> tuple[list[RealTalk], list[Refusal]]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    parts = list(read_talks(path, **how))
    talks = [part for part in parts if isinstance(part, RealTalk)]
    return talks, [part for part in parts if isinstance(part, Refusal)]


OURS = {"conversation_id": "x", "status": "completed", "history": tell(1)}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps(OURS)),
        ("a.json", json.dumps([OURS], indent=2)),
        ("a.json", json.dumps(tell(1))),
        ("a.json", json.dumps({"conversations": [OURS]})),
        ("a.json", json.dumps({"format": "duologue.transfer/1", "transcripts": {"x": tell(1)}})),
        ("a.jsonl", json.dumps({"messages": [{"role": "system", "content": "s"}, *tell(1)]})),
        ("a.jsonl", json.dumps(tell(1)) + "\n\n"),
        ("a.json", json.dumps([{"conversations": [
            {"from": "human", "value": "câu 1"}, {"from": "gpt", "value": "Giỏi lắm!"}]}])),
        ("a.jsonl", json.dumps({"messages": [
            {"role": "user", "content": [{"type": "text", "text": "câu 1"}]}, tell(1)[1]]})),
        ("a.csv", 'session_id,sender,message\n1,customer,câu 1\n1,agent,"Giỏi lắm!"\n'),
        ("a.csv", '\ufeffText,Role,Talk\ncâu 1,USER,1\nGiỏi lắm!,Bot,1\n'),
        ("a.txt", "User: câu 1\nBot: Giỏi lắm!\n"),
        ("a.txt", "---\nKhách hàng： câu 1\r\nTrợ lý: Giỏi lắm!\r\n---\n"),
    ],
)  # fmt: skip
def test_each_form_is_read(tmp_path: Path, name: str, content: str) -> None:
    (talk,), refused = read(tmp_path, name, content)
    assert not refused
    assert [(line.role, line.text) for line in talk.lines] == [
        ("user", "câu 1"),
        ("assistant", "Giỏi lắm!"),
    ]


WRONG: list[Any] = [
    None, 7, "text", True, {}, [], [1], [[]], {"messages": None}, {"messages": []},
    {"messages": [1]}, {"messages": [None]}, {"messages": {}}, {"messages": "a"},
    {"messages": tell(1)[:1]}, {"messages": tell(1)[1:]}, {"message": tell(1)},
    *(
        {"messages": [tell(1)[0], {"role": role, "content": "a"}]}
        for role in ("", "narrator", None, 1, [], {}, " ", "user;", "ботик")
    ),
    *(
        {"messages": [tell(1)[0], {"role": "assistant", "content": content}]}
        for content in ("", " ", None, 1, {}, [], [1], [{"type": "image"}], True, "a" * 200_001)
    ),
    {"messages": [tell(1)[0], {"role": "assistant"}]},
    {"messages": [tell(1)[0], {"content": "a"}]},
    {"messages": tell(1) * 1001},
]  # fmt: skip
GOOD = json.dumps({"messages": tell(1)}, ensure_ascii=False)
BROKEN = [
    *(GOOD[:cut] for cut in range(3, 60, 3)),
    *(GOOD.replace(mark, "", 1) for mark in ("{", "[", ":", ",", "]", "}")),
    GOOD.replace('"', "'"), GOOD.replace('"', "“"), GOOD + "}", GOOD + GOOD, "{" * 100_000,
    "[" * 100_000,
    GOOD.replace("câu", "c\tâu"), GOOD.replace('"user"', "user"), "\0", "NaN x",
    GOOD.replace("câu 1", "\\ud8"), GOOD.replace("câu 1", "\\x41"), "//" + GOOD, "]", "},",
    "<html>",
    GOOD.replace("[", "[,"), GOOD.replace('"role"', "role"), GOOD.replace("}", ";"),
]  # fmt: skip


def test_eighty_kinds_of_damage_lose_none_of_the_good_talks_of_a_jsonl_file(
    tmp_path: Path,
) -> None:
    damaged = [json.dumps(value).encode() for value in WRONG] + [text.encode() for text in BROKEN]
    damaged += [
        GOOD.encode().replace("câu".encode(), bad) for bad in (b"\xff", b"\xc3", b"\xed\xa0\x80")
    ]
    lines = [line for n, bad in enumerate(damaged) for line in (json.dumps(tell(n)).encode(), bad)]
    talks, refused = read(tmp_path, "a.jsonl", b"\n".join(lines))
    assert len(damaged) >= 85
    assert [talk.lines[0].text for talk in talks] == [f"câu {n}" for n in range(len(damaged))]
    assert [one.line for one in refused] == [2 * n + 2 for n in range(len(damaged))]
    assert all(one.reason and len(one.reason) < 200 for one in refused)


def test_a_damaged_member_of_a_json_list_costs_itself_alone(tmp_path: Path) -> None:
    bad = [json.dumps(value) for value in WRONG if value not in ([], [1], [[]])]
    bad += [GOOD[:cut] for cut in range(20, 60, 10)]
    bad += [GOOD.replace('"user"', "user"), GOOD.replace("}", ";"), "NaN x", "<html>"]
    members = [
        text for n, one in enumerate(bad) for text in (json.dumps({"messages": tell(n)}), one)
    ]
    talks, refused = read(tmp_path, "a.json", "[" + ",\n".join(members) + "]")
    assert [talk.lines[0].text for talk in talks] == [f"câu {n}" for n in range(len(bad))]
    assert len(refused) >= len(bad) - 1


def test_a_long_json_list_is_read_piece_by_piece(tmp_path: Path) -> None:
    many = [{"messages": tell(n) * 50} for n in range(600)]
    talks, refused = read(tmp_path, "a.json", json.dumps(many, indent=1))
    assert len(talks) == 600
    assert not refused
    lines = json.dumps(many, indent=1).splitlines()
    assert [lines[talk.line - 1].strip() for talk in talks] == ["{"] * 600


def test_rows_of_talks_may_be_mixed_and_damaged_rows_cost_themselves(tmp_path: Path) -> None:
    rows = [
        "talk,role,text",
        "1,user,một",
        "2,user,hai",
        '2,bot,"có ""dấu"" và',
        'hai dòng"',
        "thiếu",
        "1,bot,ừ",
        "3,ai đó,a",
        "4,user,b",
        '5,user,"không đóng',
        "5,bot,c",
    ]
    talks, refused = read(tmp_path, "a.csv", "\n".join(rows))
    assert [[line.text for line in talk.lines] for talk in talks][:2] == [
        ["một", "ừ"],
        ["hai", 'có "dấu" và\nhai dòng'],
    ]
    assert [one.line for one in refused] == [6, 8, 9]


def test_columns_and_roles_may_be_called_otherwise(tmp_path: Path) -> None:
    content = "phiên;ai\nphiên,ai,lời\n"
    with pytest.raises(Invalid, match="--column talk=NAME"):
        read(tmp_path, "a.csv", content)
    table = "phiên,ai,lời\n1,KH,một\n1,NV,ừ\n"
    names = {"talk": "phiên", "role": "ai", "text": "Lời"}
    (talk,), _ = read(
        tmp_path, "a.csv", table, columns=names, roles={"kh": "user", "nv": "assistant"}
    )
    assert [line.text for line in talk.lines] == ["một", "ừ"]


def test_a_file_of_no_known_form_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="--form"):
        read(tmp_path, "a.docx", "x")
    with pytest.raises(Invalid, match="cannot be read"):
        list(read_talks(tmp_path / "nope.json"))
    (talk,), _ = read(tmp_path, "a.docx", "User: a\nBot: b", form="text")
    assert len(talk.lines) == 2
