"""The prompts, one Markdown file each, so that they can be read and changed as prose."""

from functools import cache
from pathlib import Path


@cache
def prompt(name: str) -> str:
    """The text of `<name>.md` beside this file."""
    return (Path(__file__).parent / f"{name}.md").read_text(encoding="utf-8").strip()


OPEN_AS_BOT = "(The other person has just arrived. Speak first.)"
