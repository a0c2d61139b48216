"""The line that is being said: what is sure of its text, and how often it was begun anew."""

from core.message import Role
from core.text import clean, cut


class GrowingLine:
    """The text grows by whole characters; what may still change by what follows is held back."""

    __slots__ = ("_earlier_takes", "held_back", "role", "take", "text")

    def __init__(self) -> None:
        self.role: Role = "user"
        self.text = ""
        self.held_back = ""
        self.take = 0
        self._earlier_takes: dict[int, int] = {}

    def add(self, role: Role, piece: str) -> bool:
        """Tells whether the text has grown."""
        self.role = role
        whole = self.held_back + clean(piece)
        at = cut(whole)
        self.held_back = whole[at:]
        self.text += whole[:at]
        return at > 0

    @property
    def is_begun(self) -> bool:
        return bool(self.text or self.held_back)

    def begin_anew(self) -> None:
        """What was said of it is void."""
        self.take += 1
        self.text = self.held_back = ""

    def finish(self, index: int) -> None:
        """It is stored as message `index`; the next one has not begun."""
        if self.take:
            self._earlier_takes[index] = self.take
        self.clear()

    def clear(self) -> None:
        """Nothing is being said."""
        self.text, self.held_back, self.take = "", "", 0

    def take_of(self, index: int) -> int:
        """How often the text of a stored message was begun anew."""
        return self._earlier_takes.get(index, 0)

    def forget_takes(self, before: int) -> None:
        """Nobody reads reports on messages before that one any more."""
        takes = self._earlier_takes.items()
        self._earlier_takes = {index: take for index, take in takes if index >= before}
