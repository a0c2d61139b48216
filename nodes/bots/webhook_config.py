"""The description of a `webhook` bot in bots.yaml."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from core.scenario import BotId
from nodes.bots.config import (
    BotConfig,
    Config,
    Path_,
    Seconds,
    Template,
    Url,
    check_template,
    find_variables,
)


class Call(Config):
    """One HTTP call: `{{...}}` are filled in, `${...}` come from the environment."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    url: Url
    headers: dict[str, Annotated[str, AfterValidator(check_template)]] = {}
    body: Template = None
    success: dict[Path_, Any] = Field({}, description="What must stand in the reply: path → value.")
    timeout_s: Seconds | None = None


class InitCall(Call):
    """Opens a session; `capture` keeps values of the reply as session.NAME."""

    capture: dict[Annotated[str, Field(pattern=r"^\w+$")], Path_] = {}


class TurnCall(Call):
    """One turn; `reply` leads to a text or a list of texts (bubbles)."""

    reply: Path_ | list[Path_]
    end: Path_ | None = Field(None, description="Where a true value says that the bot ended.")
    capture: dict[Annotated[str, Field(pattern=r"^\w+$")], Path_] = {}


class PollCall(Call):
    """Asks for a late reply again and again until one is there."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    reply: Path_ | list[Path_]
    end: Path_ | None = None
    every_s: Seconds = 1.0


class WebhookBot(BotConfig):
    """A remote HTTP service with its own memory."""

    kind: Literal["webhook"]
    preset: Literal["robot-lesson"] | None = None
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
    greeting_hint: ClassVar[str] = "; give it a greeting_message in bots.yaml"

    @property
    def wants_end_call(self) -> bool:
        return self.end is not None

    @model_validator(mode="after")
    def _complete(self) -> "WebhookBot":
        if self.preset and not self.base_url:
            raise ValueError("the preset robot-lesson needs a base_url")
        if not self.preset and not self.turn:
            raise ValueError("needs a turn call, or a preset")
        captured = {*self.init.capture} if self.init else set()
        captured |= {*self.turn.capture} if self.turn else set()
        for name in find_variables(self.model_dump()):
            if name.startswith("session.") and name[8:] not in captured:
                raise ValueError(f"{{{{{name}}}}} is used, but no call captures {name[8:]}")
        return self


def robot_lesson(bot: WebhookBot) -> WebhookBot:
    """The calls of the robot lesson API, at the bot's base URL."""
    base = f"{(bot.base_url or '').rstrip('/')}/robot-ai-lesson/api/v1/bot"
    init = InitCall(
        url=f"{base}/initConversation",
        body={
            "bot_id": bot.remote_bot_id if bot.remote_bot_id is not None else "{{bot_id}}",
            "conversation_id": "{{conversation_id}}",
            "input_slots": bot.input_slots,
        },
        success={"status": 0},
    )
    turn = TurnCall(
        url=f"{base}/webhook",
        body={"conversation_id": "{{conversation_id}}", "message": "{{message}}"},
        reply=["data.messages", "data.message"],
        end="data.end",
    )
    changes: dict[str, Any] = {"init": bot.init or init, "turn": bot.turn or turn}
    if bot.greeting_message is None:
        changes["greeting_message"] = "sẵn sàng"
    return bot.model_copy(update=changes)
