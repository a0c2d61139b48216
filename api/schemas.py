"""What comes in and what goes out over HTTP."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.state import OptionalClient
from core.message import Origin, Refused, Source, TranscriptLine, Usage
from core.parts import Part
from core.scenario import MAX_TURNS, BotId, History, LineText, Pace, Prompt, Scenario, Strict
from core.state import InFlight, Seat

Turns = Annotated[int, Field(strict=True, ge=1, le=MAX_TURNS)]
StatusName = Literal["created", "running", "waiting", "completed", "stopped", "interrupted"]


class CreateConversation(Scenario):
    """A scenario, and the client it belongs to."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"bot_id": 16, "client_id": "lan", "max_turns": 10, "user_prompt": "sẵn sàng"}
            ]
        }
    )
    client_id: OptionalClient = None

    def scenario(self) -> Scenario:
        return Scenario(**self.model_dump(exclude={"client_id"}, exclude_unset=True))


class SimulateRequest(Scenario):
    """The one call: a scenario, most often a bot, a prompt for the user and a number of turns."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "bot_id": 16,
                    "user_prompt": "sẵn sàng",
                    "max_turns": 1,
                    "history": '[{"role": "user", "content": "sẵn sàng"}]',
                }
            ]
        }
    )

    def scenario(self) -> Scenario:
        return self


class ClientIdBody(Strict):
    client_id: OptionalClient = None


class StartRequest(ClientIdBody):
    """`turns`: how many more turns at most; without it, up to the conversation's own limit."""

    turns: Turns | None = None


class ResumeRequest(ClientIdBody):
    """`in_flight`: what becomes of the turn that was sent when the last run died."""

    in_flight: Literal["retry", "accept"] | None = None


class MessageRequest(ClientIdBody):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"content": "xin chào", "client_id": "lan"}]}
    )
    content: LineText


class ConversationChange(ClientIdBody):
    """What is left out stays as it is."""

    seat: Literal["simulated", "scripted", "human"] | None = None
    max_turns: Turns | None = None
    time_limit_s: Annotated[float, Field(strict=True, gt=0, le=86400)] | None = None
    persona: Annotated[str, Field(max_length=100, pattern=r"^[\w.-]+$")] | None = None
    user_prompt: Prompt | None = None


class ForkRequest(ClientIdBody):
    """Keeps the messages up to `index` (-1: none); then goes another way."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"index": 3, "max_turns": 6}],
            "not": {
                "properties": {"index": {"type": "integer"}, "checkpoint_id": {"type": "string"}},
                "required": ["index", "checkpoint_id"],
            },
        }
    )
    index: Annotated[int, Field(strict=True, ge=-1, le=2 * MAX_TURNS * 10)] | None = None
    checkpoint_id: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9-]+$")] | None = None
    message: LineText | None = Field(
        None, description="The user's next line, instead of a new one."
    )
    bot_id: BotId | None = None
    bot_prompt: Prompt | None = None
    persona: Annotated[str, Field(max_length=100, pattern=r"^[\w.-]+$")] | None = None
    user_prompt: Prompt | None = None
    user: Literal["simulated", "scripted", "human"] | None = None
    max_turns: Turns | None = None
    time_limit_s: Annotated[float, Field(strict=True, gt=0, le=86400)] | None = None


class NextLineRequest(Strict):
    """What was said so far; the simulator says how it would go on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"history": [{"role": "assistant", "content": "Chào bạn! “apple” là gì?"}]}
            ]
        }
    )
    history: History
    user_prompt: Prompt | None = None
    persona: Annotated[str, Field(max_length=100, pattern=r"^[\w.-]+$")] | None = None
    user_model: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class PersonaCheckRequest(Strict):
    """How long a persona is tried, and who plays it."""

    user: Literal["simulated", "scripted"] | None = Field(
        None, description="Without it a model where one is configured."
    )
    talks: Annotated[int, Field(strict=True, ge=1, le=5)] = Field(
        1, description="With each of the four canned bots."
    )
    turns: Annotated[int, Field(strict=True, ge=1, le=20)] = 10


# Shorter than an id, so that no alias can take the place of one.
Alias = Annotated[str, Field(max_length=35, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]


class SessionRequest(Strict):
    """A person who wants to talk to a bot."""

    session_id: Alias | None = Field(None, description="An alias of your own for the fresh id.")

    model_config = ConfigDict(json_schema_extra={"examples": [{"bot_id": 16}]})
    bot_id: BotId = 16
    max_turns: Turns | None = Field(None, description="As many as the server allows.")
    pace: Pace = Field(None, description="How fast the demo robot speaks: slow, normal, instant.")


class ChatRequest(Strict):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"session_id": "3f0e6f0e-2f0c-4a52-9d0a-0d4fbd8a3d10", "message": "xin chào"}
            ]
        }
    )
    session_id: Annotated[str, Field(min_length=1, max_length=100)]
    message: LineText


