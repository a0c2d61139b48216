import re
from html.parser import HTMLParser
from typing import Any

import pytest

from api.problems import STATUS
from core.errors import BotError, SpeakerError
from ui import render
from ui.directory import Directory
from ui.texts import LANGUAGES, Words
from ui.transcript import Aside, Bubble, TranscriptView, bubble_from_message

EN, VI = Words("en"), Words("vi")
KINDS = sorted(SpeakerError.KINDS)
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&${7*7}{{7}}"
WHEN = "2026-11-20T10:00:00.000Z"
DETAIL: dict[str, Any] = {"conversation_id": "abc", "created_at": WHEN}


class Tags(HTMLParser):
    """All tags, attributes and text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def cast(words: Words) -> render.Cast:
    return render.Cast(Directory(words, {"16": "Bắp"}), {"bot_id": 16}, "simulated")


def said(**more: Any) -> Bubble:
    facts: dict[str, Any] = {"origin": "simulated", "name": "Minh", "timestamp": WHEN}
    return Bubble(0, "user", **{"text": "xin chào", "settled": True, **facts, **more})


@pytest.mark.parametrize("words", [EN, VI])
def test_whatever_is_said_is_text(words: Words) -> None:
    aside = Aside(EVIL, EVIL, EVIL)
    line = said(text=EVIL, name=EVIL, origin=EVIL, timestamp=EVIL, asides=(aside,))
    names = {"user": EVIL, "assistant": EVIL}
    transcript = TranscriptView([line], status=EVIL, end_reason=EVIL)
    transcript.error = {"error": EVIL, "where": EVIL, EVIL: EVIL}
    detail = {"conversation_id": EVIL, "parent_id": EVIL, "children": [EVIL], "created_at": WHEN}
    drawn = render.render_bubble(line, EVIL, words) + render.render_head(
        transcript, detail, names, words
    )
    drawn += render.render_side(transcript, detail, words, [EVIL])
    transcript.status = "interrupted"
    drawn += render.render_banner(transcript, "live", words, EVIL)
    found = Tags(drawn)
    assert not {"script", "img"} & set(found.tags)
    assert not any(name.startswith("on") for name in found.names)
    assert EVIL in found.text


def test_a_bubble_tells_who_when_how_long_and_where_it_is_from() -> None:
    line = said(latency_ms=1234, tokens=1500, origin="given")
    text = Tags(render.render_bubble(line, "Minh", EN)).text
    for part in ("Minh", "given", "xin chào", "1.2 s", "1,500 tokens", "10:00:00"):
        assert part in text
    assert "1.500 token" in render.render_bubble(said(tokens=1500), "Minh", VI)
    by_you = Tags(render.render_bubble(said(origin="human", name="human"), "You", EN)).text
    assert "You" in by_you
    assert EN("origin_human") in by_you


def test_a_bubble_tells_which_aims_were_reached_with_its_line() -> None:
    data = {"index": 0, "role": "user", "text": "tea", "aims": ["orders <tea>", "is polite"]}
    line = bubble_from_message(data)
    assert "Aim reached: orders &lt;tea&gt;; is polite" in render.render_bubble(line, "Minh", EN)
    assert "Đạt mục tiêu" in render.render_bubble(line, "Minh", VI)
    assert "Aim" not in render.render_bubble(said(), "Minh", EN)


def test_a_bot_s_line_shows_what_it_was_looked_up_from() -> None:
    source = {"id": "1", "file": "docs/<a>.pdf", "page": 2, "score": 7.5, "text": "Mở cửa <8 giờ>"}
    other = {**source, "file": "b.md", "page": None}
    data = {"index": 1, "role": "assistant", "text": "8 giờ", "sources": [source, other]}
    drawn = render.render_bubble(bubble_from_message(data), "Bắp", VI)
    text = Tags(drawn).text
    for part in ("Nguồn: 2", "docs/<a>.pdf, 2", "b.md", "7.5", "Mở cửa <8 giờ>"):
        assert part in text
    assert "details" not in Tags(render.render_bubble(said(), "Minh", EN)).tags


def test_who_looks_things_up_is_shown_with_how_far_that_is() -> None:
    transcript = TranscriptView([said()], status="running")
    told = "reading file 3 of 9: a.pdf, 12"
    transcript.apply("status", {"status": "retrieving", "message": told, "turn": 1})
    drawn = Tags(render.render_thinking(transcript, cast(VI), VI)).text
    assert "Bắp đang tra cứu" in drawn
    assert told in drawn
    transcript.apply("status", {"status": "sending", "message": "", "turn": 1})
    assert "tra cứu" not in Tags(render.render_thinking(transcript, cast(VI), VI)).text


def test_a_user_s_line_can_be_edited_and_a_bot_s_cannot() -> None:
    assert 'data-act="edit"' in render.render_actions("user", EN)
    assert 'data-act="edit"' not in render.render_actions("assistant", EN)
    assert 'data-act="fork"' in render.render_actions("assistant", EN)


def test_only_a_line_that_is_stored_is_marked_as_one_to_act_on() -> None:
    assert 'class="msg user settled' in render.render_bubble(said(), "Minh", EN)
    assert 'class="msg user live' in render.render_bubble(said(settled=False), "Minh", EN)


def test_rows_that_did_not_change_are_not_drawn_anew() -> None:
    transcript, cache = TranscriptView([said(), Bubble(1, "assistant", "a")]), {}
    first = render.render_rows(transcript, cast(EN), EN, cache)
    transcript.apply("token", {"index": 1, "content": "b", "role": "assistant"})
    second = render.render_rows(transcript, cast(EN), EN, cache)
    assert second[0] is first[0]
    assert second[1] != first[1]


def test_a_row_for_who_is_thinking() -> None:
    transcript = TranscriptView([said()], status="running")
    assert "Bắp đang trả lời" in render.render_rows(transcript, cast(VI), VI, {})[-1]


def test_the_head_tells_turn_progress_and_status() -> None:
    transcript = TranscriptView([said()], status="completed", turn=3, max_turns=4)
    transcript.end_reason = "user_done"
    drawn = render.render_head(transcript, DETAIL, {"user": "Minh", "assistant": "Bắp"}, EN)
    text = Tags(drawn).text
    for part in ("Minh with Bắp", "completed", "the user said good-bye", "Turn 3 of 4"):
        assert part in text
    assert 'aria-valuenow="3"' in drawn
    assert "scaleX(0.750)" in drawn


def test_an_error_is_a_banner_with_a_cause_and_a_way_on() -> None:
    transcript = TranscriptView(status="interrupted")
    transcript.error = {"error": "no answer in 30 s", "code": "bot_timeout", "where": "bot"}
    drawn = render.render_banner(transcript, "live", EN)
    assert "The bot failed" in drawn
    assert "no answer in 30 s." in drawn
    assert "bot_timeout" in drawn
    assert 'data-act="resume"' in drawn
    assert render.render_banner(TranscriptView(status="running"), "live", EN) == ""


@pytest.mark.parametrize("code", sorted(f"bot_{kind}" for kind in BotError.KINDS))
def test_each_kind_of_error_is_explained_in_the_page_s_language(code: str) -> None:
    transcript = TranscriptView(status="interrupted")
    transcript.error = {"error": "bot 16 did that", "code": code, "where": "bot"}
    english = Tags(render.render_banner(transcript, "live", EN)).text
    vietnamese = Tags(render.render_banner(transcript, "live", VI)).text
    why = f"why_{code.removeprefix('bot_')}"
    assert f"The bot failed. bot 16 did that. {EN(why)}" in english
    shown, _, folded = vietnamese.partition(VI("details"))
    assert f"Bot gặp lỗi. {VI(why)}" in shown
    assert "bot 16 did that" not in shown
    assert "bot 16 did that." in folded


def test_facts_are_written_for_people_and_not_as_python_writes_them() -> None:
    transcript = TranscriptView(status="interrupted")
    transcript.error = {"error": "x", "code": "bot_timeout", "where": "bot", "retryable": True}
    drawn = render.render_banner(transcript, "live", EN)
    assert "retryable: yes" in drawn
    assert "True" not in drawn


@pytest.mark.parametrize("link", ["lost", "down", "missing", "forbidden"])
def test_a_line_that_broke_is_told_in_words(link: str) -> None:
    assert EN(link) in render.render_banner(TranscriptView(), link, EN)


def test_nothing_said_yet_says_what_to_do() -> None:
    assert EN("press_start") in render.render_empty(
        TranscriptView(status="created"), EN, "scripted"
    )
    assert EN("say_first") in render.render_empty(TranscriptView(status="created"), EN, "human")
    assert render.render_empty(TranscriptView([said()]), EN, "") == ""


def test_latency_is_drawn_by_role_and_turn() -> None:
    lines = [
        said(turn=1, latency_ms=300),
        Bubble(1, "assistant", "a", True, turn=1, latency_ms=900),
        Bubble(2, "assistant", "b", True, turn=1, latency_ms=900),
    ]
    drawn = render.render_side(TranscriptView(lines), DETAIL, EN, [])
    assert drawn.count('class="bar user"') == 1
    assert drawn.count('class="bar assistant"') == 1
    assert "0.9 s" in drawn
    assert EN("latency_none") in render.render_side(TranscriptView(), DETAIL, EN, [])


def test_relatives_are_linked_and_can_be_compared() -> None:
    detail = DETAIL | {"parent_id": "parent-id", "children": ["child-id"]}
    drawn = render.render_side(TranscriptView(), detail, EN, [])
    assert 'href="?thread=parent-id"' in drawn
    assert 'href="?thread=abc&amp;beside=child-id"' in drawn


def test_a_refusal_is_told_in_the_page_s_language_and_the_server_s_words_are_folded() -> None:
    assert EN.explain_refusal("busy", "it runs") == ("it runs", "")
    assert VI.explain_refusal("busy", "it runs") == ("Hội thoại đang chạy rồi.", "it runs")
    assert VI.explain_refusal("new-one", "it runs") == ("Yêu cầu bị từ chối.", "it runs")
    refusals = [kind.code.replace("_", "-") for kind in STATUS if kind is not SpeakerError]
    otherwise = VI("refused_otherwise")
    assert all(VI.explain_refusal(code, "")[0] != otherwise for code in refusals)


def test_a_speaker_that_failed_is_explained_in_the_page_s_language() -> None:
    english, vietnamese = (
        words.explain_refusal("user-timeout", "no answer in 30 s") for words in (EN, VI)
    )
    assert english == (f"{EN('where_user')}. no answer in 30 s. {EN('why_timeout')}", "")
    assert vietnamese == (f"{VI('where_user')}. {VI('why_timeout')}", "no answer in 30 s.")
    assert VI.explain_refusal("user-new-one", "so.") == (f"{VI('where_user')}.", "so.")
    codes = [f"{where}-{kind.replace('_', '-')}" for where in "bot user".split() for kind in KINDS]
    assert all(len(VI.explain_refusal(code, "")[0].split(". ")) > 1 for code in codes)


def test_a_chat_has_no_end_that_is_counted_to() -> None:
    chat = TranscriptView(status="waiting", turn=1, max_turns=2000)
    drawn = render.render_head(chat, DETAIL, {"user": "Bạn", "assistant": "Bắp"}, VI)
    assert "Lượt 1<" in drawn
    assert "2000" not in Tags(drawn).text


def test_a_long_conversation_is_plotted_in_few_bars() -> None:
    lines = [Bubble(at, "assistant", "a", True, turn=at, latency_ms=at) for at in range(1, 2001)]
    assert render.render_side(TranscriptView(lines), DETAIL, EN, []).count("<rect") <= 60


def test_both_languages_have_every_text() -> None:
    from ui.texts import TEXTS

    for name, texts in TEXTS.items():
        assert len(texts) == len(LANGUAGES), name
        assert all(text.strip() for text in texts), name
        fields = [set(re.findall(r"{(\w+)}", text)) for text in texts]
        assert fields[0] == fields[1], name
