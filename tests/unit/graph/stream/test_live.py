"""Followers drop, lag and come back, and end with the same story: no gap and no repeat."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ends import Status
from core.message import Message, new_message
from graph.storage.conversation import Conversation
from graph.stream.cursor import Cursor
from graph.stream.follower import Follower
from graph.stream.live import Frame, LiveConversation
from graph.stream.report import KEPT_REPORTS
from graph.stream.views import _report_from_disk

Step = Callable[[LiveConversation], None]


def line(view: LiveConversation, text: str) -> Message:
    index = len(view.messages)
    role = "user" if index % 2 == 0 else "assistant"
    return new_message(role, text, index=index, turn=index // 2, origin="bot")


def piece(text: str) -> Step:
    return lambda view: view.piece("user" if len(view.messages) % 2 == 0 else "assistant", text)


def store(*texts: str) -> Step:
    def step(view: LiveConversation) -> None:
        messages = list(view.messages)
        for text in texts:
            messages.append(line(LiveConversation("", messages, 0, 9), text))
        view.update_transcript(messages, len(messages) // 2)

    return step


def status(name: str = "running") -> Step:
    return lambda view: view.status(name, name)


def begin(run: int) -> Step:
    return lambda view: view.begin(run, 9)


def reset(view: LiveConversation) -> None:
    view.reset("again")


def discard(view: LiveConversation) -> None:
    view.discard(view.line.text + view.line.held_back, "not a line")


def error(view: LiveConversation) -> None:
    view.error({"error": "broke", "code": "bot_timeout", "retryable": True, "where": "bot"})


def done(how: Status) -> Step:
    return lambda view: view.report_done(how, None)


SCRIPT: list[Step] = [
    begin(1),
    status("initializing"),
    store("Chào thầy ạ"),
    status("sending"),
    piece("Xin "),
    piece("chào e"),
    piece("\u0302\u0301m"),
    status("retrying"),
    reset,
    piece("Xin c"),
    status("running"),
    piece("hào con nhé"),
    store("Xin chào con nhé"),
    status("running"),
    piece("<think>"),
    discard,
    piece("Dạ "),
    piece("vâng"),
    discard,
    piece("Dạ "),
    store("Dạ em nghe", "hai", "ba"),
    piece("dở "),
    piece("dang "),
    error,
    done(Status.INTERRUPTED),
    begin(2),
    status("running"),
    piece("nói "),
    piece("lại rồi"),
    store("nói lại rồi xong"),
    piece("khác hẳn"),
    store("nói cách khác"),
    status("waiting"),
    done(Status.WAITING),
    begin(3),
    store("một", "hai"),
    done(Status.COMPLETED),
]


def told(frame: Frame) -> tuple[object, ...]:
    """A frame as it is compared; tokens may be cut otherwise, their text may not."""
    if frame.event == "message":
        return "message", frame.data["index"], frame.data["text"]
    if frame.event == "status":
        return "status", frame.data["status"]
    if frame.event in ("reset", "discarded"):
        return frame.event, frame.data["index"]
    return frame.event, str(frame.data.get("code") or frame.data.get("status"))


def story(frames: Sequence[Frame]) -> list[tuple[object, ...]]:
    """What a reader knows in the end: texts that were taken back are forgotten."""
    known: list[list[object]] = []
    for frame in frames:
        index = frame.data.get("index")
        if frame.event in ("reset", "discarded"):
            known = [one for one in known if one[:2] != ["token", index]]
        if frame.event != "token":
            known.append(list(told(frame)))
        elif known and known[-1][:2] == ["token", index]:
            known[-1][2] = f"{known[-1][2]}{frame.data['content']}"
        else:
            known.append(["token", index, frame.data["content"]])
    return [tuple(one) for one in known]


def texts(frames: Sequence[Frame]) -> dict[int, str]:
    """The previews put together, as the page does it."""
    known: dict[int, str] = {}
    for frame in frames:
        if frame.event in ("reset", "discarded"):
            known.pop(frame.data["index"], None)
        elif frame.event == "token":
            known[frame.data["index"]] = known.get(frame.data["index"], "") + frame.data["content"]
    return known


@dataclass
class Reader:
    """Reads frames, and may lose the connection; all that stays then is the last id."""

    view: LiveConversation
    frames: list[Frame] = field(default_factory=list)
    follower: Follower = field(init=False)

    def __post_init__(self) -> None:
        self.follower = Follower(self.view)

    def read(self, most: int = sys.maxsize) -> int:
        for count in range(most):
            frame = self.follower.next()
            if frame is None:
                return count
            self.frames.append(frame)
        return most

    def come_back(self, view: LiveConversation | None = None) -> None:
        self.view = view or self.view
        after = Cursor.parse(self.frames[-1].id) if self.frames else None
        self.follower = Follower(self.view, after)


def whole(script: Sequence[Step] = SCRIPT) -> Reader:
    """Who is always there."""
    reader = Reader(LiveConversation("c", [], 0, 9))
    for step in script:
        step(reader.view)
        reader.read()
    return reader


REFERENCE = whole()


def test_the_reference_tells_every_message_and_every_ending_once() -> None:
    messages = [frame for frame in REFERENCE.frames if frame.event == "message"]
    assert [frame.data["index"] for frame in messages] == list(range(len(messages)))
    assert [frame.data["text"] for frame in messages] == list(texts(REFERENCE.frames).values())
    assert [f.data["status"] for f in REFERENCE.frames if f.event == "done"] == [
        "interrupted",
        "waiting",
        "completed",
    ]


@pytest.mark.parametrize("k", range(len(REFERENCE.frames) + 1))
def test_a_reader_that_drops_behind_any_frame_and_returns_at_once_misses_nothing(k: int) -> None:
    reader, left = Reader(LiveConversation("c", [], 0, 9)), k
    for step in SCRIPT:
        step(reader.view)
        left -= reader.read(max(left, 0))
        if left <= 0:
            reader.come_back()
            reader.read()
    assert story(reader.frames) == story(REFERENCE.frames)


def run_ends(script: Sequence[Step]) -> Iterator[int]:
    """Behind which steps a run has ended."""
    view = LiveConversation("c", [], 0, 9)
    for at, step in enumerate(script):
        step(view)
        if view.reports and view.reports[-1].event == "done":
            yield at


@pytest.mark.parametrize("away", range(1, len(SCRIPT)))
def test_a_reader_that_is_away_for_any_while_misses_nothing_of_two_runs(away: int) -> None:
    ends = list(run_ends(SCRIPT))
    for gone in range(len(SCRIPT) - away + 1):
        over = sum(gone <= end < gone + away - 1 for end in ends)
        reader, new = Reader(LiveConversation("c", [], 0, 9)), False
        for at, step in enumerate(SCRIPT):
            step(reader.view)
            if at + 1 == gone + away:
                new = not reader.frames
                reader.come_back()
            if not gone <= at < gone + away - 1:
                reader.read()
        assert texts(reader.frames) == texts(REFERENCE.frames), gone
        indexes = [f.data["index"] for f in reader.frames if f.event == "message"]
        assert indexes == sorted(set(indexes))
        if over <= 1 and not (new and over):  # who comes for the first time reads the present run
            assert story(reader.frames) == story(REFERENCE.frames), gone


@pytest.mark.parametrize("k", range(len(REFERENCE.frames) + 1))
def test_a_slow_reader_that_never_drops_gets_the_same_text_over_run_boundaries(k: int) -> None:
    reader = Reader(LiveConversation("c", [], 0, 9))
    for at, step in enumerate(SCRIPT):
        step(reader.view)
        if at % 3 == k % 3:
            reader.read(1 + k % 4)
    reader.read()
    assert texts(reader.frames) == texts(REFERENCE.frames)
    indexes = [f.data["index"] for f in reader.frames if f.event == "message"]
    assert indexes == list(range(len(reader.view.messages)))


WORDS = st.text("aăe\u0302\u0301 \r\nđ👩\u200d🏫🇻🇳", max_size=6)


@st.composite
def scripts(draw: st.DrawFn) -> list[Step]:
    """RunService as they may go: reports, previews, lines taken back, lines stored, an ending."""
    script: list[Step] = []
    for run in range(1, draw(st.integers(1, 3)) + 1):
        script.append(begin(run))
        for _ in range(draw(st.integers(0, 8))):
            said = draw(st.lists(WORDS, max_size=3))
            script += [piece(text) for text in said]
            turn = draw(st.sampled_from("status reset discarded store other more".split()))
            kept = "".join(said) + "."
            script += {
                "status": [status(), store(kept)],
                "reset": [reset],
                "discarded": [discard],
                "store": [store(kept)],
                "other": [store("~" + kept)],
                "more": [store(kept, "thêm")],
            }[turn]
            if turn == "status" and draw(st.booleans()):
                script.append(status("sending"))
        script += [error] * draw(st.integers(0, 1))
        script.append(done(draw(st.sampled_from([Status.INTERRUPTED, Status.WAITING]))))
    return script


@settings(max_examples=150, deadline=None)
@given(scripts(), st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=60))
def test_whatever_happens_and_however_it_is_read_the_text_is_the_transcript(
    script: list[Step], manners: list[tuple[int, bool]]
) -> None:
    reader = Reader(LiveConversation("c", [], 0, 9))
    for at, step in enumerate(script):
        step(reader.view)
        most, drops = manners[at % len(manners)] if manners else (sys.maxsize, False)
        reader.read(most)
        if drops:
            reader.come_back()
    reader.read()
    said = [line["content"] for line in reader.view.messages]
    assert texts(reader.frames) == {at: text for at, text in enumerate(said) if text}
    messages = [frame for frame in reader.frames if frame.event == "message"]
    assert [frame.data["text"] for frame in messages] == said
    assert [frame.event for frame in reader.frames][-1] == "done"
    for frame in reader.frames:
        assert ("content" in frame.data) == (frame.event == "token")
        assert frame.event != "token" or frame.data["content"]


# --- another process knows positions only ---------------------------------------------------------


def reread(
    view: LiveConversation, how: Status, error: dict[str, object] | None = None
) -> LiveConversation:
    """The view as another process makes it of what is on disk."""
    row = Conversation(
        id="c",
        client_id=None,
        bot_id="16",
        persona=None,
        seat="scripted",
        status=how,
        end_reason=None,
        turn=view.turn,
        max_turns=9,
        runs=view.run,
        owner=None,
        in_flight=None,
        error=error,
        scenario={},
        parent_id=None,
        forked_at=None,
        created_at="",
        updated_at="",
    )
    fresh = LiveConversation("c", [], 0, 9)
    _report_from_disk(fresh, row, {"messages": list(view.messages), "turn": view.turn})
    return fresh


@pytest.mark.parametrize("crash", range(1, len(SCRIPT)))
def test_after_a_crash_at_any_step_each_last_id_leads_on_without_gap_or_repeat(crash: int) -> None:
    before = whole(SCRIPT[:crash])
    rest = [
        store(*(line["content"] for line in REFERENCE.view.messages[len(before.view.messages) :]))
    ]
    for k in range(len(before.frames) + 1):
        reader = Reader(before.view, list(before.frames[:k]))
        reader.come_back(reread(before.view, Status.INTERRUPTED))
        reader.read()
        assert reader.frames[-1].event == "done"
        for step in [begin(before.view.run + 1), piece("nó"), *rest, done(Status.COMPLETED)]:
            step(reader.view)
            reader.read()
        said = [line["content"] for line in REFERENCE.view.messages]
        assert texts(reader.frames) == dict(enumerate(said))
        messages = [frame.data["text"] for frame in reader.frames if frame.event == "message"]
        assert messages == said


def test_a_text_said_otherwise_after_a_crash_is_announced_by_a_reset() -> None:
    before = whole(SCRIPT[:6])
    assert texts(before.frames)[1] == "Xin chào "
    reader = Reader(before.view, list(before.frames))
    fresh = reread(before.view, Status.RUNNING)
    reader.come_back(fresh)
    reader.read()
    fresh.begin(2, 9)
    piece("Chào ")(fresh)
    reader.read()
    store("Chào con")(fresh)
    reader.read()
    assert texts(reader.frames)[1] == "Chào con"
    assert sum(frame.event == "reset" for frame in reader.frames) == 1


def test_a_text_said_again_word_for_word_and_stored_goes_on_where_it_was() -> None:
    before = whole(SCRIPT[:6])
    fresh = reread(before.view, Status.CREATED)
    store("Xin chào em")(fresh)
    reader = Reader(before.view, list(before.frames))
    reader.come_back(fresh)
    reader.read()
    assert texts(reader.frames)[1] == "Xin chào em"
    assert not any(frame.event == "reset" for frame in reader.frames)


@pytest.mark.parametrize("seen", range(5))
def test_error_and_done_are_told_once_also_after_a_restart(seen: int) -> None:
    before = whole(SCRIPT[:25])
    ended = [frame.event for frame in before.frames[-2:]]
    assert ended == ["error", "done"]
    broke = before.frames[-2].data
    cut_at = len(before.frames) - seen
    reader = Reader(before.view, list(before.frames[:cut_at]))
    reader.come_back(reread(before.view, Status.INTERRUPTED, broke))
    reader.read()
    events = [frame.event for frame in reader.frames]
    assert (events.count("error"), events.count("done")) == (1, 1)


# --- waiting, being many, being slow --------------------------------------------------------------


async def collect(follower: Follower) -> list[Frame]:
    return [frame async for frame in follower.frames()]


async def test_a_hundred_followers_are_told_the_same_and_leave_nothing_behind() -> None:
    view = LiveConversation("c", [], 0, 9)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(collect(Follower(view))) for _ in range(100)]
        for step in [*SCRIPT[:23], done(Status.COMPLETED)]:
            step(view)
            await asyncio.sleep(0)
    stories = [story(task.result()) for task in tasks]
    assert all(one == stories[0] for one in stories)
    assert stories[0][-1] == ("done", "completed")
    assert (view.followers, view.changes._waiting) == (0, [])


async def test_followers_that_leave_while_they_wait_are_forgotten() -> None:
    view = LiveConversation("c", [], 0, 9)
    for _ in range(50):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await collect(Follower(view))
    assert (view.followers, view.changes._waiting) == (0, [])


async def test_a_slow_reader_gets_longer_pieces_and_costs_nothing() -> None:
    view = LiveConversation("c", [], 0, 9)
    view.begin(1, 9)
    slow = Follower(view)
    for _ in range(5000):
        view.piece("assistant", "từ ")
    pieces = []
    while (frame := slow.next()) is not None:
        pieces.append(frame.data["content"])
    assert pieces == ["từ " * 4999 + "từ"]
    assert sys.getsizeof(slow.__dict__) < 2000
    assert len(view.reports) == 0


async def test_a_run_of_a_thousand_turns_keeps_its_last_statuses_and_every_message() -> None:
    view = LiveConversation("c", [], 0, 1000)
    view.begin(1, 1000)
    for n in range(1000):
        view.status("sending", f"turn {n}")
        line = new_message("assistant", str(n), index=n, turn=n, origin="bot")
        view.update_transcript([*view.messages, line], n)
    view.report_done(Status.COMPLETED, "max_turns")
    assert sum(report is not None for report in view.reports) <= KEPT_REPORTS + 1
    told = [frame async for frame in Follower(view).frames()]
    assert [f.data["text"] for f in told if f.event == "message"] == [str(n) for n in range(1000)]
    assert told[-1].event == "done"
    assert [f.data["message"] for f in told if f.event == "status"][-1] == "turn 999"


def test_what_many_conversations_report_alike_is_kept_once() -> None:
    first, second = LiveConversation("a", [], 0, 9), LiveConversation("b", [], 0, 9)
    for view in (first, second):
        view.begin(1, 9)
        view.status("sending", "turn 1 sent to bot 16", turn=1, speaker="assistant")
    assert first.reports[0] is second.reports[0]
    second.max_turns = 5
    second.status("sending", "turn 1 sent to bot 16", turn=1, speaker="assistant")
    told = [frame.data for frame in iter(Follower(second).next, None)]
    assert [data["max_turns"] for data in told] == [9, 5]


async def test_a_stream_of_one_run_ends_where_the_run_waits_and_a_replay_goes_on() -> None:
    view = LiveConversation("c", [], 0, 9)
    for step in [begin(1), store("chào"), done(Status.WAITING)]:
        step(view)
    async with asyncio.timeout(20):
        assert [f.event for f in await collect(Follower(view, only_run=True))][-1] == "done"
    reader = asyncio.ensure_future(collect(Follower(view)))
    await asyncio.sleep(0.01)
    assert not reader.done()
    view.report_done(Status.STOPPED, None)
    assert [f.data["status"] for f in await reader if f.event == "done"] == ["stopped"]


async def test_a_run_that_went_on_while_its_reader_was_away_is_not_told_as_the_end() -> None:
    view = LiveConversation("c", [], 0, 9)
    for step in [begin(1), piece("dở dang "), store("chào"), piece("nửa câu ")]:
        step(view)
    reader = Reader(view)
    reader.read()
    for step in [error, done(Status.STOPPED), begin(2), store("xong"), done(Status.COMPLETED)]:
        step(view)
    rest = await collect(Follower(view, reader.frames[-1].cursor))
    assert [f.data["status"] for f in rest if f.event == "done"] == ["completed"]
    assert [f.event for f in rest].count("error") == 1
    own = await collect(Follower(view, reader.frames[-1].cursor, only_run=True))
    assert [f.data["status"] for f in own if f.event == "done"] == ["stopped"]
    assert own[-1].event == "done"


async def test_who_follows_an_ended_conversation_from_its_end_is_let_go() -> None:
    view = LiveConversation("c", [], 0, 9)
    for step in [begin(1), store("chào"), done(Status.COMPLETED)]:
        step(view)
    first = await collect(Follower(view))
    async with asyncio.timeout(20):
        assert await collect(Follower(view, first[-1].cursor)) == []


def test_a_forged_cursor_does_no_harm() -> None:
    view = whole().view
    for forged in ("99.0.0.3.0", "0.99.0.3.0", "2.7.abc.3.1", "0.0.0.9.9d", "5.1.0.2.99e"):
        reader = Reader(view)
        reader.follower = Follower(view, Cursor.parse(forged))
        assert reader.read(1000) < 1000


async def test_the_stream_of_a_second_run_is_not_the_first_one_again() -> None:
    view = LiveConversation("x", [], 0, 9)
    for step in (begin(1), status(), store("a", "b"), done(Status.WAITING)):
        step(view)
    spoken = Cursor(index=len(view.messages))
    for step in (begin(2), status("sending"), store("c", "d"), done(Status.WAITING)):
        step(view)
    frames = [frame async for frame in Follower(view, spoken, only_run=True).frames()]
    assert {frame.cursor.run for frame in frames} == {2}
    assert texts(frames) == {2: "c", 3: "d"}
