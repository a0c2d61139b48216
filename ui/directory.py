"""What bots, personas and speakers are called: the same name on every page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ui.texts import Words
from ui.transcript import Bubble

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Directory:
    """The names that the server told, in the words of one language."""

    words: Words
    bots: Mapping[str, str] = field(default_factory=dict)
    personas: Mapping[str, str] = field(default_factory=dict)
    default_persona: str = ""

    def bot_name(self, id: object) -> str:
        unnamed = f"{self.words('bot_name')} {id}" if str(id).isdecimal() else str(id)
        return self._translate(self.bots.get(str(id), unnamed))

    def assistant_name(self, facts: Facts) -> str:
        """Who answers in a conversation, of which the list or the page knows `facts`."""
        if facts.get("by_prompt") or facts.get("bot_prompt"):
            return self.words("bot_by_prompt")
        return self.bot_name(facts.get("bot_id", ""))

    def user_name(self, seat: object, persona: object) -> str:
        """Who has the user's seat."""
        if seat in ("simulated", "scripted"):
            known = self.personas.get(str(persona or self.default_persona))
            return self._translate(known or str(persona or self.words(f"nobody_{seat}")))
        own = "you" if seat == "human" else f"nobody_{seat}"
        return self.words.get(own, self.words("user"))

    def speaker_name(self, line: Bubble, facts: Facts, seat: object) -> str:
        """Who says a line: a seat may have changed hands, and a copy may have another bot."""
        if line.role == "user":
            spoken = line.origin if line.origin != "given" else ""
            return self.user_name(spoken or seat, facts.get("persona"))
        other = line.name in self.bots.values() and facts.get("parent_id")
        name = self._translate(line.name) if other else self.assistant_name(facts)
        return name or self.words("bot_name")

    def _translate(self, name: str) -> str:
        return self.words.get(f"named_{name}", name)
