from typing import Any

import pytest

from ui.transcript import Aside, Bubble, TranscriptView


def after(*told: tuple[str, dict[str, Any]]) -> TranscriptView:
    transcript = TranscriptView()
    for name, data in told:
        transcript.apply(name, data)
    return transcript


def token(index: int, content: str, role: str = "assistant") -> tuple[str, dict[str, Any]]:
    return "token", {"index": index, "content": content, "role": role}


def message(index: int, text: str, role: str = "assistant", **more: Any) -> Any:
    return "message", {"index": index, "text": text, "role": role, "turn": 1, **more}


def status(name: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "status", {"status": name, "message": name, "turn": 0, "max_turns": 10, **more}


def texts(transcript: TranscriptView) -> list[str]:
    return [line.text for line in transcript.bubbles]


def test_tokens_grow_one_bubble_and_the_message_settles_it() -> None:
    growing = after(token(0, "Chào "), token(0, "bạn"))
    assert growing.saying == Bubble(0, "assistant", "Chào bạn")
    growing.apply(*message(0, "Chào bạn", origin="bot", latency_ms=120))
    assert growing.saying is None
    assert growing.bubbles[0].settled
    assert growing.bubbles[0].latency_ms == 120


def test_a_message_tells_the_text_and_not_its_preview() -> None:
    assert texts(after(token(0, "nearly"), message(0, "exactly"))) == ["exactly"]


def test_a_replayed_message_does_not_double() -> None:
    said = after(message(0, "a", "user"), message(1, "b"), token(1, "b"), message(1, "b"))
    assert texts(said) == ["a", "b"]


def test_a_reset_voids_the_preview_and_is_kept_with_the_new_line() -> None:
    said = after(token(0, "hal"), ("reset", {"index": 0, "why": "cut"}), message(0, "whole"))
    assert texts(said) == ["whole"]
    assert said.bubbles[0].asides == (Aside("reset", "", "cut"),)


def test_what_the_reader_cut_off_by_a_stop_is_no_retry() -> None:
    said = after(
        status("running"),
        token(0, "hal"),
        status("stopping"),
        ("reset", {"index": 0, "why": "the line was not finished"}),
        status("running"),
        message(0, "whole"),
    )
    assert texts(said) == ["whole"]
    assert said.bubbles[0].asides == ()


def test_a_reset_after_a_crash_takes_back_what_was_not_stored() -> None:
    said = after(message(0, "a", "user"), message(1, "b"), ("reset", {"index": 1, "why": "anew"}))
    assert texts(said) == ["a"]


def test_discarded_lines_and_retries_are_folded_behind_the_line() -> None:
    said = after(
        status("running"),
        token(0, "I am an AI", "user"),
        ("discarded", {"index": 0, "text": "I am an AI", "why": "role flip"}),
        status("retrying", wait_s=1),
        token(0, "em chào cô", "user"),
        message(0, "em chào cô", "user"),
    )
    assert [aside.kind for aside in said.bubbles[0].asides] == ["discarded", "retrying"]
    assert said.asides == ()


@pytest.mark.parametrize(
    ("told", "who"),
    [
        ([status("initializing")], "opening"),
        ([status("running")], "user"),
        ([status("running"), message(0, "a", "user")], "assistant"),
        ([status("sending", speaker="assistant")], "assistant"),
        ([status("running"), token(0, "a")], None),
        ([status("stopping")], None),
        ([status("waiting")], None),
        ([], None),
    ],
)
def test_who_is_thinking(told: list[Any], who: str | None) -> None:
    assert after(*told).thinking == who


def test_the_turn_under_way_is_not_counted_as_done() -> None:
    said = after(status("running"), status("sending", turn=1))
    assert said.turn == 0
    said.apply(*message(1, "b", turn=1))
    assert said.turn == 1


def test_an_error_stays_until_a_run_begins_anew() -> None:
    failed = after(
        status("running"),
        ("error", {"error": "no answer", "code": "bot_timeout", "where": "bot"}),
        ("done", {"status": "interrupted", "end_reason": "bot_error", "turns": 3}),
    )
    assert failed.status == "interrupted"
    assert failed.error is not None
    assert (failed.turn, failed.end_reason) == (3, "bot_error")
    failed.apply(*status("running"))
    assert (failed.error, failed.end_reason, failed.status) == (None, None, "running")


def test_done_ends_it() -> None:
    said = after(status("running"), ("done", {"status": "completed", "end_reason": "max_turns"}))
    assert (said.status, said.end_reason) == ("completed", "max_turns")


def test_changes_tell_the_seat() -> None:
    assert after(status("running"), status("changed", seat="human")).seat == "human"


def test_events_that_are_new_to_us_are_left_alone() -> None:
    assert after(("heartbeat", {"x": 1})) == TranscriptView()


def test_tokens_are_counted_where_they_are_known() -> None:
    said = after(message(0, "a", usage={"input_tokens": 10, "output_tokens": 5}), message(1, "b"))
    assert [line.tokens for line in said.bubbles] == [15, None]
