"""A scenario: who talks to which bot, how it starts and when it ends."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, final
from weakref import WeakValueDictionary

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    with_config,
)
from typing_extensions import TypedDict  # pydantic makes no schema of typing's before 3.12

from core.message import Role
from core.spelling import INK, nearest
from core.state import InFlight, Seat
from core.text import clean, clean_deep

MAX_TURNS = 2000
MAX_HISTORY = 2000
MAX_TEXT = 200_000

BotId = (
    Annotated[int, Field(strict=True, ge=0, le=2**53)]
    | Annotated[
        str, StringConstraints(strict=True, min_length=1, max_length=100, pattern=r"^[\w.:-]+$")
    ]
)
LineText = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=MAX_TEXT, pattern=INK),
    AfterValidator(clean),
]
SeedText = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]
Prompt = Annotated[str, StringConstraints(strict=True, max_length=MAX_TEXT), AfterValidator(clean)]


class Strict(BaseModel):
    """A model that takes nothing it does not know; texts are cleaned, all else stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@final
@with_config(extra="forbid")
class SayLine(TypedDict):
    """The user says these words."""

    say: LineText


def _read_count(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """One mistake in place of one for each of the two forms."""
    try:
        return handler(value)
    except ValidationError:
        guess = isinstance(value, str) and nearest(value, ["rest"])
        hint = "; did you mean rest?" if guess else ""
        raise ValueError(f"should be a whole number from 1 to {MAX_TURNS}, or rest{hint}") from None


@final
@with_config(extra="forbid")
class SimulateLines(TypedDict):
    """The simulated (or scripted) user speaks so many times; `rest`: to the end."""

    simulate: Annotated[
        Annotated[int, Field(strict=True, ge=1, le=MAX_TURNS)] | Literal["rest"],
        WrapValidator(_read_count),
    ]


def _name_form(value: Any) -> str | None:
    """The form of a planned line that was meant, so that it alone is held to the value."""
    if isinstance(value, str):
        return "planned text"
    if not isinstance(value, Mapping) or {"say", "simulate"} <= value.keys():
        return None
    keys = (nearest(str(key), ("say", "simulate")) for key in value)
    meant = next((key for key in keys if key), None)
    return f"planned {meant}" if meant else None


PlannedLine = Annotated[
    Annotated[LineText, Tag("planned text")]
    | Annotated[SayLine, Tag("planned say")]
    | Annotated[SimulateLines, Tag("planned simulate")],
    Discriminator(
        _name_form,
        custom_error_type="planned_line",
        custom_error_message="give a text, or either `say` with a text or `simulate` with a number "
        "or rest",
    ),
]


class HistoryLine(Strict):
    """A line that was said before: by the `user`, or by the `assistant` (the bot)."""

    role: Role
    content: LineText


def _history(value: Any) -> Any:
    """The old service took the history as a JSON string; both forms are taken."""
    if not isinstance(value, str):
        return value
    try:
        return clean_deep(json.loads(value)) if value.strip(" \t\n\r") else []
    except (ValueError, RecursionError):
        raise ValueError("is neither a list nor a JSON text of a list") from None


History = Annotated[
    list[HistoryLine],
    BeforeValidator(_history, json_schema_input_type=list[HistoryLine] | str),
    Field(max_length=MAX_HISTORY),
]


Pace = Literal["slow", "normal", "instant"] | None


class Scenario(Strict):
    """All that a conversation is started with; it travels with the conversation."""

    bot_id: BotId = Field(16, description="Which bot is under test, an id from bots.yaml.")
    bot_prompt: Prompt | None = Field(
        None, description="A system prompt: the bot is then a model that plays it."
    )
    persona: (
        Annotated[str, StringConstraints(strict=True, max_length=100, pattern=r"^[\w.-]+$")] | None
    ) = Field(None, description="Who the simulated user is, an id from personas/.")
    user_prompt: Prompt | None = Field(None, description="Shapes the simulated user.")
    user_model: (
        Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)] | None
    ) = Field(None, description="The model that plays the simulated user, in place of its own.")
    user: Seat | None = Field(
        None,
        description="Who holds the user's seat; without it the simulated user where a model is "
        "configured, else the scripted one.",
    )
    first_speaker: Literal["user", "bot"] | None = Field(None, description="Who opens.")
    initial_message: LineText | None = Field(None, description="The user's first line.")
    lines: list[PlannedLine] = Field(
        default_factory=list,
        max_length=MAX_HISTORY,
        description="The user's lines, in this order. A list of texts goes on with simulated ones. "
        "With `{say: text}` or `{simulate: n}` in it, the conversation ends with `lines_done` "
        "after the last, unless `{simulate: rest}` lets the simulated user go on.",
    )
    history: History = Field(
        default_factory=list, description="What was said before; the last role decides who is next."
    )
    max_turns: Annotated[int, Field(strict=True, ge=1, le=MAX_TURNS)] = Field(
        10, description="How many times the bot answers."
    )
    min_turns: Annotated[int, Field(strict=True, ge=0, le=MAX_TURNS)] = Field(
        0, description="The simulated user does not leave before this many turns."
    )
    soft_turns: Annotated[int, Field(strict=True, ge=1, le=MAX_TURNS)] | None = Field(
        None, description="From this turn on the simulated user brings the talk to an end."
    )
    token_limit: Annotated[int, Field(strict=True, ge=1, le=2**53)] | None = Field(
        None,
        description="Once user and bot have taken this many tokens, refused lines included, no new "
        "turn begins; a bot that counts none takes none.",
    )
    time_limit_s: Annotated[float, Field(strict=True, gt=0, le=86400)] | None = Field(
        None, description="Seconds of running after which no new turn begins."
    )
    loop_limit: Annotated[int, Field(strict=True, ge=2, le=100)] | None = Field(
        None, description="The same exchange, word for word, this often in a row ends it."
    )
    seed: Annotated[int, Field(strict=True, ge=0, le=2**53)] | SeedText | None = Field(
        None,
        description="What scripted speakers and the behaviours of simulated ones are drawn from: "
        "the same seed, the same talk. Without one, a persona's own seed and the conversation's "
        "id.",
    )
    pace: Pace = Field(
        None,
        description="How fast the demo robot and the scripted user speak: word by word (slow, "
        "normal) or in one piece. All other speakers take the time they take.",
    )
    in_flight: InFlight = Field(
        "retry",
        description="After a crash, the turn in flight is sent again (retry), taken as heard "
        "without a reply (accept), or waits for a decision (ask).",
    )

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "Scenario":
        """The scenario in a conversation's state; what was left out there is default here.

        Conversations with the same scenario share one object, as long as any of them holds it.
        """
        known = {name: value for name, value in data.items() if name in _DEFAULTS}
        try:
            key = orjson.dumps(known)
        except orjson.JSONEncodeError:  # a LangGraph client may have put anything there
            return cls._of(known)
        found = _READ.get(key)
        if found is None:
            found = _READ[key] = cls._of(known)
        return found

    @classmethod
    def _of(cls, known: Mapping[str, Any]) -> "Scenario":
        # Not left to `model_construct`: it inspects each default's factory anew, 0.6 ms a call.
        return cls.model_construct(set(known), **{**_DEFAULTS, **known})

    def to_stored(self) -> dict[str, Any]:
        """What goes into the state: what differs from the default, without the history."""
        data = self.model_dump(exclude_defaults=True, exclude={"history"})
        return {"bot_id": self.bot_id, "max_turns": self.max_turns, **data}


_READ: WeakValueDictionary[bytes, Scenario] = WeakValueDictionary()
_DEFAULTS = {
    name: field.get_default(call_default_factory=True)
    for name, field in Scenario.model_fields.items()
}
