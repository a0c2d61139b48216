"""A robot-lesson server: replies that prove continuity, a journal, faults on demand.

`POST /robot-ai-lesson/api/v1/bot/initConversation` with `{bot_id, conversation_id, input_slots}`
answers `{"status": 0, "msg": "Success"}`; `.../webhook` with `{conversation_id, message}` answers
the same plus `data.message`, which is `reply_to(n, message)` for the n-th message heard.

    async with RobotServer() as robot:
        robot.fail("status", status=503, turn=3, times=2)

As a process: `python -m tests.servers.robot --port N --journal FILE [--delay-ms N]`.
"""

import asyncio
import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.servers import standalone, wire
from tests.servers.base import FakeServer, Sender, send_one
from tests.servers.faults import WIRE_KINDS, Asked, Fault
from tests.servers.journal import Call, read_lines

ROOT = "/robot-ai-lesson/api/v1/bot"
FIELDS = {
    "init": ("bot_id", "conversation_id", "input_slots"),
    "turn": ("conversation_id", "message"),
}
LINES = (
    "Câu {n}: con vừa nói “{message}”. Giỏi lắm! Mình học tiếp nhé.",
    "{n}. Thầy nghe rõ rồi: {message}. Bây giờ đọc theo thầy: apple – quả táo 🍎",
    "Số {n} – “{message}” – đúng rồi! Tiếng Việt mình gọi là quả đu đủ 👩‍🏫",
)


def reply_to(n: int, message: str) -> str:
    """The reply to the n-th message; every third one is in decomposed form but for the message."""
    line = LINES[n % len(LINES)]
    form = unicodedata.normalize("NFD", line) if n % 3 == 0 else line
    return form.format(n=n, message=message)


@dataclass(kw_only=True)
class RobotCall(Call):
    """A request of op `init`, `turn` or `other`.

    `turn` is the number that was due, `counted` whether the robot took the message as heard,
    `replayed` whether the answer is the kept one of an Idempotency-Key. `bubbles` are the replies.
    """

    body: Any = None
    conversation_id: str | None = None
    message: str | None = None
    turn: int | None = None
    counted: bool = False
    replayed: bool = False
    bubbles: list[str] = field(default_factory=list)

    @property
    def conversation(self) -> str | None:
        return self.conversation_id


@dataclass
class Memory:
    """What the robot knows of a conversation: messages heard, and kept calls by key."""

    heard: list[str] = field(default_factory=list)
    kept: dict[str, RobotCall] = field(default_factory=dict)


def chosen_text(fault: Fault | None, text: str) -> str:
    """What is said instead of `text`."""
    if fault is None:
        return text
    said: dict[str, Callable[[], str]] = {
        "text": lambda: fault.text or "",
        "empty_message": lambda: fault.text or "",
        "surrogate": lambda: f"{text} \ud800!",
        "nul": lambda: f"{text} \0!",
        "huge": lambda: wire.huge_text(fault.size or wire.HUGE_SIZE),
    }
    return said.get(fault.kind, lambda: text)()


def chosen_bubbles(fault: Fault | None, text: str) -> list[str]:
    if fault is None or fault.kind != "bubbles":
        return [text]
    return list(fault.texts) or [text, "Con sẵn sàng chưa?", "Bắt đầu nhé! 🎈"]


def body_of(op: str, bubbles: list[str], *, end: bool = False) -> bytes:
    """A good answer. Escaped to ASCII: lone surrogates have no other form on the wire."""
    if op == "init":
        return json.dumps({"status": 0, "msg": bubbles[0]}).encode()
    several = {"message": bubbles[0]} if len(bubbles) == 1 else {"messages": bubbles}
    data = {**several, **({"end": True} if end else {})}
    return json.dumps({"status": 0, "msg": "Success", "data": data}).encode()


async def empty_object(x: wire.Exchange) -> web.StreamResponse:
    return x.answer(b"{}")


async def not_ok(x: wire.Exchange) -> web.StreamResponse:
    said = {"status": x.fault.status or 1, "msg": x.fault.text or "Bot is busy"}
    return x.answer(json.dumps(said).encode())


ANSWERS: dict[str, wire.Answer] = {
    **wire.ANSWERS,
    "empty_object": empty_object,
    "not_ok": not_ok,
    **dict.fromkeys(("text", "empty_message", "surrogate", "nul", "bubbles", "end"), wire.right),
}
VALID = frozenset(("slow", "hold", "huge", "text", "surrogate", "nul", "bubbles", "end"))
"""Faults whose answer is a reply, so that the robot takes the message as heard."""


