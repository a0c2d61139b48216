"""Delivers ends at least once: a mark is removed only when somebody has answered 2xx.

It runs beside the runs and holds up none of them; what is under way when the process ends is
delivered by the next one.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr

from core.errors import ConfigError, StorageError
from core.failures import task_group
from core.settings import Settings
from graph.storage.opening import Storage
from graph.storage.sql.deliveries import Delivery
from graph.stream.live import Watch
from graph.webhook.payload import describe, fill_template, read_template
from nodes.calls.http import HttpClient, to_json_bytes

log = logging.getLogger("duologue.webhook")
PAUSES_S = (1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
"""Before each further attempt; after the last one it is given up."""
TIMEOUT_S = 10.0
LOOK_EVERY_S = 2.0
EXPECT_EVERY_S = 3600.0
LAST_CALL_S = 1.0
"""So long the end of the process waits for what ended with it."""
AT_ONCE = 20


class WebhookSender:
    """Sends what is due; `ring` says that something may be."""

    def __init__(self, settings: Settings, storage: Storage, http: HttpClient) -> None:
        self._url = require_url(settings.webhook_url)
        self._base = settings.public_base
        self._secret, self._token = settings.webhook_secret, settings.webhook_token
        path = settings.webhook_template
        self._template = read_template(path) if path else None
        self._deliveries, self._owner = storage.deliveries, storage.owner
        self._http = http
        self._bell = asyncio.Event()
        self._leaving = False
        self._expect_at = time.monotonic() + EXPECT_EVERY_S

    def ring(self) -> None:
        self._bell.set()

    def watch_with(self, watch: Watch) -> Watch:
        """`watch` that also rings where a run has ended."""

        def watch_and_ring(what: str, id: str, facts: dict[str, Any]) -> None:
            watch(what, id, facts)
            if what == "run_ended":
                self.ring()

        return watch_and_ring

    async def run(self) -> None:
        """Until `leave` was called and what was due then was tried."""
        while True:
            leaving = self._leaving
            self._bell.clear()
            try:
                await self._expect()
                await self.send_due()
            except StorageError as error:  # the runs tell of it; here the next look may succeed
                log.warning("webhook waits for the database", extra={"why": error.message})
            if leaving:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), LOOK_EVERY_S)

    def leave(self) -> None:
        self._leaving = True
        self.ring()

    async def _expect(self) -> None:
        if time.monotonic() >= self._expect_at:
            await self._deliveries.expect()
            self._expect_at = time.monotonic() + EXPECT_EVERY_S

    async def send_due(self) -> None:
        """One attempt for each end that is due."""
        while due := await self._deliveries.take(
            self._owner.id, self._owner.is_alive, time.time(), AT_ONCE
        ):
            await asyncio.gather(*(self._deliver(one) for one in due))

    async def _deliver(self, delivery: Delivery) -> None:
        failure, wait = await self._post(delivery)
        if failure is None:
            await self._deliveries.remove(delivery.id)
            return
        facts = {"delivery": delivery.id, "subject": delivery.subject, "why": failure}
        if delivery.attempts >= len(PAUSES_S):
            await self._deliveries.remove(delivery.id)
            log.error("webhook given up", extra={**facts, "attempts": delivery.attempts + 1})
            return
        pause = max(PAUSES_S[delivery.attempts], wait)
        log.warning("webhook not delivered", extra={**facts, "again_in_s": pause})
        await self._deliveries.postpone(delivery.id, time.time() + pause)

    async def _post(self, delivery: Delivery) -> tuple[str | None, float]:
        """Why it failed, without the address, in which a secret may stand; and how long to wait."""
        ended = describe(delivery, self._base)
        body = to_json_bytes(
            ended.model_dump(mode="json")
            if self._template is None
            else fill_template(self._template, ended)
        )
        try:
            async with self._http.session.post(
                self._url,
                data=body,
                headers=self._headers(delivery.id, body),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(TIMEOUT_S),
            ) as answer:
                if 200 <= answer.status < 300:
                    return None, 0.0
                return f"HTTP {answer.status}", read_retry_after(answer.headers)
        except TimeoutError:
            return f"no answer within {TIMEOUT_S:g} s", 0.0
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return type(error).__name__, 0.0

    def _headers(self, id: str, body: bytes) -> dict[str, str]:
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "Webhook-Id": id,
            "Webhook-Timestamp": stamp,
        }
        if self._secret:
            headers["Webhook-Signature"] = sign(self._secret.get_secret_value(), id, stamp, body)
        if self._token:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return headers


def require_url(url: SecretStr | None) -> str:
    """Raises `ConfigError` for what is no HTTP address."""
    text = url.get_secret_value() if url else ""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            "should be an address that begins with http:// or https://",
            file="environment",
            key="DUOLOGUE_WEBHOOK_URL",
        )
    return text


def sign(secret: str, id: str, stamp: str, body: bytes) -> str:
    """The signature of the Standard Webhooks specification; `whsec_` stands before base64."""
    coded = secret.removeprefix("whsec_")
    key = base64.b64decode(coded) if coded != secret else secret.encode()
    signed = hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def read_retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the other side asks for, an hour at most."""
    told = headers.get("Retry-After", "")
    return min(float(told), PAUSES_S[-1]) if told.isdecimal() else 0.0


@asynccontextmanager
async def open_webhook(settings: Settings, storage: Storage, watch: Watch) -> AsyncIterator[Watch]:
    """Delivers as long as it is open, where an address is configured.

    Gives the `watch` for the runs. Raises `ConfigError`.
    """
    if settings.webhook_url is None:
        yield watch
        return
    http = HttpClient()
    sender = WebhookSender(settings, storage, http)
    await storage.deliveries.expect()
    try:
        async with task_group() as tasks:
            sending = tasks.create_task(sender.run(), name="webhook")
            try:
                yield sender.watch_with(watch)
            finally:
                sender.leave()
                await asyncio.wait({sending}, timeout=LAST_CALL_S)
                sending.cancel()
    finally:
        await http.aclose()
