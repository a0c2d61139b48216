"""The guard of simulated lines: CPU a turn, on lines that learners type, late in a talk."""

import time
from itertools import cycle, islice

from nodes.speakers.guard import Situation, find_fault
from nodes.speakers.inventions import find_inventions
from nodes.speakers.personas import BUILT_IN, read_personas
from nodes.speakers.prompting import describe_secrets

LINES = (
    "dạ con nghĩ là quả táo ạ",
    "con quên mất rồi, cô nói lại được không ạ",
    "I would like some tea, please.",
    "ủa nãy cô nói là juice nghĩa là nước ép mà, sao giờ lại là nước cam vậy cô",
    "da em khong nho tu nay a",
    "hôm qua con đi với bạn Tuấn mua nước ép 20k",
)
BOT = (
    "Đúng rồi, nghe tự nhiên lắm! Mình ghép thành câu nhé, bạn nói theo mình: “I would like some "
    "tea, please.” (nghĩa là “Cho mình một ít trà nhé.”)"
)
TURNS = 600


def guard_ms(rounds: int) -> list[float]:
    """Milliseconds of CPU a turn, in the hundredth turn of a talk; no two lines are the same."""
    persona = read_personas(BUILT_IN)["shy"]
    situation = Situation(
        name=persona.name,
        languages=persona.languages,
        briefing=describe_secrets(persona),
        goal=f"{persona.goal} {persona.character}",
        bot_line=BOT,
        own_lines=list(LINES[:5]),
        longest=persona.word_limit,
    )
    talk = [f"{n} {line}" for n in range(100) for line in (BOT, LINES[n % 5])]
    given = [persona.model_dump_json(), *talk]
    lines = [f"{line} {n}" for n, line in enumerate(islice(cycle(LINES), TURNS))]
    return [_measure(lines, situation, given) for _ in range(rounds)]


def _measure(lines: list[str], situation: Situation, given: list[str]) -> float:
    began = time.process_time()
    for line in lines:
        if find_fault(line, situation):
            raise AssertionError(f"{line!r} is a clean line")
        find_inventions(line, lambda: given)
    return 1000 * (time.process_time() - began) / len(lines)