class RobotServer(FakeServer[RobotCall]):
    """Kinds besides those of `WIRE_KINDS`: empty_object, empty_message, not_ok (`status`, `text`),
    text (`text`), surrogate, nul, bubbles (`texts`, `end`), end.

    `honour_keys`: the same Idempotency-Key gets the same reply and is not a new turn; with
    another message it gets 422. A message for a conversation that was never opened gets
    `{"status": 1}`, a body that lacks a field 422.
    """

    kinds = WIRE_KINDS | ANSWERS.keys()

    def __init__(
        self,
        *,
        port: int = 0,
        journal: Path | None = None,
        delay: float = 0.0,
        honour_keys: bool = False,
    ) -> None:
        super().__init__(port=port, journal=journal, delay=delay)
        self.honour_keys = honour_keys
        self.conversations: dict[str, Memory] = {}

    def set(
        self,
        *,
        delay: float | None = None,
        honour_keys: bool | None = None,
        forget: bool = False,
    ) -> None:
        super().set(delay=delay)
        self.honour_keys = self.honour_keys if honour_keys is None else honour_keys
        if forget:
            self.forget()

    def forget(self) -> None:
        """Lose every conversation, as a robot does that restarts."""
        self.conversations.clear()

    def heard(self, conversation_id: str) -> list[str]:
        """The messages that the robot took as heard, in order."""
        return self.conversations[conversation_id].heard

    def of(self, conversation_id: str, op: str = "turn") -> list[RobotCall]:
        """The journaled calls of a conversation."""
        return [c for c in self.calls if c.conversation_id == conversation_id and c.op == op]

    # --- a request ------------------------------------------------------------------------------

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(f"{ROOT}/initConversation", self.serve("init"))
        app.router.add_post(f"{ROOT}/webhook", self.serve("turn"))

    def record(self, facts: dict[str, Any], request: web.Request, body: bytes) -> RobotCall:
        call = RobotCall(**facts, body=decoded(body))
        if isinstance(call.body, dict):
            call.conversation_id = text_or_none(call.body.get("conversation_id"))
            call.message = text_or_none(call.body.get("message"))
        return call

    def ask(self, call: RobotCall, nth: int) -> Asked:
        memory = self.conversations.get(call.conversation_id or "", Memory())
        kept = memory.kept.get(call.key or "")
        call.turn = kept.turn if kept else len(memory.heard) + 1
        text = call.message or ""
        return Asked(call.op, call.op == "turn", nth, call.turn, call.conversation_id, text)

    def decide(self, request: web.Request, call: RobotCall, fault: Fault | None) -> Sender:
        if call.op == "other":
            return self._refusal(call, 404, "not found")
        if problem := misfit(call):
            return self._refusal(call, 422, problem)
        if call.op == "init":
            return self._opening(request, call, fault)
        memory = self.conversations.get(call.conversation_id or "")
        if memory is None:
            return self._refusal(call, 200, "unknown conversation")
        kept = memory.kept.get(call.key or "")
        if kept is not None and kept.message != call.message:
            return self._refusal(call, 422, "key used for another message")
        return self._turn(request, call, fault, memory, kept)

    def _refusal(self, call: RobotCall, status: int, why: str) -> Sender:
        """Not a fault of ours but of the caller; the journal has the reason as `fault`."""
        call.fault = why
        body = {"status": 1, "msg": why}
        return send_one(web.json_response(body, status=status))

    def _opening(self, request: web.Request, call: RobotCall, fault: Fault | None) -> Sender:
        call.counted = taken(fault)
        if call.counted:
            self.conversations.setdefault(call.conversation_id or "", Memory())
        return self._sender(request, call, fault, [chosen_text(fault, "Success")])

    def _turn(
        self,
        request: web.Request,
        call: RobotCall,
        fault: Fault | None,
        memory: Memory,
        kept: RobotCall | None,
    ) -> Sender:
        message = call.message or ""
        right = reply_to(call.turn or 0, message)
        bubbles = kept.bubbles if kept else chosen_bubbles(fault, chosen_text(fault, right))
        call.replayed = kept is not None
        call.counted = kept is None and taken(fault)
        if taken(fault):
            call.bubbles, call.reply = bubbles, "\n".join(bubbles)
        if call.counted:
            memory.heard.append(message)
            if self.honour_keys and call.key:
                memory.kept[call.key] = call
        return self._sender(request, call, fault, bubbles)

    def _sender(
        self, request: web.Request, call: RobotCall, fault: Fault | None, bubbles: list[str]
    ) -> Sender:
        end = fault is not None and (fault.kind == "end" or fault.end)

        def wrap(text: str) -> bytes:
            return body_of(call.op, [text, *bubbles[1:]], end=end)

        x = wire.Exchange(request, fault or Fault("slow"), bubbles[0], wrap)
        return lambda: ANSWERS[x.fault.kind](x)


def taken(fault: Fault | None) -> bool:
    """Whether the robot takes the message as heard."""
    if fault is None or fault.counted is None:
        return fault is None or fault.kind in VALID
    return fault.counted


def text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def misfit(call: RobotCall) -> str | None:
    """What the request lacks to be a robot-lesson request."""
    if not isinstance(call.body, dict):
        return "not a JSON object"
    missing = [name for name in FIELDS[call.op] if name not in call.body]
    if missing:
        return f"missing {' '.join(missing)}"
    if call.conversation_id is None:
        return "conversation_id is no text"
    return "message is no text" if call.op == "turn" and call.message is None else None


def read_journal(path: Path) -> list[RobotCall]:
    """The calls in the file of a robot process."""
    return [RobotCall(**line) for line in read_lines(path)]


def main() -> None:
    options = standalone.parser("A scriptable robot-lesson server on 127.0.0.1.")
    options.add_argument("--honour-keys", action="store_true", help="replay replies by key")
    given = options.parse_args()
    robot = RobotServer(
        port=given.port,
        journal=given.journal,
        delay=given.delay_ms / 1000,
        honour_keys=given.honour_keys,
    )
    asyncio.run(standalone.serve(robot))


if __name__ == "__main__":
    main()
