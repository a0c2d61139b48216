"""A bot that is a remote HTTP service with its own memory."""

import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import quote

import orjson

from core.errors import BotError
from core.files import resolved, secrets_in
from core.scenario import Scenario
from core.settings import Settings
from core.text import clean, clean_deep
from nodes.bots.config import Call, PollCall, TurnCall, WebhookBot, robot_lesson
from nodes.calls.http import Answer, HttpClient, body, packed, reach, request
from nodes.calls.retry import within
from nodes.speakers.protocol import OnPiece, Reply, TurnRequest

_WHOLE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MISSING = object()


class Webhook:
    """Calls what `bots.yaml` describes: init once, then a call a turn."""

    remembers = True

    def __init__(self, config: WebhookBot, http: HttpClient, settings: Settings) -> None:
        self.config = robot_lesson(config) if config.preset else config
        self.name = config.name or "bot"
        self._http = http
        self._init_s = config.init_timeout_s or settings.init_timeout_s
        self._turn_s = config.turn_timeout_s or settings.turn_timeout_s

    @property
    def _turn(self) -> TurnCall:
        if self.config.turn is None:
            raise BotError("bad_reply", f"{self.name} has no turn call in bots.yaml")
        return self.config.turn

    @property
    def greets(self) -> bool:
        return self.config.greeting_message is not None

    async def open(self, ask: TurnRequest) -> dict[str, Any]:
        call = self.config.init
        if call is None:
            return {}
        data = await self._call(call, ask, f"{ask.conversation_id}:init", self._init_s)
        self._check(call, data, opening=True)
        return self._captured(call.capture, data)

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        call = self._turn
        data = await self._call(call, ask, ask.key, self._turn_s)
        bubbles, shown = self._bubbles(call, data), self._shown(call)
        ended = bool(call.end and _at(data, call.end) is True)
        if bubbles is None and self.config.poll and not ended:
            self._check(call, data)
            return await self._late(self.config.poll, ask, self._captured(call.capture, data))
        self._check(call, data, replied=bubbles is not None)
        said = _said(bubbles) if ended else _worth_saying(bubbles, call, shown)
        captured = self._captured(call.capture, data)
        return Reply(said, ended, session={**ask.session, **captured} or None)

    async def close(self, ask: TurnRequest) -> None:
        if self.config.end is not None:
            key = f"{ask.conversation_id}:end"
            self._check(self.config.end, await self._call(self.config.end, ask, key, self._init_s))

    async def ping(self) -> str:
        call = self.config.ping or self._turn
        if self.config.ping is None:
            return await self._knock(call)
        ask = TurnRequest("ping", 0, [], Scenario())
        self._check(call, await self._call(call, ask, "ping", self._init_s))
        return f"{self._shown(call)} answers"

    async def _knock(self, call: Call) -> str:
        """Without a ping call: whatever the server answers to HEAD, it is there."""
        url, shown = resolved(call.url).split("?")[0], self._shown(call)
        head = reach(self._http, BotError, url, shown)
        status = await within(self._init_s, BotError, self.name, head)
        return f"{shown} can be reached (HTTP {status} to HEAD)"

    async def _late(self, poll: PollCall, ask: TurnRequest, captured: dict[str, Any]) -> Reply:
        session = {**ask.session, **captured}
        late = TurnRequest(ask.conversation_id, ask.turn, ask.messages, ask.scenario, session)
        try:
            return await within(
                poll.timeout_s or self._turn_s, BotError, self.name, self._polled(poll, late)
            )
        except BotError as error:
            error.unheard = False  # the turn call was answered
            raise

    async def _polled(self, poll: PollCall, ask: TurnRequest) -> Reply:
        while True:
            data = await self._call(poll, ask, ask.key, self._turn_s)
            said = _said(self._bubbles(poll, data))
            ended = bool(poll.end and _at(data, poll.end) is True)
            if said or ended:
                return Reply(said, ended, session=dict(ask.session) or None)
            await asyncio.sleep(poll.every_s)

    async def _call(self, call: Call, ask: TurnRequest, key: str, seconds: float) -> Any:
        return await within(
            call.timeout_s or seconds, BotError, self._shown(call), self._exchange(call, ask, key)
        )

    async def _exchange(self, call: Call, ask: TurnRequest, key: str) -> Any:
        shown = self._shown(call)
        async with self._asked(call, ask, key, shown) as response:
            kind = self._told(response.headers.get("content-type", ""), 80)
            return _json(await body(response, BotError, shown), kind, shown)

    def _asked(
        self, call: Call, ask: TurnRequest, key: str, shown: str
    ) -> AbstractAsyncContextManager[Answer]:
        known = _known(ask, self.config.greeting_message)
        headers = {**self.config.headers, **call.headers}
        filled = {
            name: _in_header(_as_text(fill(resolved(value), known)), name, shown)
            for name, value in headers.items()
        }
        content = None
        if call.body is not None:
            content = packed(fill_deep(call.body, known))
            filled.setdefault("Content-Type", "application/json")
        filled["Idempotency-Key"] = key
        return request(
            self._http,
            BotError,
            call.method,
            _url(call.url, known),
            shown=shown,
            headers=filled,
            content=content,
        )

    def _check(
        self, call: Call, data: Any, *, opening: bool = False, replied: bool = False
    ) -> None:
        """The reply must say what `success` asks for; what it leaves out a reply makes good."""
        for path, wanted in call.success.items():
            found = _at(data, path)
            if _same(found, wanted) or (found is _MISSING and replied):
                continue
            got = "nothing" if found is _MISSING else self._told(repr(found), 50)
            raise BotError(
                "init" if opening else "status",
                f"{self._shown(call)} answered {path} = {got}, not {wanted!r}{self._said(data)}",
                url=self._shown(call),
            )
        found = _at(data, "status")
        preset = isinstance(call, TurnCall) and self.config.preset
        if preset and found is not _MISSING and not _same(found, 0):
            got = self._told(repr(found), 50)
            said = f"{self._shown(call)} answered status {got}{self._said(data)}"
            raise BotError("status", said, url=self._shown(call))

    def _said(self, data: Any) -> str:
        """The bot's own words about what went wrong."""
        said = _at(data, "msg")
        return f": {self._told(said, 200)}" if isinstance(said, str) and said else ""

    def _told(self, text: str, most: int) -> str:
        """What a bot sent, as it may stand in an error: masked first, so that no cut hides it."""
        return self._unsecret(text)[:most]

    def _bubbles(self, call: TurnCall | PollCall, data: Any) -> list[str] | None:
        """The texts at the first path where something is said; None where no path leads to any."""
        silent = None
        for path in [call.reply] if isinstance(call.reply, str) else call.reply:
            found = _at(data, path)
            texts = [found] if isinstance(found, str) else found
            if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
                if said := _said(texts):
                    return [clean(text) for text in said]
                silent = silent or [clean(text) for text in texts]
        return silent

    def _captured(self, capture: Mapping[str, str], data: Any) -> dict[str, Any]:
        captured = {}
        for name, path in capture.items():
            found = _at(data, path)
            if found is _MISSING:
                raise BotError("bad_reply", f"{self.name}'s reply has no {path} to keep as {name}")
            captured[name] = found
        return captured

    def _shown(self, call: Call) -> str:
        """The call's URL as a person may see it: secrets and queries left out."""
        return f"{self.name} ({call.url.split('?')[0]})"

    def _unsecret(self, text: str) -> str:
        for name in secrets_in(self.config.model_dump()):
            value = resolved(f"${{{name}}}")
            text = text.replace(value, "***") if value else text
        return text


