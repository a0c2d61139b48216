"""JUnit XML for CI: a suite per bot, a case per cell, repeats as reruns."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from reports.texts import Language
from reports.trials import (
    CellKey,
    Data,
    cell_key,
    cell_passes,
    explain,
    group_by_cell,
    has_gate,
)
from reports.wording import Wording

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(document: Mapping[str, Any], language: Language = "en") -> str:
    """The document as JUnit XML; messages are in `language`, names and codes are the same in both.

    A cell of which trials failed is a failure, or, where it passes in spite of them, a case with
    flakyFailure elements. Trials that broke or were not judged are errors, apart from failures.
    """
    root = ET.Element("testsuites", name=_clean(document["suite"]["name"]))
    groups = group_by_cell(document["trials"])
    words = Wording(document, language)
    for bot in document["suite"]["bots"]:
        cells = [cell for cell in document["cells"] if cell["bot"] == bot["id"]]
        root.append(_suite(document, bot, cells, groups, words))
    _count(root, root.iter("testcase"))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(
    document: Data,
    bot: Data,
    cells: Sequence[Data],
    groups: Mapping[CellKey, Sequence[Data]],
    words: Wording,
) -> ET.Element:
    suite = ET.Element("testsuite", name=_clean(f"{bot['name']} ({bot['id']})"))
    started = document["experiment"]["started_at"] or document["experiment"]["created_at"]
    suite.set("timestamp", started.removesuffix("Z"))
    suite.append(_properties(document, bot))
    gated = has_gate(document)
    for cell in cells:
        suite.append(_case(cell, groups.get(cell_key(cell), ()), words, gated=gated))
    _count(suite, suite.iter("testcase"))
    return suite


def _properties(document: Data, bot: Data) -> ET.Element:
    figures = next(one for one in document["figures"]["bots"] if one["bot"] == bot["id"])
    rate = figures["rate"]
    given = {
        "experiment": document["experiment"]["id"],
        "version": bot["version"],
        "rate": rate["value"],
        "rate_low": rate["low"],
        "rate_high": rate["high"],
        "gate": figures["answer"],
    }
    element = ET.Element("properties")
    for name, value in given.items():
        if value is not None:
            ET.SubElement(element, "property", name=name, value=_clean(f"{value}"))
    return element


def _case(cell: Data, trials: Sequence[Data], words: Wording, *, gated: bool) -> ET.Element:
    scenario = words.name("scenario", cell["scenario"])
    persona = words.name("persona", cell["persona"])
    name = f"{scenario} [{persona}]" if persona else scenario
    case = ET.Element("testcase", classname=_clean(cell["scenario"]), name=_clean(name))
    case.set("time", f"{sum(trial['seconds'] or 0 for trial in trials):.3f}")
    failed = [trial for trial in trials if trial["outcome"] == "failed"]
    unclear = [trial for trial in trials if trial["outcome"] in ("broken", "unjudged")]
    if failed and cell_passes(cell, gated=gated):
        _add(case, "flakyFailure", failed, words)
    elif failed:
        _add(case, "failure", failed[:1], words)
        _add(case, "rerunFailure", failed[1:], words)
    if unclear and not case.findall("failure"):
        _add(case, "error", unclear[:1], words)
        unclear = unclear[1:]
    _add(case, "rerunError", unclear, words)
    if not len(case) and not cell["tally"]["passed"]:
        why = explain(trials[0], words.reason) if trials else ""
        ET.SubElement(case, "skipped", message=_clean(why))
    _describe(case, trials, words)
    return case


def _add(case: ET.Element, tag: str, trials: Iterable[Data], words: Wording) -> None:
    for trial in trials:
        why = explain(trial, words.reason)
        element = ET.SubElement(case, tag)
        element.set("message", _clean(f"{words.say('repeat', n=trial['repeat'])}: {why}"))
        broken = trial["broken"]
        element.set("type", _clean(broken["code"] if broken else trial["outcome"]))
        element.text = _clean("\n".join([why, *_list_commands(trial, words)]))


def _list_commands(trial: Data, words: Wording) -> Iterator[str]:
    if trial["conversation_id"]:
        yield f"{words.say('conversation')}: {trial['conversation_id']}"
    if trial["reproduce"]:
        yield f"{words.say('again_short')}: {trial['reproduce']}"


def _describe(case: ET.Element, trials: Sequence[Data], words: Wording) -> None:
    outcomes = [
        f"{trial['repeat']}: {words.say(trial['outcome'] or 'pending')}" for trial in trials
    ]
    if outcomes:
        text = f"{words.say('repeats')} {', '.join(outcomes)}"
        ET.SubElement(case, "system-out").text = _clean(text)


def _count(element: ET.Element, cases: Iterable[ET.Element]) -> None:
    found = list(cases)
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in found)))
    element.set("tests", str(len(found)))
    element.set("time", f"{sum(float(case.get('time', 0)) for case in found):.3f}")


def _clean(text: str) -> str:
    """XML has no way to write most control characters and lone surrogates."""
    return _FORBIDDEN.sub("\ufffd", text)
