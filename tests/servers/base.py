"""What the test servers share: programmable faults, a journal, outages, the control path."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from aiohttp import web

from tests.servers.faults import MAX_SECONDS, WIRE_KINDS, Asked, Fault, first_striking
from tests.servers.host import Host
from tests.servers.journal import Call, Journal

BODY_LIMIT = 64_000_000

C = TypeVar("C", bound=Call)

Sender = Callable[[], Awaitable[web.StreamResponse]]


def send_one(response: web.Response) -> Sender:
    """Sends a response that is already made."""

    async def send() -> web.StreamResponse:
        return response

    return send


class FakeServer(ABC, Generic[C]):
    """A scriptable server on 127.0.0.1: `async with RobotServer() as robot: ... robot.url`.

    `faults` are tried in order and the first that fits strikes. `calls` is the journal, oldest
    first; `journal` names a file that gets the same as JSON lines. `delay` seconds are waited
    before every answer.
    """

    kinds: ClassVar[frozenset[str]] = WIRE_KINDS

    def __init__(self, *, port: int = 0, journal: Path | None = None, delay: float = 0.0) -> None:
        self.port = port
        self.delay = delay
        self.faults: list[Fault] = []
        self.calls: list[C] = []
        self._journal = Journal(journal)
        self._per_op: Counter[str] = Counter()
        self._open: Counter[str | None] = Counter()
        self._released = asyncio.Event()
        self._outage: asyncio.Task[None] | None = None

    # --- life -----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_get("/_control", self._show)
        app.router.add_post("/_control", self._control)
        self.add_routes(app)
        app.router.add_route("*", "/{path:.*}", self.serve("other"))
        self._host = Host(app, self.port)
        await self._host.start()
        self.port = self._host.port
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._outage is not None:
            self._outage.cancel()
        await self._host.stop()
        self._journal.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def refuse(self) -> None:
        """Refuse connections and reset those that are open, until `listen`."""
        await self._host.refuse()

    async def listen(self) -> None:
        """Accept connections again, on the same port."""
        await self._host.listen()

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        await self.refuse()
        try:
            yield
        finally:
            await self.listen()

    # --- faults ---------------------------------------------------------------------------------

    def fail(self, kind: str, **where: Any) -> Fault:
        """Add a fault; `Fault` tells the fields. Raises ValueError on an unknown kind."""
        if kind not in self.kinds:
            raise ValueError(f"no fault {kind!r}; there are: {' '.join(sorted(self.kinds))}")
        fault = Fault(kind, **where)
        self.faults.append(fault)
        return fault

    def release(self) -> None:
        """Let the requests that a `hold` fault keeps waiting go on to their right answer."""
        self._released.set()
        self._released = asyncio.Event()

    async def pause(self, fault: Fault | None) -> None:
        """Wait as long as the server's delay and the fault say."""
        seconds = self.delay + (fault.wait if fault else 0.0)
        if fault is not None and fault.kind == "hold":
            with suppress(TimeoutError):
                await asyncio.wait_for(self._released.wait(), seconds)
        elif seconds:
            await asyncio.sleep(seconds)

    # --- a request ------------------------------------------------------------------------------

    @abstractmethod
    def add_routes(self, app: web.Application) -> None: ...

    @abstractmethod
    def record(self, facts: dict[str, Any], request: web.Request, body: bytes) -> C:
        """The journal entry of a request; `facts` are the fields of `Call`."""

    @abstractmethod
    def ask(self, call: C, nth: int) -> Asked: ...

    @abstractmethod
    def decide(self, request: web.Request, call: C, fault: Fault | None) -> Sender:
        """Settle the answer, note it in `call`, and return what sends it."""

    def serve(self, op: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = self._receive(op, request, await request.read())
            fault = first_striking(self.faults, self.ask(call, self._per_op[op]))
            call.fault = fault.kind if fault else None
            send = self.decide(request, call, fault)
            self._journal.write(call)
            try:
                with self._watch(call):
                    if fault is None or not fault.midway:
                        await self.pause(fault)
                    return await send()
            except ConnectionError:
                # the client has left: there is nobody to answer and nothing to log
                return web.Response()

        return handle

    def _receive(self, op: str, request: web.Request, body: bytes) -> C:
        self._per_op[op] += 1
        headers = request.headers
        facts = {
            "number": len(self.calls) + 1,
            "op": op,
            "path": request.path_qs,
            "at": time.monotonic(),
            "key": headers.get("Idempotency-Key"),
            "traceparent": headers.get("traceparent"),
        }
        call = self.record(facts, request, body)
        call.overlapped = call.conversation is not None and self._open[call.conversation] > 0
        self.calls.append(call)
        return call

    @contextmanager
    def _watch(self, call: C) -> Iterator[None]:
        self._open[call.conversation] += 1
        try:
            yield
        except (asyncio.CancelledError, ConnectionError):
            call.left_at = time.monotonic()
            raise
        finally:
            self._open[call.conversation] -= 1

    # --- the control path -----------------------------------------------------------------------

    async def _show(self, request: web.Request) -> web.Response:
        """`GET /_control?after=N`: the calls after number N and the faults."""
        after = int(request.query.get("after", "0"))
        calls = [call.as_json() for call in self.calls[after:]]
        return web.json_response({"calls": calls, "faults": [f.as_json() for f in self.faults]})

    async def _control(self, request: web.Request) -> web.Response:
        """`POST /_control`: see `apply`; 400 names what does not fit."""
        try:
            self.apply(await request.json())
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"faults": len(self.faults)})

    def apply(self, orders: dict[str, Any]) -> None:
        """Carry out orders: `clear`, `release`, `fail` (one or a list), `set`, `refuse` (seconds).

        Raises ValueError or TypeError on an unknown order, kind or field.
        """
        unknown = orders.keys() - {"clear", "release", "fail", "set", "refuse"}
        if unknown:
            raise ValueError(f"no order {' '.join(sorted(unknown))}")
        if orders.get("clear"):
            self.faults.clear()
        if orders.get("release"):
            self.release()
        faults = orders.get("fail", [])
        for fault in [faults] if isinstance(faults, dict) else faults:
            self.fail(**fault)
        self.set(**orders.get("set", {}))
        if "refuse" in orders:
            self._take_down(float(orders["refuse"]))

    def set(self, *, delay: float | None = None) -> None:
        """Change how the server behaves where nothing fails."""
        self.delay = self.delay if delay is None else delay

    def _take_down(self, seconds: float) -> None:
        # no group: the fixture that enters us is left in another task
        self._outage = asyncio.create_task(self._go_down(seconds))  # noqa: TID251

    async def _go_down(self, seconds: float) -> None:
        # the order itself is answered first
        await asyncio.sleep(0.02)
        async with self.down():
            await asyncio.sleep(min(seconds, MAX_SECONDS))
