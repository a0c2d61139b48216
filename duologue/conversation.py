"""`simulate`: one conversation between a bot and a simulated user."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from duologue.callables import BotFunction, serve_function
from duologue.running import read_settings, run_in_thread

FUNCTION_ID = "function"


@dataclass(frozen=True)
class Line:
    """One line. `role` is `user` or `assistant` (the bot); turn 0 is a greeting."""

    role: str
    text: str
    turn: int
    latency_ms: int | None = None


@dataclass(frozen=True)
class Conversation:
    """A conversation that was had. `status` is `completed` unless it broke; then `error` says why.

    `messages` are the stored messages, as the HTTP API gives them.
    """

    id: str
    status: str
    end_reason: str | None
    turns: int
    messages: Sequence[Mapping[str, Any]]
    error: str | None = None

    @property
    def lines(self) -> list[Line]:
        return [
            Line(one["role"], one["content"], one["turn"], one.get("latency_ms"))
            for one in self.messages
        ]

    @property
    def bot_lines(self) -> list[str]:
        return [line.text for line in self.lines if line.role == "assistant"]

    @property
    def user_lines(self) -> list[str]:
        return [line.text for line in self.lines if line.role == "user"]

    def __str__(self) -> str:
        names = {"user": "User", "assistant": "Bot"}
        return "\n".join(f"{names[line.role]}: {line.text}" for line in self.lines)


def simulate(
    bot: int | str | BotFunction,
    scenario: Mapping[str, Any] | str | Path | None = None,
    *,
    persona: str | None = None,
    folder: str | Path = ".",
) -> Conversation:
    """Has one conversation and returns it when it has ended.

    `bot` is an id of bots.yaml, or a function that takes the user's line and the lines before it
    and returns the reply. `scenario` is a scenario file or its content; its checks are left to
    `check`. Nothing is kept: the database is temporary. Raises `core.errors.DuologueError` where
    it cannot be begun; a bot that fails gives a conversation with an `error`.
    """
    place = Path(folder)
    with TemporaryDirectory(prefix="duologue-") as kept:
        database = Path(kept) / "duologue.db"
        return run_in_thread(lambda: _simulate(bot, scenario, persona, place, database))


async def _simulate(
    bot: int | str | BotFunction,
    scenario: Mapping[str, Any] | str | Path | None,
    persona: str | None,
    folder: Path,
    database: Path,
) -> Conversation:
    from evaluation.scenarios import ScenarioFile, load_scenario
    from graph.process import open_process

    if isinstance(scenario, str | Path):
        found = load_scenario(folder / scenario)
    else:
        found = ScenarioFile.model_validate(dict(scenario or {}))
    settings = read_settings(folder, database)
    async with AsyncExitStack() as stack:
        bot_id: int | str = FUNCTION_ID
        if isinstance(bot, Callable):  # type: ignore[arg-type] # a function's type cannot be asked
            entry = await stack.enter_async_context(serve_function(bot))  # type: ignore[arg-type]
            settings = settings.model_copy(
                update={"bots": write_bots(database.parent, settings.bots, entry)}
            )
        else:
            bot_id = bot  # type: ignore[assignment]
        runs = await stack.enter_async_context(open_process(settings))
        wanted = persona or next(iter(found.personas), None)
        id = await runs.create(found.play(persona=wanted, bot_id=bot_id))
        view = await runs.start(id)
        while view.is_driven_here:
            await view.changes.watch()
        row = await runs.get(id)
        return Conversation(
            id=id,
            status=row.status.value,
            end_reason=row.end_reason,
            turns=row.turn,
            messages=[dict(one) for one in await runs.messages(id)],
            error=str(row.error["error"]) if row.error else None,
        )


def write_bots(folder: Path, bots: Path, entry: Mapping[str, object]) -> Path:
    """A bots.yaml with the function's entry beside those of the project."""
    import yaml

    from core.files import read_data

    known = read_data(bots) if bots.is_file() else {}
    listed = {**((known or {}).get("bots") or {}), FUNCTION_ID: dict(entry)}
    path = folder / "bots.yaml"
    path.write_text(yaml.safe_dump({"bots": listed}, allow_unicode=True), encoding="utf-8")
    return path
