"""The scripted user: rules instead of a model."""

from demo.learner import play_script, say_goodbye
from demo.pace import speak, wait_for_reader
from nodes.speakers.personas import Persona
from nodes.speakers.protocol import OnPiece, TurnRequest, UserLine
from nodes.speakers.script import Script


class ScriptedUser:
    """A person made of rules. Its lines come whole, unless the scenario sets a pace."""

    def __init__(self, persona: Persona) -> None:
        self.name = persona.name
        self._persona = persona
        self._script = persona.script or Script()

    async def say(self, ask: TurnRequest, piece: OnPiece) -> UserLine:
        await wait_for_reader(ask.messages, ask.scenario.pace)
        # Without a seed, what is said alone decides.
        typing, seed = self._persona.typing, ask.combine_seeds(self._persona.seed)
        line = play_script(ask.messages, self._script, seed, typing)
        soft = ask.scenario.soft_turns
        if soft is not None and ask.turn >= soft and not line.leaves:
            line = say_goodbye(ask.messages, self._script, seed, typing)
        leaving = line.leaves and ask.turn >= ask.scenario.min_turns
        await speak(line.text, ask.scenario.pace, piece)
        return UserLine(line.text, "scripted", leaving, behaviour=line.behaviour)
