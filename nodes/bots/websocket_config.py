"""How bots.yaml describes a bot behind a WebSocket."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from nodes.bots.config import (
    Config,
    Path_,
    Seconds,
    Template,
    check_template,
    find_variables,
)
from nodes.bots.parts import Finder, PartRule, Tests
from nodes.bots.routes import RoutedBot

Capture = dict[Annotated[str, Field(pattern=r"^\w+$")], Path_]


def _check_url(value: str) -> str:
    if not value.startswith(("ws://", "wss://", "${")):
        raise ValueError("must begin with ws:// or wss://")
    return value


class Opening(Config):
    """What is sent on each new connection, and read until every capture is there."""

    send: Template = Field(None, description="Without it only the answer is awaited.")
    capture: Capture = {}
    success: Tests = Field({}, description="Of a message that has the path: value or test.")


class Turn(Config):
    """What is sent each turn, and how the messages that come are read."""

    send: Template
    reply: Path_ | list[Path_] = Field([], description="Of each message: a text or texts.")
    messages: Path_ | None = Field(
        None, description="Several messages of the bot's in one; reply and parts begin at each."
    )
    parts: list[PartRule] = Field([], description="Buttons, pictures and the like.")
    piece: Path_ | None = Field(None, description="A piece of a reply, passed on as it comes.")
    done: Tests = Field({}, description="A message that passes all of these ends the turn.")
    end: Path_ | None = Field(None, description="Where a true value says that the bot ended.")
    capture: Capture = {}
    success: Tests = {}
    may_be_silent: bool = False

    @property
    def finder(self) -> Finder:
        """What finds the bubbles in a message."""
        return Finder(self.reply, self.parts, self.messages)


class WebSocketBot(RoutedBot):
    """A service behind a WebSocket; one connection a conversation."""

    causes_effects = True
    usual_memory = "replay"
    kind: Literal["websocket"]
    url: Annotated[str, AfterValidator(_check_url), AfterValidator(check_template)]
    headers: dict[str, Annotated[str, AfterValidator(check_template)]] = {}
    query: dict[str, Template] = {}
    subprotocols: list[str] = []
    format: Literal["json", "text"] = "json"
    open: Opening | None = None
    turn: Turn
    quiet_s: Seconds = Field(
        0.5, description="Without `done` a turn is over when nothing came for so long."
    )
    close_ends: bool = Field(False, description="Closing the connection ends the conversation.")
    idle_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        900, description="An unused connection is closed after so long."
    )
    greeting_message: str | None = None
    init_timeout_s: Seconds | None = None
    turn_timeout_s: Seconds | None = None
    greeting_hint: ClassVar[str] = "; give it a greeting_message in bots.yaml"

    @property
    def wants_end_call(self) -> bool:
        return True  # the connection is closed then

    @model_validator(mode="after")
    def _complete(self) -> "WebSocketBot":
        if self.format == "text":
            turn = self.turn
            paths = (turn.reply, turn.piece, turn.done, turn.end, turn.parts, turn.messages)
            if any(paths) or self.turn.capture or (self.open and self.open.capture):
                raise ValueError("messages of format text have no paths: leave out reply, done …")
        elif not (self.turn.reply or self.turn.piece or self.turn.parts):
            raise ValueError("turn.reply is required: where does the text stand?")
        captured = {*self.turn.capture, *(self.open.capture if self.open else ())}
        for name in find_variables(self.model_dump()):
            if name.startswith("session.") and name[8:] not in captured:
                raise ValueError(f"{{{{{name}}}}} is used, but nothing captures {name[8:]}")
        return self
