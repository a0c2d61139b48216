"""Keeps pages of other origins, and names that are not the server's, away from every path."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import problem
from core.origins import EXPLAIN, OriginPolicy, Reason

_REFUSALS: dict[Reason, tuple[int, str]] = {
    "unknown-host": (421, "Not a name of this server"),
    "foreign-origin": (403, "Not from another page"),
}


class OriginGuard:
    """Refuses what `policy` refuses. Stands before everything else, the pages included."""

    def __init__(self, app: ASGIApp, policy: OriginPolicy) -> None:
        self.app = app
        self.policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = None
        if scope["type"] == "http":
            headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
            }
            reason = self.policy.find_refusal(scope["method"], headers)
        if reason is None:
            await self.app(scope, receive, send)
            return
        status, title = _REFUSALS[reason]
        await problem(status, reason, title, EXPLAIN[reason])(scope, receive, send)
