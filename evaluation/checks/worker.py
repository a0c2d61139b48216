"""The process that runs users' checks: a call a line comes in, an answer a line goes out.

Started as a script, it imports nothing of Duologue and sees the checks' folder first. What a check
prints goes to standard error, without what a terminal would obey.
"""

import importlib.util
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any


class Transcript(list):  # type: ignore[type-arg]
    """What a check is given: the messages as a list of dicts, and what is known besides.

    A message has `role` ("user" or "assistant"), `content`, `turn`, `index`, `origin`, `timestamp`
    and maybe `latency_ms`. `bot` and `user` are the texts of one side.
    """

    def __init__(self, call: dict[str, Any]) -> None:
        super().__init__(call["messages"])
        self.session: dict[str, Any] = call["session"]
        self.end_reason: str | None = call["end_reason"]
        self.turns: int = call["turns"]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self)

    @property
    def bot(self) -> list[str]:
        return [message["content"] for message in self if message["role"] == "assistant"]

    @property
    def user(self) -> list[str]:
        return [message["content"] for message in self if message["role"] == "user"]


def answer(call: dict[str, Any]) -> dict[str, Any]:
    """What the check says, as `passed` and `reason`; `error` where it failed."""
    try:
        found = load(call["file"], call["function"])(Transcript(call))
    except BaseException as error:  # noqa: BLE001 – also SystemExit: the user's code is not ours
        return {"error": f"{type(error).__name__}: {error}"[:1000]}
    passed, reason = found if isinstance(found, tuple) and len(found) == 2 else (found, "")
    if passed is not None and not isinstance(passed, bool):
        kind = type(passed).__name__
        return {"error": f"returned {kind}, not True, False, None or one of these with a reason"}
    return {"passed": passed, "reason": str(reason)[:1000]}


class Printed(io.TextIOBase):
    """Where a check prints to: control characters are spelt out, so that no screen is cleared."""

    def write(self, text: str) -> int:
        if sys.__stderr__ is not None:
            sys.__stderr__.write("".join(map(spell_out, text)))
            sys.__stderr__.flush()
        return len(text)


def spell_out(char: str) -> str:
    if char.isprintable() or char in "\n\t":
        return char
    return char.encode("unicode_escape").decode()


MODULES: dict[str, Any] = {}


def load(file: str, name: str) -> Callable[[Transcript], Any]:
    """The function of a file, which is run once."""
    if file not in MODULES:
        spec = importlib.util.spec_from_file_location(f"check_{len(MODULES)}", file)
        if spec is None or spec.loader is None or not os.path.isfile(file):  # noqa: PTH113
            raise FileNotFoundError(f"there is no file {file}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        MODULES[file] = module
    function: Callable[[Transcript], Any] = getattr(MODULES[file], name)
    return function


def calls() -> Iterator[dict[str, Any]]:
    for line in sys.stdin.buffer:
        yield json.loads(line)


def main() -> None:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # what a check prints must not look like an answer
        sys.stdout = sys.stderr = Printed()
        sys.path[0] = os.getcwd()  # noqa: PTH109
        for call in calls():
            out.write(json.dumps(answer(call)) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
