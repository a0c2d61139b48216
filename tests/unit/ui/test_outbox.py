from typing import Any

from ui.outbox import LAG, Outbox


def page(*rows: str, thread: str = "t", **more: Any) -> dict[str, Any]:
    parts = dict.fromkeys(("notice", "head", "banner", "empty", "side"), "")
    return {"thread": thread, "rows": list(rows), "other": [], "flags": {}, **parts, **more}


def test_a_conversation_comes_whole_and_then_what_changed() -> None:
    box = Outbox()
    first = box.pack(page("a", "b", head="h"))
    assert (first["base"], first["rows"]["count"]) == (0, 2)
    assert first["rows"]["changed"] == [(0, "a"), (1, "b")]
    assert first["parts"]["head"] == "h"
    second = box.pack(page("a", "c", head="h"))
    assert second["base"] == first["version"]
    assert second["rows"] == {"count": 2, "changed": [(1, "c")]}
    assert second["parts"] == {}


def test_updates_that_a_browser_merges_lose_nothing() -> None:
    box = Outbox()
    box.pack(page("a"))
    for at in range(LAG):
        last = box.pack(page("a", *(str(row) for row in range(at + 1))))
    assert last["base"] == 1
    assert [at for at, _ in last["rows"]["changed"]] == [1, 2, 3, 4]


def test_what_was_missed_is_sent_once_more() -> None:
    box = Outbox()
    for count in range(20):
        box.pack(page(*(str(row) for row in range(count))))
    box.resend(10)
    again = box.pack(page(*(str(row) for row in range(20))))
    assert again["base"] == 10
    assert [at for at, _ in again["rows"]["changed"]] == list(
        range(9, 20)
    )  # row 9 came with version 11
    assert box.pack(page("x"))["base"] > 10


def test_rows_that_are_gone_are_counted_away_and_new_ones_are_new() -> None:
    box = Outbox()
    box.pack(page("a", "b", "c"))
    assert box.pack(page("a"))["rows"] == {"count": 1, "changed": []}
    assert box.pack(page("a", "b"))["rows"]["changed"] == [(1, "b")]


def test_another_conversation_comes_whole() -> None:
    box = Outbox()
    for _ in range(LAG + 1):
        box.pack(page("a", head="h"))
    other = box.pack(page("a", thread="u", head="h"))
    assert other["base"] == 0
    assert other["rows"]["changed"] == [(0, "a")]
    assert other["parts"]["head"] == "h"
