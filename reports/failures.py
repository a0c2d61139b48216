"""The failing cells: one example each, with the failing turn and the quote marked."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from reports.trials import Data, cell_key, current_verdicts, deciding_verdicts, group_by_cell
from reports.views import anchor
from reports.wording import View, Wording

MOST_CELLS = 60
MOST_OTHERS = 8
ROOM = 420_000  # characters of transcripts; the page stays below 1 MB
LONGEST = 700  # characters of a message in an excerpt


def view_failures(document: Data, words: Wording) -> tuple[list[View], int]:
    """The worst cells, and how many more failed than are shown."""
    trials = group_by_cell(document["trials"])
    failing = [cell for cell in document["cells"] if cell["tally"]["failed"]]
    failing.sort(key=lambda cell: (cell["rate"]["value"], -cell["tally"]["failed"]))
    room = ROOM
    views: list[View] = []
    for cell in failing[:MOST_CELLS]:
        view = _view_cell(cell, trials.get(cell_key(cell), []), words, room)
        room -= view.pop("size")
        views.append(view)
    return views, len(failing) - len(views)


def _view_cell(cell: Data, trials: Sequence[Data], words: Wording, room: int) -> View:
    failed = [trial for trial in trials if trial["outcome"] == "failed"]
    example = max(failed, key=_usefulness, default=None)
    others = [trial for trial in failed if trial is not example]
    tally = cell["tally"]
    shown = _view_example(example, words, room) if example else None
    return {
        "anchor": anchor(cell),
        "place": words.place(cell),
        "bot": words.name("bot", cell["bot"]),
        "count": words.say("failed_of", k=tally["failed"], n=tally["failed"] + tally["passed"]),
        "flaky": cell["flaky"],
        "example": shown,
        "others": [_view_other(trial, words) for trial in others[:MOST_OTHERS]],
        "parting": _view_parting(cell["parting"], words),
        "size": shown["size"] if shown else 0,
    }


def _usefulness(trial: Data) -> tuple[bool, bool]:
    quoted = any(verdict["evidence"] for verdict in deciding_verdicts(trial))
    return bool(trial["lines"]), quoted


def _view_other(trial: Data, words: Wording) -> View:
    reasons = "; ".join(
        f"{verdict['id']}: {words.reason(verdict)}" for verdict in deciding_verdicts(trial)
    )
    return {
        "repeat": words.say("repeat", n=trial["repeat"]),
        "reasons": _shorten(reasons, 300),
        "command": trial["reproduce"],
    }


def _view_example(trial: Data, words: Wording, room: int) -> View:
    lines = trial["lines"] or []
    deciding = deciding_verdicts(trial)
    quotes = _quotes(deciding)
    excerpt = _excerpt(lines, quotes)
    size = sum(len(line["text"]) + 80 for line in lines)
    whole = len(excerpt) < len(lines) and size < room
    return {
        "repeat": words.say("repeat", n=trial["repeat"]),
        "verdicts": [_view_verdict(verdict, words) for verdict in deciding],
        "excerpt": _view_lines([lines[place] for place in excerpt], quotes, words, LONGEST),
        "whole": _view_lines(lines, quotes, words, 4000) if whole else [],
        "command": trial["reproduce"],
        "conversation": trial["conversation_id"],
        "passed": sum(verdict["status"] == "pass" for verdict in current_verdicts(trial)),
        "size": size if whole else 0,
    }


def _view_verdict(verdict: Data, words: Wording) -> View:
    votes = verdict["votes"]
    split = "" if len(votes) < 2 else "/".join(vote["status"] for vote in votes)
    return {
        "id": verdict["id"],
        "kind": words.say(verdict["kind"]),
        "reason": _shorten(words.reason(verdict), 600),
        "votes": split,
        "labelled": verdict.get("labelled_by"),
    }


def _quotes(verdicts: Sequence[Data]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for verdict in verdicts:
        for evidence in verdict["evidence"]:
            found.setdefault(evidence["message"], []).append(evidence["quote"])
    return found


def _excerpt(lines: Sequence[Data], quotes: Mapping[int, Any]) -> list[int]:
    """Places of the lines to show: what is quoted with its neighbours, or the end."""
    marked = [place for place, line in enumerate(lines) if line["index"] in quotes]
    if not marked:
        return list(range(max(0, len(lines) - 4), len(lines)))
    around = {near for place in marked[:3] for near in (place - 1, place, place + 1)}
    return sorted(place for place in around if 0 <= place < len(lines))


def _view_lines(
    lines: Sequence[Data], quotes: Mapping[int, Sequence[str]], words: Wording, longest: int
) -> list[View]:
    """Lines as segments; a gap before a line says how many were left out."""
    views: list[View] = []
    before: int | None = None
    for line in lines:
        gap = 0 if before is None else line["index"] - before - 1
        before = line["index"]
        own = quotes.get(line["index"], ())
        turn = words.say("turn", n=line["turn"]) if line["turn"] else words.say("greeting")
        views.append(
            {
                "role": line["role"],
                "who": words.say(line["role"]),
                "turn": turn,
                "marked": line["index"] in quotes,
                "gap": words.say("lines_omitted", n=gap) if gap else None,
                "parts": mark_quotes(_shorten(line["text"], longest, own), own),
            }
        )
    return views


def _view_parting(parting: Data | None, words: Wording) -> View | None:
    if not parting:
        return None
    who = words.say(f"who_{parting['role']}")
    return {
        "lead": words.say("parting", n=parting["turn"], who=who),
        "variants": [
            {
                "text": words.say("had_ended")
                if variant["text"] is None
                else _shorten(variant["text"], 240),
                "repeats": ", ".join(map(str, variant["repeats"][:12])),
                "passed": variant["passed"],
                "failed": variant["failed"],
            }
            for variant in parting["variants"][:6]
        ],
    }


def mark_quotes(text: str, quotes: Sequence[str]) -> list[tuple[str, bool]]:
    """The text in parts, each with whether it is quoted. White space and case may differ."""
    normal = unicodedata.normalize("NFC", text)
    spans: list[tuple[int, int]] = []
    for quote in quotes:
        words = unicodedata.normalize("NFC", quote).split()
        found = re.search(r"\s+".join(map(re.escape, words)), normal, re.IGNORECASE)
        if words and found:
            spans.append(found.span())
    parts: list[tuple[str, bool]] = []
    place = 0
    for start, end in sorted(spans):
        if start >= place:
            parts += [(normal[place:start], False), (normal[start:end], True)]
            place = end
    return [part for part in [*parts, (normal[place:], False)] if part[0]]


def _shorten(text: str, longest: int, quotes: Sequence[str] = ()) -> str:
    """At most so many characters, from the quote's surroundings where there is one."""
    if len(text) <= longest:
        return text
    start = 0
    for quote in quotes:
        place = text.find(quote[:20])
        if place > longest // 2:
            start = place - longest // 3
            break
    part = text[start : start + longest]
    return ("… " if start else "") + part + (" …" if start + longest < len(text) else "")
