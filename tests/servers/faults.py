"""What can go wrong at a test server, as data: a `Fault` says what, where and how often.

The same fields serve `server.fail(kind, ...)` in a test and `POST /_control` over HTTP.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

MAX_SECONDS = 120.0
"""No fault keeps a connection open longer than this."""

WIRE_KINDS = frozenset(
    "status redirect hang hold slow html non_json empty_body content_type cut reset huge"
    " gzip_bomb bad_utf8".split()
)
"""Kinds that any server knows; robot.py and llm.py add their own."""

WAITS = {"slow": 1.0, "hang": MAX_SECONDS, "hold": MAX_SECONDS}


@dataclass(frozen=True)
class Asked:
    """The facts of one request that a fault can be bound to; `call` and `turn` count from 1.

    `main` says that `op` is the server's main kind of request.
    """

    op: str
    main: bool
    call: int
    turn: int | None
    conversation: str | None
    text: str


@dataclass
class Fault:
    """One fault. Where it strikes: all conditions given must hold; none given means always.

    `op` is the kind of request (robot: `init`, `turn`; llm: `chat`, `models`; or `any`), by default
    `turn` and `chat`. `call` is the n-th request of that op at the server, faulty ones included;
    `turn` the n-th reply due in its conversation. `contains` is looked for in what was said.
    `times` limits how often it strikes. `seconds` is waited before it acts (`hang`, `hold`: at
    most). `counted` says whether the robot takes the message as heard; by default it does where
    the answer is a valid one. `after` is the number of streamed pieces sent before it acts.
    """

    kind: str
    op: str | None = None
    call: int | None = None
    turn: int | None = None
    conversation: str | None = None
    contains: str | None = None
    times: int | None = None
    seconds: float | None = None
    counted: bool | None = None
    status: int | None = None
    retry_after: str | int | None = None
    location: str | None = None
    content_type: str | None = None
    size: int | None = None
    text: str | None = None
    texts: tuple[str, ...] = ()
    end: bool = False
    after: int | None = None
    reason: str | None = None
    fired: int = 0

    def __post_init__(self) -> None:
        self.texts = tuple(self.texts)

    @property
    def wait(self) -> float:
        """Seconds to wait, within the bound."""
        seconds = WAITS.get(self.kind, 0.0) if self.seconds is None else self.seconds
        return min(max(seconds, 0.0), MAX_SECONDS)

    @property
    def midway(self) -> bool:
        """It acts inside a stream, and waits there."""
        return bool(self.after)

    def strikes(self, asked: Asked) -> bool:
        if self.times is not None and self.fired >= self.times:
            return False
        if not (asked.main if self.op is None else self.op in ("any", asked.op)):
            return False
        bound = (
            (self.call, asked.call),
            (self.turn, asked.turn),
            (self.conversation, asked.conversation),
        )
        if any(want is not None and want != got for want, got in bound):
            return False
        return self.contains is None or self.contains in asked.text

    def as_json(self) -> dict[str, Any]:
        """Only what was set, as `POST /_control` takes it."""
        return {key: value for key, value in asdict(self).items() if value not in (None, (), False)}


def first_striking(faults: Iterable[Fault], asked: Asked) -> Fault | None:
    """The first fault that fits strikes, and only that one."""
    for fault in faults:
        if fault.strikes(asked):
            fault.fired += 1
            return fault
    return None
