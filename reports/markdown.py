"""Markdown for the summary of a CI job."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reports.changes import view_comparison
from reports.failures import view_failures
from reports.texts import Language
from reports.trials import Data
from reports.views import (
    link_failed,
    view_bots,
    view_conditions,
    view_errors,
    view_heat,
    view_simulators,
    view_unjudged,
    view_verdict,
)
from reports.wording import View, Wording

MOST_FAILURES = 20
MOST_CHANGES = 30
MOST_COLUMNS = 12
_SIGNS = {"good": "✅", "bad": "❌", "warn": "⚠️", "plain": ""}
_SPECIAL = re.compile(r"([\\`*_\[\]#|~$@])")


def render_experiment(document: Mapping[str, Any], language: Language = "en") -> str:
    """The document in at most some 100 kB, whatever the size of the experiment."""
    words = Wording(document, language)
    return _join(_experiment(document, words))


def render_comparison(document: Mapping[str, Any], language: Language = "en") -> str:
    words = Wording(document, language)
    sign = {"worse": "❌", "not_worse": "✅"}.get(document["answer"], "⚠️")
    title = f"## {sign} {words.say(document['answer'])}: {escape(document['suite']['name'])}"
    sentence = escape(words.sentence(document["sentence"]))
    return _join([title, sentence, *_comparisons(document, words)])


def _experiment(document: Data, words: Wording) -> Iterator[str]:
    verdict = view_verdict(document, words)
    yield f"## {_SIGNS[verdict['tone']]} {verdict['title']}: {escape(document['suite']['name'])}"
    yield escape(verdict["sentence"])
    yield _bot_table(document, words)
    if players := view_simulators(document, words):
        yield escape(players[:1].upper() + players[1:])
    conditions = view_conditions(document, words)
    if conditions:
        yield f"### {words.say('gate')}"
        yield "\n".join(_condition(condition) for condition in conditions)
    yield from _comparisons(document, words)
    yield from _heat(document, words)
    yield from _failures(document, words)
    yield from _render_unjudged(document, words)
    yield from _errors(document, words)
    notes = document["figures"]["notes"]
    if notes:
        yield f"### {words.say('notes')}"
        yield "\n".join(f"- {escape(words.sentence(note))}" for note in notes)


def _bot_table(document: Data, words: Wording) -> str:
    head = [
        words.say("bot"),
        words.say("rate"),
        words.say("interval"),
        *(words.say(name) for name in ("passed", "failed", "unjudged", "broken")),
        words.say("median"),
    ]
    rows = []
    bots = zip(view_bots(document, words), document["figures"]["bots"], strict=True)
    for bot, figures in bots:
        name = f"{bot['name']} ({bot['version']})" if bot["version"] else bot["name"]
        counts = [str(figures["tally"][n]) for n in ("passed", "failed", "unjudged", "broken")]
        rate = bot["rate"]
        interval = rate["interval"] or "–"
        rows.append([name, rate["text"], interval, *counts, bot["latency"]["p50"]])
    return table(head, rows)


def _condition(condition: View) -> str:
    name = f" {condition['name']}" if condition["name"] else ""
    what = escape(f"{condition['bot']}, {condition['kind']}{name}")
    return f"- {_SIGNS[condition['tone']]} **{what}**: {escape(condition['sentence'])}"


def _comparisons(document: Data, words: Wording) -> Iterator[str]:
    for one in document["comparisons"]:
        view = view_comparison(one, words)
        yield f"### {escape(view['title'])}: {view['answer']}"
        yield escape(view["sentence"])
        if not view["flips"]:
            yield words.say("no_flips")
            continue
        head = ["", words.say("scenario"), words.say("before"), words.say("after")]
        flips = view["flips"][:MOST_CHANGES]
        yield table(
            head,
            [[f"{f['sign']} {f['label']}", f["place"], f["base"], f["head"]] for f in flips],
        )


def _heat(document: Data, words: Wording) -> Iterator[str]:
    for view in view_heat(document, words, link_failed):
        if len(view["personas"]) > MOST_COLUMNS:
            continue
        yield f"### {words.say('heat')}: {escape(view['bot'])}"
        yield table(
            [words.say("scenario"), *view["personas"]],
            [
                [
                    row["scenario"],
                    *(f"{cell['mark']} {cell['text']}".strip() for cell in row["cells"]),
                ]
                for row in view["rows"][:100]
            ],
        )


def _failures(document: Data, words: Wording) -> Iterator[str]:
    cells, omitted = view_failures(document, words)
    if not cells:
        return
    title = f"{words.say('failures')} ({len(cells) + omitted})"
    lines = [_failure(cell) for cell in cells[:MOST_FAILURES]]
    rest = len(cells) - len(lines) + omitted
    if rest:
        lines.append(f"\n{words.say('omitted', n=rest)}")
    yield f"<details><summary>{title}</summary>\n\n" + "\n".join(lines) + "\n\n</details>"


def _failure(cell: View) -> str:
    """A cell with the reasons of its example and the command that has it again."""
    place = escape(f"{cell['place']} · {cell['bot']}")
    example = cell["example"] or {"verdicts": [], "command": None}
    reasons = "; ".join(f"{verdict['id']}: {verdict['reason']}" for verdict in example["verdicts"])
    line = f"- **{place}**, {cell['count']}: {escape(reasons[:400])}"
    return f"{line}  \n  {code(example['command'])}" if example["command"] else line


def _render_unjudged(document: Data, words: Wording) -> Iterator[str]:
    """What kept checks and judge from an answer, the most frequent cause first."""
    causes = view_unjudged(document, words)
    if causes:
        yield f"### {words.say('unjudged_section')}"
        head = [words.say("trials"), words.say("reason"), ""]
        yield table(
            head,
            [[str(one["count"]), one["reason"], one["places"]] for one in causes[:MOST_CHANGES]],
        )


def _errors(document: Data, words: Wording) -> Iterator[str]:
    errors = view_errors(document, words)
    if errors:
        yield f"### {words.say('errors')}"
        head = [words.say("trials"), words.say("cause"), words.say("error"), ""]
        yield table(
            head,
            [
                [str(one["count"]), one["cause"], f"{one['code']}: {one['message']}", one["places"]]
                for one in errors[:MOST_CHANGES]
            ],
        )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head)]
    shown = [
        "| " + " | ".join(line if line == "---" else escape(line) for line in row) + " |"
        for row in [*lines, *rows]
    ]
    return "\n".join(shown)


def escape(text: str) -> str:
    """Text that a bot wrote is no Markdown, no HTML, no mention and no second line."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", flat)


def code(text: str) -> str:
    """A code span that no back tick in the text can end."""
    flat = " ".join(text.split())
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {flat} {fence}" if longest else f"`{flat}`"


def _join(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"
