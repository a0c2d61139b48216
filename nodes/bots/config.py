"""`bots.yaml`: the bots that can be put under test, by id."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core.files import find_secret_names, load
from core.scenario import BotId

_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_SECRET_NAME = re.compile(r"authorization|cookie|key|token|secret", re.IGNORECASE)
_KNOWN = re.compile(r"conversation_id|message|bot_id|turn|seed|session\.\w+")


def find_variables(value: Any) -> set[str]:
    """The names used as `{{name}}` anywhere in a template."""
    if isinstance(value, str):
        return set(_VARIABLE.findall(value))
    if isinstance(value, dict):
        return {name for pair in value.items() for item in pair for name in find_variables(item)}
    if isinstance(value, list):
        return {name for item in value for name in find_variables(item)}
    return set()


def _check_template(value: Any) -> Any:
    unknown = sorted(name for name in find_variables(value) if not _KNOWN.fullmatch(name))
    if unknown:
        raise ValueError(
            f"unknown template variable {{{{{unknown[0]}}}}}; known are conversation_id, "
            "message, bot_id, turn, seed and session.NAME"
        )
    return value


def _check_url(value: str) -> str:
    if not re.match(r"^(https?://[^/\s]+|\$\{\w+\})", value):
        raise ValueError("must begin with http:// or https://")
    return value


Template = Annotated[Any, AfterValidator(_check_template)]
Url = Annotated[str, AfterValidator(_check_url), AfterValidator(_check_template)]
Path_ = Annotated[str, Field(min_length=1, description="A dotted path, as data.message or 0.text")]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Config(BaseModel):
    """Part of a bot's description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Call(Config):
    """One HTTP call: `{{...}}` are filled in, `${...}` come from the environment."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    url: Url
    headers: dict[str, Annotated[str, AfterValidator(_check_template)]] = {}
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


class _Bot(Config):
    name: str | None = None
    description: str = ""


class WebhookBot(_Bot):
    """A remote HTTP service with its own memory."""

    kind: Literal["webhook"]
    preset: Literal["robot-lesson"] | None = None
    base_url: Url | None = None
    headers: dict[str, Annotated[str, AfterValidator(_check_template)]] = {}
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


class OpenAIBot(_Bot):
    """Any OpenAI-compatible chat endpoint."""

    kind: Literal["openai"]
    model: str | None = None
    base_url: Url | None = None
    api_key: str | None = None
    system: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    timeout_s: Seconds | None = None


class PromptBot(_Bot):
    """A bot made of a system prompt, played by the configured model."""

    kind: Literal["prompt"]
    prompt: Annotated[str, Field(min_length=1)]
    model: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    timeout_s: Seconds | None = None


class LangGraphBot(_Bot):
    """A graph on a LangGraph server."""

    kind: Literal["langgraph"]
    url: Url
    assistant: str = "agent"
    headers: dict[str, str] = {}
    timeout_s: Seconds | None = None


class DemoBot(_Bot):
    """The English-lesson robot that ships with Duologue."""

    kind: Literal["demo"]
    lesson: BotId | None = Field(None, description="Whose lesson it teaches, if not its own id's.")
    careless: bool = Field(
        False,
        description="It praises wrong answers now and then, repeats itself, falls into English and "
        "forgets its unit; the scenario's seed, else the conversation, says when.",
    )


AnyBot = Annotated[
    WebhookBot | OpenAIBot | PromptBot | LangGraphBot | DemoBot, Field(discriminator="kind")
]


class BotsFile(Config):
    """The file `bots.yaml`."""

    bots: dict[BotId, AnyBot]


DEMO_ID = 16
CARELESS_ID = "careless"
_DEMO_BOTS = {
    str(DEMO_ID): DemoBot(kind="demo", name="English lesson robot (demo)"),
    CARELESS_ID: DemoBot(
        kind="demo", name="Careless lesson robot (demo)", careless=True, lesson=DEMO_ID
    ),
}


def read_bots(path: Path) -> dict[str, AnyBot]:
    """The configured bots by id as text, with the two demo bots. Raises ConfigError."""
    found: dict[str, AnyBot] = {}
    if path.exists():
        found = {str(key): bot for key, bot in load(path, BotsFile).bots.items()}
    for key, bot in _DEMO_BOTS.items():
        found.setdefault(key, bot)
    return found


def missing_secrets(bot: AnyBot) -> list[str]:
    """The environment variables that the bot needs and that are not set."""
    return sorted(name for name in find_secret_names(bot.model_dump()) if not os.environ.get(name))


def open_secrets(bot: AnyBot) -> list[str]:
    """Where the file itself holds what looks like a secret, and should name a variable instead."""
    data = bot.model_dump()
    calls = [call for call in data.values() if isinstance(call, dict) and "headers" in call]
    headers = [
        (name, value)
        for part in (data, *calls)
        for name, value in (part.get("headers") or {}).items()
        if _SECRET_NAME.search(name)
    ]
    held = [("api_key", data.get("api_key") or ""), *headers]
    return sorted({name for name, value in held if value and not find_secret_names(value)})


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
