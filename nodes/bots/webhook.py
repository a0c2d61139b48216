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
from core.files import find_secret_names, resolve_secrets
from core.scenario import Scenario
from core.settings import Settings
from core.text import clean, clean_deep
from nodes.bots.kinds import BotKind, Toolbox
from nodes.bots.webhook_config import Call, PollCall, TurnCall, WebhookBot, robot_lesson
from nodes.calls.http import Answer, HttpClient, probe, read_body, request, to_json_bytes
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
        return self._capture(call.capture, data)

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        call = self._turn
        data = await self._call(call, ask, ask.key, self._turn_s)
        bubbles, address = self._find_bubbles(call, data), self._address(call)
        ended = bool(call.end and _find(data, call.end) is True)
        if bubbles is None and self.config.poll and not ended:
            self._check(call, data)
            return await self._await_late_reply(
                self.config.poll, ask, self._capture(call.capture, data)
            )
        self._check(call, data, replied=bubbles is not None)
        said = _drop_blank(bubbles) if ended else _require_text(bubbles, call, address)
        captured = self._capture(call.capture, data)
        return Reply(said, ended, session={**ask.session, **captured} or None)

    async def close(self, ask: TurnRequest) -> None:
        if self.config.end is not None:
            key = f"{ask.conversation_id}:end"
            self._check(self.config.end, await self._call(self.config.end, ask, key, self._init_s))

    async def ping(self) -> str:
        call = self.config.ping or self._turn
        if self.config.ping is None:
            return await self._probe(call)
        ask = TurnRequest("ping", 0, [], Scenario())
        self._check(call, await self._call(call, ask, "ping", self._init_s))
        return f"{self._address(call)} answers"

    async def _probe(self, call: Call) -> str:
        """Without a ping call: whatever the server answers to HEAD, it is there."""
        url, address = resolve_secrets(call.url).split("?")[0], self._address(call)
        head = probe(self._http, BotError, url, address)
        status = await within(self._init_s, BotError, self.name, head)
        return f"{address} can be reached (HTTP {status} to HEAD)"

    async def _await_late_reply(
        self, poll: PollCall, ask: TurnRequest, captured: dict[str, Any]
    ) -> Reply:
        session = {**ask.session, **captured}
        late = TurnRequest(ask.conversation_id, ask.turn, ask.messages, ask.scenario, session)
        try:
            return await within(
                poll.timeout_s or self._turn_s, BotError, self.name, self._poll(poll, late)
            )
        except BotError as error:
            error.unheard = False  # the turn call was answered
            raise

    async def _poll(self, poll: PollCall, ask: TurnRequest) -> Reply:
        while True:
            data = await self._call(poll, ask, ask.key, self._turn_s)
            said = _drop_blank(self._find_bubbles(poll, data))
            ended = bool(poll.end and _find(data, poll.end) is True)
            if said or ended:
                return Reply(said, ended, session=dict(ask.session) or None)
            await asyncio.sleep(poll.every_s)

    async def _call(self, call: Call, ask: TurnRequest, key: str, seconds: float) -> Any:
        return await within(
            call.timeout_s or seconds, BotError, self._address(call), self._exchange(call, ask, key)
        )

    async def _exchange(self, call: Call, ask: TurnRequest, key: str) -> Any:
        address = self._address(call)
        async with self._send(call, ask, key, address) as response:
            self._check_type(response.headers.get("content-type", ""), address)
            return _parse_json(await read_body(response, BotError, address), address)

    def _check_type(self, content_type: str, address: str) -> None:
        kind = content_type.split(";", maxsplit=1)[0].strip().lower()
        if kind and not (kind == "application/json" or kind.endswith("+json")):
            sent = self._quote(content_type.split(";", maxsplit=1)[0].strip(), 80)
            raise BotError("bad_content_type", f"{address} sent {sent}, not JSON", url=address)

    def _send(
        self, call: Call, ask: TurnRequest, key: str, address: str
    ) -> AbstractAsyncContextManager[Answer]:
        variables = _variables(ask, self.config.greeting_message)
        headers = {**self.config.headers, **call.headers}
        filled = {
            name: _check_header(_as_text(fill(resolve_secrets(value), variables)), name, address)
            for name, value in headers.items()
        }
        content = None
        if call.body is not None:
            content = to_json_bytes(fill_deep(call.body, variables))
            filled.setdefault("Content-Type", "application/json")
        filled["Idempotency-Key"] = key
        return request(
            self._http,
            BotError,
            call.method,
            _fill_url(call.url, variables),
            address=address,
            headers=filled,
            content=content,
        )

    def _check(
        self, call: Call, data: Any, *, opening: bool = False, replied: bool = False
    ) -> None:
        """The reply must say what `success` asks for; what it leaves out a reply makes good."""
        for path, wanted in call.success.items():
            found = _find(data, path)
            if _equal_json(found, wanted) or (found is _MISSING and replied):
                continue
            got = "nothing" if found is _MISSING else self._quote(repr(found), 50)
            raise BotError(
                "init" if opening else "status",
                f"{self._address(call)} answered {path} = {got}, not {wanted!r}"
                f"{self._quote_reason(data)}",
                url=self._address(call),
            )
        found = _find(data, "status")
        preset = isinstance(call, TurnCall) and self.config.preset
        if preset and found is not _MISSING and not _equal_json(found, 0):
            got = self._quote(repr(found), 50)
            said = f"{self._address(call)} answered status {got}{self._quote_reason(data)}"
            raise BotError("status", said, url=self._address(call))

    def _quote_reason(self, data: Any) -> str:
        """The bot's own words about what went wrong."""
        said = _find(data, "msg")
        return f": {self._quote(said, 200)}" if isinstance(said, str) and said else ""

    def _quote(self, text: str, most: int) -> str:
        """What a bot sent, as it may stand in an error: masked first, so that no cut hides it."""
        return self._mask_secrets(text)[:most]

    def _find_bubbles(self, call: TurnCall | PollCall, data: Any) -> list[str] | None:
        """The texts at the first path where something is said; None where no path leads to any."""
        silent = None
        for path in [call.reply] if isinstance(call.reply, str) else call.reply:
            found = _find(data, path)
            texts = [found] if isinstance(found, str) else found
            if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
                if said := _drop_blank(texts):
                    return [clean(text) for text in said]
                silent = silent or [clean(text) for text in texts]
        return silent

    def _capture(self, capture: Mapping[str, str], data: Any) -> dict[str, Any]:
        captured = {}
        for name, path in capture.items():
            found = _find(data, path)
            if found is _MISSING:
                raise BotError("bad_reply", f"{self.name}'s reply has no {path} to keep as {name}")
            captured[name] = found
        return captured

    def _address(self, call: Call) -> str:
        """The call's URL as a person may see it: secrets and queries left out."""
        return f"{self.name} ({call.url.split('?')[0]})"

    def _mask_secrets(self, text: str) -> str:
        for name in find_secret_names(self.config.model_dump()):
            value = resolve_secrets(f"${{{name}}}")
            text = text.replace(value, "***") if value else text
        return text