# --- out ------------------------------------------------------------------------------------


class ResponseModel(BaseModel):
    model_config = ConfigDict(extra="allow")


class RunError(ResponseModel):
    error: str
    code: str
    retryable: bool
    where: Literal["bot", "user", "judge", "server"]


class ConversationSummary(ResponseModel):
    """How a conversation stands."""

    conversation_id: str
    bot_id: str | int
    by_prompt: bool = Field(description="Whether a `bot_prompt` takes the bot's place.")
    persona: str | None
    seat: str
    status: StatusName
    end_reason: str | None
    turn: int
    max_turns: int
    created_at: str
    updated_at: str
    parent_id: str | None
    error: RunError | None


class ConversationDetail(ConversationSummary):
    """A conversation with its transcript."""

    history: list[TranscriptLine]
    user_prompt: str | None
    bot_prompt: str | None
    children: list[str]
    forked_at: int | None
    aims: dict[str, int] = Field(
        description="The persona's aims that were reached, each with the turn in which it was."
    )


class ConversationPage(ResponseModel):
    conversations: list[ConversationSummary]
    next: str | None = Field(description="The cursor of the next page.")


class ConversationCreated(ResponseModel):
    conversation_id: str
    status: StatusName


class ForkCreated(ConversationCreated):
    parent_id: str
    index: int
    warnings: list[str]


class RunAccepted(ConversationCreated):
    events: str


class Checkpoint(ResponseModel):
    """A moment of the conversation to which one can go back."""

    checkpoint_id: str
    index: int = Field(description="The last message that was there; -1 before the first.")
    turn: int
    next: list[str]
    created_at: str | None


class CheckpointList(ResponseModel):
    checkpoints: list[Checkpoint]


class PersonaCheck(ResponseModel):
    """What was counted. The figures besides these have the names that the command prints."""

    model_config = ConfigDict(extra="allow")
    persona: str
    played_by: Seat
    model: str | None
    talks: int
    lines: int
    not_measured: str


class GeneratedLine(ResponseModel):
    """The simulated user's next line, and what came of asking for it."""

    content: str = Field(description="Empty where the user ended without last words.")
    origin: Origin
    ended: bool = Field(description="With this line the user leaves.")
    end_reason: Literal["user_done", "loop"] | None
    usage: Usage | None
    refused: list[Refused] = Field(description="Lines that were refused before this one.")
    model: str | None = Field(description="Which model said it; none said a scripted line.")


class SessionCreated(ResponseModel):
    session_id: str
    conversation_id: str | None = Field(
        None, description="The conversation, where `session_id` is an alias of it."
    )


class ConfiguredBot(ResponseModel):
    bot_id: str
    name: str
    kind: str
    description: str
    ready: bool
    reason: str | None
    greets: bool
    version: str | None
    memory: Literal["ours", "replay", "server_fork", "lost"] | None
    side_effects: bool
    cassette: Literal["record", "replay", "off"] | None


class BotList(ResponseModel):
    bots: list[ConfiguredBot]


class ConfiguredPersona(ResponseModel):
    persona: str
    name: str
    goal: str
    language: str
    level: str
    scripted: bool = Field(description="It has a script: it needs no model to be played.")


class PersonaList(ResponseModel):
    personas: list[ConfiguredPersona]


class PingResult(ResponseModel):
    ok: bool
    bot_id: str
    latency_ms: int
    message: str
    code: str | None = None


class TryRequest(Strict):
    """One line for a bot."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"message": "xin chào"}]})
    message: LineText


class BotCall(ResponseModel):
    """A call to a bot as a person may see it; `status` is null for a message of a WebSocket."""

    method: str
    url: str
    headers: dict[str, str]
    sent: str
    status: int | None
    answer: str
    took_ms: int


class BotTrial(ResponseModel):
    """What one line to a bot brought: its calls, what was captured, what it said."""

    ok: bool
    bot_id: str
    calls: list[BotCall]
    session: dict[str, Any]
    bubbles: list[str]
    parts: list[list[Part]]
    sources: list[Source]
    ended: bool
    error: str | None
    code: str | None
    took_ms: int


class DamagedConversations(ResponseModel):
    """Conversations that cannot be read, as far as they were met; `ids` has the first ones."""

    count: int
    ids: list[str]


class Health(ResponseModel):
    status: Literal["ok", "degraded"]
    database: str
    damaged: DamagedConversations
    retention: str
    version: str


class Problem(ResponseModel):
    """An error by RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None


__all__ = [name for name in dir() if name[0].isupper()] + ["InFlight"]
