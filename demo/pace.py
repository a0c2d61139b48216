"""How fast the demo speaks: word by word, and after a pause in which one reads; or all at once."""

import asyncio
import re
from collections.abc import Sequence

from core.message import Message
from core.scenario import Pace
from nodes.speakers.protocol import OnPiece

SECONDS_A_WORD = {"slow": 0.12, "normal": 0.05, "instant": 0.0}
READING_S = {"slow": 0.16, "normal": 0.06, "instant": 0.0}  # a word of the line before
SHORTEST_READING_S, LONGEST_READING_S = 0.6, 10.0
_WORD = re.compile(r"\S+\s*|\s+")


async def wait_for_reader(messages: Sequence[Message], pace: Pace) -> None:
    """Leaves whoever watches the time to read the last line. Without a pace nobody waits."""
    if messages and (seconds := READING_S[pace or "instant"]):
        wait = seconds * len(messages[-1]["content"].split())
        await asyncio.sleep(min(max(wait, SHORTEST_READING_S), LONGEST_READING_S))


async def speak(text: str, pace: Pace, piece: OnPiece) -> None:
    """Tells `text` word by word at that pace. Without one nothing is told: the line comes whole."""
    wait = SECONDS_A_WORD[pace or "instant"]
    if not wait:
        return
    for word in _WORD.findall(text):
        piece(word)
        await asyncio.sleep(wait)