def _require_text(bubbles: list[str] | None, call: TurnCall, address: str) -> list[str]:
    if bubbles is None:
        where = call.reply if isinstance(call.reply, str) else call.reply[-1]
        raise BotError("bad_reply", f"{address} sent no text at {where}", url=address)
    said = _drop_blank(bubbles)
    if not said:
        raise BotError("empty", f"{address} sent an empty message", url=address)
    return said


def _drop_blank(bubbles: list[str] | None) -> list[str]:
    """The bubbles in which something is said; blank ones are no lines of the conversation."""
    return [bubble for bubble in bubbles or [] if bubble.strip()]


def _parse_json(content: bytes, address: str) -> Any:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise BotError("encoding", f"{address} sent what is not UTF-8", url=address) from None
    try:
        return clean_deep(_loads(text))
    except (ValueError, RecursionError):
        raise BotError("bad_json", f"{address} sent what is not JSON", url=address) from None


def _loads(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # orjson refuses lone surrogates, which the standard reader takes; they are cleaned after.
        return json.loads(text)


def _find(data: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and part.isdecimal() and int(part) < len(data):
            data = data[int(part)]
        else:
            return _MISSING
    return data


def _equal_json(found: Any, wanted: Any) -> bool:
    """Equal as JSON is: true is not 1."""
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def _check_header(value: str, name: str, address: str) -> str:
    if _CONTROL.search(value):
        said = f"{address} cannot be called: its header {name} would hold a control character"
        raise BotError("bad_reply", said, url=address)
    return value


def _variables(ask: TurnRequest, greeting: str | None) -> dict[str, Any]:
    return {
        "conversation_id": ask.conversation_id,
        "message": ask.text if ask.turn else greeting or "",
        "bot_id": ask.scenario.bot_id,
        "turn": ask.turn,
        "seed": ask.seed,
        **{f"session.{name}": value for name, value in ask.session.items()},
    }


def _fill_url(template: str, variables: Mapping[str, Any]) -> str:
    quoted = {name: quote(str(value), safe="") for name, value in variables.items()}
    return str(fill(resolve_secrets(template), quoted))


def fill(template: str, variables: Mapping[str, Any]) -> Any:
    """The template with its variables; a lone variable keeps its type.

    What no call has captured yet is null, or empty inside a text.
    """
    whole = _WHOLE.fullmatch(template)
    if whole:
        return variables.get(whole[1])
    return _WHOLE.sub(lambda match: _as_text(variables.get(match[1])), template)


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def fill_deep(template: Any, variables: Mapping[str, Any]) -> Any:
    """`fill` for JSON; secrets are put in first, so that no speaker's text can name one."""
    if isinstance(template, str):
        return fill(resolve_secrets(template), variables)
    if isinstance(template, dict):
        return {key: fill_deep(value, variables) for key, value in template.items()}
    if isinstance(template, list):
        return [fill_deep(item, variables) for item in template]
    return template


def _make(config: WebhookBot, id: str, tools: Toolbox) -> Webhook:
    named = config if config.name else config.model_copy(update={"name": f"bot {id}"})
    return Webhook(named, tools.http, tools.settings)


KINDS = (BotKind(WebhookBot, _make),)