def _worth_saying(bubbles: list[str] | None, call: TurnCall, shown: str) -> list[str]:
    if bubbles is None:
        where = call.reply if isinstance(call.reply, str) else call.reply[-1]
        raise BotError("bad_reply", f"{shown} sent no text at {where}", url=shown)
    said = _said(bubbles)
    if not said:
        raise BotError("empty", f"{shown} sent an empty message", url=shown)
    return said


def _said(bubbles: list[str] | None) -> list[str]:
    """The bubbles in which something is said; blank ones are no lines of the conversation."""
    return [bubble for bubble in bubbles or [] if bubble.strip()]


def _json(content: bytes, content_type: str, shown: str) -> Any:
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    if kind and not (kind == "application/json" or kind.endswith("+json")):
        raise BotError("bad_content_type", f"{shown} sent {kind}, not JSON", url=shown)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise BotError("encoding", f"{shown} sent what is not UTF-8", url=shown) from None
    try:
        return clean_deep(_loads(text))
    except (ValueError, RecursionError):
        raise BotError("bad_json", f"{shown} sent what is not JSON", url=shown) from None


def _loads(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # orjson refuses lone surrogates, which the standard reader takes; they are cleaned after.
        return json.loads(text)


def _at(data: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and part.isdecimal() and int(part) < len(data):
            data = data[int(part)]
        else:
            return _MISSING
    return data


def _same(found: Any, wanted: Any) -> bool:
    """Equal as JSON is: true is not 1."""
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def _in_header(value: str, name: str, shown: str) -> str:
    if _CONTROL.search(value):
        said = f"{shown} cannot be called: its header {name} would hold a control character"
        raise BotError("bad_reply", said, url=shown)
    return value


def _known(ask: TurnRequest, greeting: str | None) -> dict[str, Any]:
    return {
        "conversation_id": ask.conversation_id,
        "message": ask.text if ask.turn else greeting or "",
        "bot_id": ask.scenario.bot_id,
        "turn": ask.turn,
        **{f"session.{name}": value for name, value in ask.session.items()},
    }


def _url(template: str, known: Mapping[str, Any]) -> str:
    quoted = {name: quote(str(value), safe="") for name, value in known.items()}
    return str(fill(resolved(template), quoted))


def fill(template: str, known: Mapping[str, Any]) -> Any:
    """The template with its variables; a lone variable keeps its type.

    What no call has captured yet is null, or empty inside a text.
    """
    whole = _WHOLE.fullmatch(template)
    if whole:
        return known.get(whole[1])
    return _WHOLE.sub(lambda match: _as_text(known.get(match[1])), template)


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def fill_deep(template: Any, known: Mapping[str, Any]) -> Any:
    """`fill` for JSON; secrets are put in first, so that no speaker's text can name one."""
    if isinstance(template, str):
        return fill(resolved(template), known)
    if isinstance(template, dict):
        return {key: fill_deep(value, known) for key, value in template.items()}
    if isinstance(template, list):
        return [fill_deep(item, known) for item in template]
    return template
