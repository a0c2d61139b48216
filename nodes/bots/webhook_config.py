"""The description of a `webhook` bot in bots.yaml."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import AfterValidator, Field, model_validator

from core.scenario import BotId
from nodes.bots.config import (
    CallUrl,
    Config,
    Path_,
    Seconds,
    Template,
    Url,
    check_template,
    find_variables,
)
from nodes.bots.parts import Finder, PartRule
from nodes.bots.replies import check_test
from nodes.bots.routes import RoutedBot
from nodes.bots.webhook_stream import Framing

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


class Call(Config):
    """One HTTP call: `{{...}}` are filled in, `${...}` come from the environment."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    url: CallUrl = Field(description="A URL, or a path that begins with / after `base_url`.")
    headers: dict[str, Annotated[str, AfterValidator(check_template)]] = {}
    query: dict[str, Template] = Field({}, description="Added to the URL, escaped.")
    body: Template = Field(None, description="Sent as JSON.")
    form: dict[str, Template] | None = Field(None, description="Sent as a form instead of JSON.")
    multipart: bool = Field(False, description="The form is sent as multipart/form-data.")
    success: dict[Path_, Annotated[Any, AfterValidator(check_test)]] = Field(
        {}, description="What must stand in the reply: path → value, or a test of it."
    )
    timeout_s: Seconds | None = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> "Call":
        if self.body is not None and self.form is not None:
            raise ValueError("give either a body or a form")
        if self.multipart and self.form is None:
            raise ValueError("multipart: is about a form; give one")
        self.check_type(self.headers)
        return self

    def check_type(self, headers: Mapping[str, str]) -> None:
        """Raises `ValueError` where what is sent is not what the headers say it is."""
        sent = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
        kind = sent.split(";")[0].strip().lower()
        if kind and self.multipart:
            raise ValueError("a multipart form brings its own Content-Type; leave yours out")
        if kind == _FORM and self.body is not None:
            raise ValueError(f"a body is sent as JSON; for {_FORM} give `form`")
        if kind and kind != _FORM and self.form is not None:
            raise ValueError(f"a form is not {kind}")
        if kind and self.body is not None and kind.split("+")[-1] not in ("json", _JSON):
            raise ValueError(f"a body is sent as JSON, which is not {kind}")


Capture = dict[Annotated[str, Field(pattern=r"^\w+$")], Path_]


class InitCall(Call):
    """Opens a session; `capture` keeps values of the reply as session.NAME."""

    capture: Capture = Field({}, description="NAME → path, header:NAME or cookie:NAME.")


class TurnCall(Call):
    """One turn; `reply` leads to a text or a list of texts (bubbles)."""

    reply: Path_ | list[Path_] = Field(
        [], description="In a stream: of each event; what is found there is put together."
    )
    messages: Path_ | None = Field(
        None, description="The bot's messages in the answer; reply and parts begin at each."
    )
    parts: list[PartRule] = Field([], description="Buttons, pictures and the like.")
    stream: Framing | None = Field(None, description="The reply comes as a stream of these.")
    may_be_silent: bool = Field(False, description="A turn without any bubble is no error.")
    end: Path_ | None = Field(None, description="Where a true value says that the bot ended.")
    capture: Capture = Field({}, description="NAME → path, header:NAME or cookie:NAME.")

    @model_validator(mode="after")
    def _streams_whole_events(self) -> "TurnCall":
        if self.stream and self.messages:
            raise ValueError("messages: a stream has none; reply and parts begin at each event")
        if self.stream == "text" and self.parts:
            raise ValueError("parts: a stream of text has none")
        return self

    @property
    def finder(self) -> Finder:
        """What finds the bubbles in an answer."""
        return Finder(self.reply, self.parts, self.messages)


class PollCall(Call):
    """Asks for a late reply again and again until one is there."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    reply: Path_ | list[Path_]
    messages: Path_ | None = None
    parts: list[PartRule] = []
    end: Path_ | None = None
    every_s: Seconds = 1.0
    capture: Capture = Field({}, description="Kept of each answer that has it, as a watermark.")
    settle_s: Seconds | None = Field(
        None, description="Asks on for so long after the last text: replies that come in parts."
    )

    @property
    def finder(self) -> Finder:
        """What finds the bubbles in an answer."""
        return Finder(self.reply, self.parts, self.messages)


class WebhookBot(RoutedBot):
    """A remote HTTP service with its own memory."""

    causes_effects = True
    usual_memory = "replay"
    kind: Literal["webhook"]
    preset: Literal["direct-line", "rasa", "robot-lesson", "simple-rest"] | None = None
    base_url: Url | None = None
    headers: dict[str, Annotated[str, AfterValidator(check_template)]] = {}
    init: InitCall | None = None
    turn: TurnCall | None = None
    poll: PollCall | None = None
    end: Call | None = None
    ping: Call | None = None
    input_slots: dict[str, Any] = {}
    remote_bot_id: BotId | None = Field(None, description="The id at the service, if another.")
    greeting_message: str | None = Field(
        None, description="What makes the bot speak first; never part of the conversation."
    )
    init_timeout_s: Seconds | None = None
    turn_timeout_s: Seconds | None = None
    cookies: bool = Field(
        False, description="Cookies that the service sets are sent back, in that conversation."
    )
    greeting_hint: ClassVar[str] = "; give it a greeting_message in bots.yaml"

    @property
    def wants_end_call(self) -> bool:
        return self.end is not None

    @property
    def calls(self) -> list[Call]:
        return [call for call in (self.init, self.turn, self.poll, self.end, self.ping) if call]

    @model_validator(mode="after")
    def _complete(self) -> "WebhookBot":
        if self.preset:
            if not self.base_url:
                raise ValueError(f"the preset {self.preset} needs a base_url")
            self.expand()
            return self
        if not self.turn:
            raise ValueError("needs a turn call, or a preset")
        if not (self.turn.reply or self.turn.parts) and self.turn.stream != "text":
            raise ValueError("turn.reply is required: where does the text stand?")
        self._check_calls()
        return self

    def _check_calls(self) -> None:
        for call in self.calls:
            call.check_type({**self.headers, **call.headers})
            if call.url.startswith("/") and not self.base_url:
                raise ValueError(f"the url {call.url} needs a base_url before it")
        held = (self.init, self.turn, self.poll)
        captured = {name for call in held if call for name in call.capture}
        for name in find_variables(self.model_dump()):
            if name.startswith("session.") and name[8:] not in captured:
                raise ValueError(f"{{{{{name}}}}} is used, but no call captures {name[8:]}")

    def expand(self) -> "WebhookBot":
        """The bot with its preset's calls written out; what the bot has itself comes first."""
        if not self.preset:
            return self
        own = self.model_dump(exclude_unset=True, exclude={"preset"})
        return WebhookBot.model_validate({**_read_preset(self.preset), **own})


@cache
def _read_preset(name: str) -> dict[str, Any]:
    text = (Path(__file__).parent / "presets" / f"{name}.yaml").read_text("utf-8")
    preset: dict[str, Any] = yaml.safe_load(text)
    return preset
