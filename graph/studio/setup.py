"""What a conversation in LangGraph Studio is set up with: the form beside the graph.

Empty texts and zeros mean "not set", since Studio's form shows those better than null.
"""

from collections.abc import Iterable
from copy import copy
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, create_model

from core.scenario import MAX_TURNS, Scenario

Hints = dict[str, Any]


def _hint(*nodes: str, **hints: str) -> Hints:
    """Beside which nodes Studio shows a field, and as what."""
    return {"langgraph_nodes": list(nodes), **hints}


class Setup(BaseModel):
    """Who talks to which bot, who begins, and when it ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bot: str = Field(
        "16",
        title="Bot",
        description="The bot under test, an id from bots.yaml.",
        json_schema_extra=_hint("open", "replay", "bot"),
    )
    bot_prompt: str = Field(
        "",
        title="Bot prompt",
        description="Prompt against prompt: with this system prompt, the model plays the bot.",
        json_schema_extra=_hint("open", "bot", langgraph_type="prompt"),
    )
    seat: Literal["auto", "simulated", "scripted", "human"] = Field(
        "auto",
        title="User's seat",
        description="Who talks to the bot: a model that plays a persona (simulated), rules "
        "(scripted), or you (human: the run waits for your line). auto is simulated where a "
        "model is configured, else scripted.",
        json_schema_extra=_hint("user"),
    )
    persona: str = Field(
        "learner",
        title="Persona",
        description="Who the simulated user is, an id from personas/.",
        json_schema_extra=_hint("user"),
    )
    user_prompt: str = Field(
        "",
        title="Persona prompt",
        description="What the simulated user is asked to do, on top of the persona.",
        json_schema_extra=_hint("user", langgraph_type="prompt"),
    )
    first_speaker: Literal["user", "bot"] = Field(
        "user",
        title="First speaker",
        description="Who opens, where nothing was said yet.",
        json_schema_extra=_hint("open"),
    )
    initial_message: str = Field(
        "",
        title="Opening line",
        description="The user's first line, word for word; empty: as the persona likes.",
        json_schema_extra=_hint("user"),
    )
    max_turns: Annotated[int, Field(ge=1, le=MAX_TURNS)] = Field(
        10,
        title="Turns",
        description="How many times the bot answers before the conversation ends.",
        json_schema_extra=_hint("bot"),
    )
    min_turns: Annotated[int, Field(ge=0, le=MAX_TURNS)] = Field(
        0,
        title="Least turns",
        description="The simulated user does not leave before this many turns.",
        json_schema_extra=_hint("user"),
    )
    time_limit_s: Annotated[float, Field(ge=0, le=86400)] = Field(
        0,
        title="Time limit (s)",
        description="Seconds of speaking after which no new turn begins; 0: no limit.",
        json_schema_extra=_hint("bot"),
    )
    loop_limit: Annotated[int, Field(ge=0, le=100)] = Field(
        0,
        title="Loop limit",
        description="The same exchange this often in a row ends the conversation; 0: never.",
        json_schema_extra=_hint("bot"),
    )
    model: str = Field(
        "",
        title="Model",
        description="Plays the simulated user and prompt bots; empty: DUOLOGUE_MODEL.",
        json_schema_extra=_hint("user", "bot"),
    )

    def scenario(self) -> Scenario:
        """The product's own word for it. Raises `ValidationError`."""
        fields = self.model_dump(exclude={"bot", "seat", "model"})
        given = {name: value for name, value in fields.items() if value}
        if self.seat != "auto":
            given["user"] = self.seat
        # A number goes to the bot as a number, as it stands in bots.yaml.
        bot_id = int(self.bot) if self.bot.isdecimal() else self.bot
        return Scenario(bot_id=bot_id, **given)


def with_choices(**choices: Iterable[str]) -> type[Setup]:
    """A `Setup` whose form offers these values, say the configured bots."""
    fields: dict[str, Any] = {}
    for name, values in choices.items():
        field = copy(Setup.model_fields[name])
        hints = cast(Hints, field.json_schema_extra)
        field.json_schema_extra = hints | {"enum": sorted(values)}
        fields[name] = (str, field)
    return create_model("Setup", __base__=Setup, __doc__=Setup.__doc__, **fields)
