"""Hosts and origins of the page as a process of its own; beside an API, the API checks them."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from core.origins import EXPLAIN, OriginPolicy, Reason
from ui.guard import problem_response

_STATUS: dict[Reason, int] = {"unknown-host": 421, "foreign-origin": 403}


class PageOrigins:
    """Refuses what `policy` refuses, in the words of the API's problem documents."""

    def __init__(self, app: ASGIApp, policy: OriginPolicy) -> None:
        self.app = app
        self.policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = None
        if scope["type"] == "http":
            reason = self.policy.find_refusal(scope["method"], Headers(scope=scope))
        if reason is None:
            await self.app(scope, receive, send)
            return
        refusal = problem_response(_STATUS[reason], detail=EXPLAIN[reason])
        await refusal(scope, receive, send)
