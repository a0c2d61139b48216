"""How fast the demo speaks: word by word, as one reads, or all at once."""

import asyncio
import re

from core.scenario import Pace
from nodes.speakers.protocol import OnPiece

SECONDS_A_WORD = {"slow": 0.12, "normal": 0.03, "instant": 0.0}
_WORD = re.compile(r"\S+\s*|\s+")


async def speak(text: str, pace: Pace, piece: OnPiece) -> None:
    """Tells `text` word by word at that pace. Without one nothing is told: the line comes whole."""
    wait = SECONDS_A_WORD[pace or "instant"]
    if not wait:
        return
    for word in _WORD.findall(text):
        piece(word)
        await asyncio.sleep(wait)
