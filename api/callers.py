"""Who calls: by API key where keys are configured, and what each caller may reach."""

import hmac
import logging
import re
from collections.abc import Sequence
from ipaddress import ip_address
from time import monotonic

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.caller import SCOPE_KEY, Caller
from api.problems import problem
from core.settings import Settings

log = logging.getLogger("duologue.audit")
# The pages hold no data: the UI asks for a key and calls the API with it.
OPEN_PATHS = ("/health", "/ui", "/vi", "/favicon.ico")
# What a key that is bound to a client may reach; everything else is an administrator's.
CLIENT_PATHS = re.compile(
    r"/|/info|/docs(/.*)?|/openapi\.json|/simulate|/session|/chat/stream"
    r"|/api/(simulate|generate-user-response|bots|bots/[^/]+/ping|personas|conversations(/.*)?"
    r"|suites|experiments(/.*)?|compare)"
)
_AUDITED_POST = re.compile(r".*/(stop|labels?)")


class Callers:
    """Asks for a key where there are any, limits its rate, and logs what is changed with it.

    A key of `DUOLOGUE_API_KEYS` is an administrator's, one of `DUOLOGUE_CLIENT_KEYS` is bound to a
    client. Without keys everybody may call, and who calls from this machine is the administrator.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.keys = _list_keys(settings)
        self.rates = RateLimits(settings.rate_limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        caller = self._find_caller(scope)
        refusal = self._refuse(scope, caller)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        if caller is None:
            await self.app(scope, receive, send)
            return
        scope[SCOPE_KEY] = caller
        sender = _audit_response(scope, caller, send) if _is_audited(scope) else send
        await self.app(scope, receive, sender)

    def _find_caller(self, scope: Scope) -> Caller | None:
        if not self.keys:
            return Caller("none", is_administrator=_is_loopback(scope))
        headers = Headers(scope=scope)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        offered = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        # Every key is compared, so that time tells nothing about which was near.
        matches = [
            caller
            for key, caller in self.keys
            if hmac.compare_digest(offered.encode(), key.encode())
        ]
        return matches[0] if matches else None

    def _refuse(self, scope: Scope, caller: Caller | None) -> Response | None:
        if _is_open(scope):
            return None
        if caller is None:
            detail = "send `Authorization: Bearer KEY` or `X-API-Key: KEY`"
            headers = {"WWW-Authenticate": "Bearer"}
            return problem(401, "no-key", "An API key is needed", detail, headers=headers)
        if caller.client_id is not None and not CLIENT_PATHS.fullmatch(scope["path"]):
            detail = "the key is bound to a client; this path takes an administrator's key"
            return problem(403, "forbidden", "Not yours", detail)
        wait_s = self.rates.take(caller.name) if self.keys else 0
        if wait_s > 0:
            detail = "the key has sent as many requests as DUOLOGUE_RATE_LIMIT allows in a minute"
            headers = {"Retry-After": str(int(wait_s) + 1)}
            return problem(429, "rate-limit", "Too many requests", detail, headers=headers)
        return None


class RateLimits:
    """One bucket per key: `per_minute` requests at once, refilled evenly; 0 sets no limit."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str, now: float | None = None) -> float:
        """0 where the request may pass, else the seconds until one may."""
        if not self.per_minute:
            return 0.0
        now = monotonic() if now is None else now
        left, since = self._buckets.get(name, (float(self.per_minute), now))
        left = min(self.per_minute, left + (now - since) * self.per_minute / 60)
        passes = left >= 1
        self._buckets[name] = (left - 1 if passes else left, now)
        return 0.0 if passes else (1 - left) * 60 / self.per_minute


def _list_keys(settings: Settings) -> Sequence[tuple[str, Caller]]:
    administrators = [
        (key.get_secret_value(), Caller(f"key {at}", is_administrator=True))
        for at, key in enumerate(settings.api_keys, 1)
    ]
    bound = [
        (key.get_secret_value(), Caller(f"client {client}", client))
        for client, key in settings.client_keys.items()
    ]
    return administrators + bound


def _is_open(scope: Scope) -> bool:
    path = scope["path"]
    if scope["method"] == "OPTIONS":
        return True
    if path == "/" and "text/html" in Headers(scope=scope).get("accept", ""):
        return True
    return any(path == open_ or path.startswith(f"{open_}/") for open_ in OPEN_PATHS)


def _is_loopback(scope: Scope) -> bool:
    try:
        return ip_address((scope.get("client") or ("",))[0]).is_loopback
    except ValueError:
        return False


def _is_audited(scope: Scope) -> bool:
    if scope["method"] == "POST":
        return _AUDITED_POST.fullmatch(scope["path"]) is not None
    return scope["method"] in ("PUT", "PATCH", "DELETE")


def _audit_response(scope: Scope, caller: Caller, send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            facts = {"key": caller.name, "method": scope["method"], "path": scope["path"][:300]}
            log.info("audit", extra={**facts, "status": message["status"]})
        await send(message)

    return sender
