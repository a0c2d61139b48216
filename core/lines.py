"""The lines that a scenario lays down for the user, and how far a conversation is in them.

The position is kept with each line of the user, so that it goes along where a transcript goes: into
a fork, back to a checkpoint. It counts lines said and lines simulated alike.
"""

from collections.abc import Sequence
from math import inf

from core.message import Message
from core.scenario import PlannedLine, Scenario, SimulateLines

SIMULATE_REST: SimulateLines = {"simulate": "rest"}


def has_lines(scenario: Scenario) -> bool:
    return bool(scenario.lines) or scenario.initial_message is not None


def find_position(messages: Sequence[Message]) -> int:
    """How many of the scenario's lines are used up after these messages."""
    for message in reversed(messages):
        if "line_position" in message:
            return message["line_position"]
    # Before positions were kept, the lines were texts and nothing else was scripted among them.
    return sum(
        message["role"] == "user" and message["origin"] == "scripted" for message in messages
    )


def find_planned_text(scenario: Scenario, position: int) -> str | None:
    """The text that is to be said next; None where the simulated user speaks."""
    line = _find_planned_line(scenario, position)
    if isinstance(line, str):
        return line
    return line["say"] if line is not None and "say" in line else None


def begins_with_persona(scenario: Scenario) -> bool:
    """Whether the first line is the persona's own, so that its opening may be said."""
    if scenario.initial_message is not None:
        return False
    first = scenario.lines[0] if scenario.lines else SIMULATE_REST
    return not isinstance(first, str) and "simulate" in first


def are_lines_done(scenario: Scenario, messages: Sequence[Message]) -> bool:
    """Whether nothing is left to say; a list of texts alone goes on with simulated lines."""
    if all(isinstance(line, str) for line in scenario.lines):
        return False
    return _find_planned_line(scenario, find_position(messages)) is None


def _find_planned_line(scenario: Scenario, position: int) -> PlannedLine | None:
    if scenario.initial_message is not None:
        if position == 0:
            return scenario.initial_message
        position -= 1
    for line in scenario.lines:
        count = _count(line)
        if position < count:
            return line
        position -= int(count)
    return None


def _count(line: PlannedLine) -> float:
    """How many lines of the user it stands for."""
    if isinstance(line, str) or "say" in line:
        return 1
    return inf if line["simulate"] == "rest" else line["simulate"]


def find_answered_lines(messages: Sequence[Message]) -> list[int]:
    """Where the lines stand that the bot answered; -1 is what made it speak first."""
    return [
        at - 1
        for at, line in enumerate(messages)
        if line["origin"] == "bot" and (at == 0 or messages[at - 1]["role"] == "user")
    ]
