"""What the page shows, prepared: positions in percent, words, and what is left out."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from reports.trials import Data, cell_key, deciding_verdicts, explain
from reports.wording import TONES, View, Wording, write_counts

CellLink = Callable[[Data], str | None]
"""Where a cell of the heat map leads."""

# --- the verdict --------------------------------------------------------------------------------


def view_verdict(document: Data, words: Wording) -> View:
    figures, experiment = document["figures"], document["experiment"]
    key, tone = _verdict_key(figures, experiment)
    return {
        "title": words.say(key),
        "tone": tone,
        "sentence": words.sentence(figures["sentence"]),
        "exit_code": experiment["exit_code"],
        "reason": experiment["reason"],
    }


def _verdict_key(figures: Data, experiment: Data) -> tuple[str, str]:
    if not figures["valid"]:
        return "invalid", "bad"
    if experiment["status"] != "completed":
        return "unfinished", "warn"
    if figures["gate"]:
        answer = figures["gate"]["answer"]
        return answer, TONES[answer]
    tally = figures["tally"]
    if tally["failed"]:
        return "some_failed", "bad"
    unclear = tally["unjudged"] or tally["passed"] == 0
    return ("unjudged_title", "warn") if unclear else ("all_passed", "good")


def view_bots(document: Data, words: Wording) -> list[View]:
    return [_view_bot(figures, document, words) for figures in document["figures"]["bots"]]


def _view_bot(figures: Data, document: Data, words: Wording) -> View:
    versions = {bot["id"]: bot["version"] for bot in document["suite"]["bots"]}
    tally = figures["tally"]
    counts = [
        {"name": name, "count": tally[name], "label": words.say(name), "share": _share(tally, name)}
        for name in ("passed", "failed", "unjudged", "broken", "skipped", "pending")
        if tally[name]
    ]
    answer = figures["answer"]
    return {
        "id": figures["bot"],
        "name": words.name("bot", figures["bot"]),
        "version": versions.get(figures["bot"]),
        "rate": _view_total(figures, words),
        "counts": counts,
        "answer": words.say(answer) if answer else None,
        "tone": TONES.get(answer or "", "plain"),
        "sentence": words.sentence(figures["sentence"]),
        "powers": _view_powers(figures["pass_power"], words),
        "latency": {
            name: words.milliseconds(figures["latency"][name]) for name in ("p50", "p95", "max")
        },
        "replies": figures["latency"]["replies"],
        "seconds": words.seconds(figures["seconds_a_trial"]),
    }


def _share(tally: Data, name: str) -> float:
    return float(round(100 * tally[name] / sum(tally.values()), 3))


def _view_powers(powers: Sequence[Data], words: Wording) -> list[str]:
    """pass^k for the largest k alone: the one that people ask about."""
    return [
        words.say("pass_power", k=power["k"], share=words.percent(power["value"]))
        for power in powers[-1:]
        if power["k"] > 1
    ]


def view_rate(rate: Data, words: Wording) -> View:
    """A rate as text and, where it has an interval, as places in percent."""
    value, low, high = rate["value"], rate["low"], rate["high"]
    counts = words.say("of", k=rate["passed"], n=rate["judged"])
    if low is None:  # nothing was judged, or trials stopped early: no rate without an interval
        text = counts if rate["judged"] else "–"
        return {"text": text, "counts": "", "at": None, "interval": None}
    view = {"text": words.percent(value), "counts": counts, "at": round(100 * value, 2)}
    text = f"{words.percent(low)} – {words.percent(high)}"
    width = round(100 * (high - low), 2)
    return {**view, "interval": text, "from": round(100 * low, 2), "width": width}


def _view_total(figures: Data, words: Wording) -> View:
    """A bot's rate; where the sequential test ruled, the cells that it accepted."""
    decisions = figures["decisions"]
    if not decisions:
        return view_rate(figures["rate"], words)
    text = words.say("of", k=decisions["accepted"], n=sum(decisions.values()))
    counts = words.say("cells_accepted")
    return {"text": text, "counts": counts, "at": None, "interval": None}


def view_conditions(document: Data, words: Wording) -> list[View]:
    gate = document["figures"]["gate"]
    return [
        {
            "kind": words.say(condition["kind"]),
            "name": condition["name"],
            "bot": words.name("bot", condition["bot"]),
            "answer": words.say(f"short_{condition['answer']}"),
            "tone": TONES[condition["answer"]],
            "sentence": words.sentence(condition["sentence"]),
        }
        for condition in (gate["conditions"] if gate else ())
    ]


# --- the heat map -------------------------------------------------------------------------------


def view_heat(document: Data, words: Wording, link: CellLink) -> list[View]:
    """A map per bot, scenarios down and personas across, in the order of the suite."""
    cells = {cell_key(cell): cell for cell in document["cells"]}
    personas = _list_used(document, "persona")
    return [
        {
            "bot": words.name("bot", bot["id"]),
            "version": bot["version"],
            "personas": [words.name("persona", persona) or "–" for persona in personas],
            "rows": [
                {
                    "scenario": words.name("scenario", scenario),
                    "cells": [
                        _view_cell(cells.get((scenario, persona, bot["id"])), words, link)
                        for persona in personas
                    ],
                }
                for scenario in _list_used(document, "scenario")
            ],
        }
        for bot in document["suite"]["bots"]
    ]


def _list_used(document: Data, kind: str) -> list[str]:
    """The ids that cells have, in the suite's order, then what the suite does not name."""
    found = dict.fromkeys(cell[kind] for cell in document["cells"])
    named = [one["id"] for one in document["suite"][f"{kind}s"] if one["id"] in found]
    return [*named, *(id for id in found if id not in named)]


_BLANK: View = {"text": "", "mark": "", "title": "", "href": None, "decision": None}


def _view_cell(cell: Data | None, words: Wording, link: CellLink) -> View:
    if cell is None:
        return {**_BLANK, "step": "none", "title": words.say("not_run")}
    rate, tally = cell["rate"], cell["tally"]
    title = [words.percent(rate["value"])] if rate["judged"] else []
    title += [
        f"{tally[name]} {words.say(name)}"
        for name in ("passed", "failed", "unjudged", "broken", "skipped", "pending")
        if tally[name]
    ]
    view = {**_BLANK, "text": write_counts(rate), "title": ", ".join(title), "href": link(cell)}
    if cell["decision"]:
        step, mark = _DECIDED[cell["decision"]]
        label = "undecided_cell" if cell["decision"] == "undecided" else cell["decision"]
        return {**view, "step": step, "mark": mark, "decision": words.say(label)}
    if not rate["judged"]:
        text = words.say("broken") if tally["broken"] else words.say("not_judged")
        return {**view, "text": text, "step": "unknown", "mark": "?"}
    return {**view, "step": _step(rate["value"]), "mark": _mark(cell)}


_DECIDED = {"accepted": (4, "✓"), "rejected": (0, "✗"), "undecided": (2, "?"), "open": (2, "…")}


def _step(value: float) -> int:
    """0 for none, 4 for all, and three steps between."""
    if value in (0, 1):
        return 4 * int(value)
    return 1 if value < 0.5 else 2 if value < 0.8 else 3


def _mark(cell: Data) -> str:
    if cell["flaky"]:
        return "≈"
    return "✓" if cell["rate"]["value"] == 1 else "✗"


def link_failed(cell: Data) -> str | None:
    """In a file of its own a cell leads to what failed in it."""
    return f"#{anchor(cell)}" if cell["tally"]["failed"] else None


def anchor(data: Data) -> str:
    """The id of a cell's part of the page."""
    text = "-".join(cell_key(data))
    return "cell-" + "".join(char if char.isalnum() else f"_{ord(char):x}" for char in text)


# --- intervals ----------------------------------------------------------------------------------


def view_intervals(document: Data, words: Wording) -> View:
    """A row for each bot, then one for each requirement with a bar per bot."""
    rule = document["suite"]["gate"]
    required = rule["pass_rate"] if rule else None
    floor = None if required is None else max(0, required - rule["tolerance"])
    bots = document["figures"]["bots"]
    texts = {
        question["id"]: question
        for scenario in document["suite"]["scenarios"]
        for question in scenario["questions"]
    }
    ids = dict.fromkeys(question["id"] for bot in bots for question in bot["questions"])
    questions = [_view_question(id, texts.get(id), bots, words) for id in ids]
    questions.sort(key=lambda question: question["worst"])
    return {
        "required": None if required is None else round(100 * required, 2),
        "floor": None if floor is None else round(100 * floor, 2),
        "asked": None
        if required is None
        else words.say("asked", required=words.percent(required), floor=words.percent(floor)),
        "rows": [
            {"rate": _view_total(bot, words), "label": words.name("bot", bot["bot"])}
            for bot in bots
        ],
        "questions": [question for question in questions if question["worst"] < 1],
        "kept": [question for question in questions if question["worst"] == 1],
    }


def _view_question(id: str, info: Data | None, bots: Sequence[Data], words: Wording) -> View:
    """`worst` is the lowest rate of a bot, 0 where nothing was judged, 1 where nothing is amiss."""
    found = [
        (bot, question) for bot in bots for question in bot["questions"] if question["id"] == id
    ]
    bars = [
        {"rate": view_rate(question["rate"], words), "label": words.name("bot", bot["bot"])}
        for bot, question in found
    ]
    return {
        "id": id,
        "text": info["text"] if info else "",
        "optional": bool(info and not info["must"]),
        "bars": bars,
        "worst": min(_worst_of(question) for _, question in found),
    }


def _worst_of(question: Data) -> float:
    """Of one bot; a verdict that could not be given counts for a little less than a pass."""
    rate = question["rate"]["value"]
    unclear = question["inconclusive"] + question["error"]
    return 0.0 if rate is None else float(rate - 1e-6 * (unclear > 0))


# --- errors, cost -------------------------------------------------------------------------------


def view_errors(document: Data, words: Wording) -> list[View]:
    """Broken trials by what broke them, the most frequent first."""
    groups: Counter[tuple[str, str, str]] = Counter()
    places: dict[tuple[str, str, str], list[str]] = {}
    for trial in document["trials"]:
        if trial["broken"]:
            broken = trial["broken"]
            key = (broken["cause"], broken["code"], broken["message"])
            groups[key] += 1
            place = f"{words.place(trial)} · {words.name('bot', trial['bot'])}"
            places.setdefault(key, []).append(place)
    return [
        {
            "cause": words.say(f"{key[0]}_cause"),
            "code": key[1],
            "message": key[2],
            "count": count,
            "places": _first(places[key], 3),
        }
        for key, count in groups.most_common()
    ]


def view_unjudged(document: Data, words: Wording) -> list[View]:
    groups: dict[str, list[str]] = {}
    for trial in document["trials"]:
        if trial["outcome"] == "unjudged":
            reason = explain(trial, words.reason) or "–"
            place = f"{words.place(trial)} · {words.name('bot', trial['bot'])}"
            groups.setdefault(reason, []).append(place)
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [
        {"reason": reason, "count": len(places), "places": _first(places, 3)}
        for reason, places in ranked[:30]
    ]


def _first(items: Sequence[str], most: int) -> str:
    found = list(dict.fromkeys(items))
    rest = f" +{len(found) - most}" if len(found) > most else ""
    return "; ".join(found[:most]) + rest


def view_cost(document: Data, words: Wording) -> View:
    cost = document["figures"]["cost"]
    return {
        "usd": words.number(cost["usd"], 2) if cost["usd"] is not None else None,
        "usd_a_trial": words.number(cost["usd_a_trial"], 4) if cost["usd_a_trial"] else None,
        "parties": [
            {
                "name": words.say(party),
                "input": words.number(spent["input_tokens"]),
                "output": words.number(spent["output_tokens"]),
                "usd": words.say("unknown_price")
                if spent["cost_usd"] is None
                else words.number(spent["cost_usd"], 2),
            }
            for party, spent in cost["by_party"].items()
        ],
    }


def view_trials(trials: Iterable[Data], words: Wording) -> list[View]:
    return [
        {
            "bot": words.name("bot", trial["bot"]),
            "place": words.place(trial),
            "repeat": trial["repeat"],
            "outcome": trial["outcome"] or "pending",
            "label": words.say(trial["outcome"] or "pending"),
            "turns": trial["turns"],
            "seconds": words.seconds(trial["seconds"]),
            "failed": ", ".join(verdict["id"] for verdict in deciding_verdicts(trial)),
        }
        for trial in trials
    ]


def view_simulators(document: Mapping[str, Any], words: Wording) -> str | None:
    """Who played the user, each player with its personas; None where that was not recorded."""
    players: dict[str, list[str]] = {}
    for one in document["suite"].get("simulators") or ():
        personas = players.setdefault(one["model"] or words.say("script"), [])
        personas.append(words.name("persona", one["persona"]))
    if not players:
        return None
    told = (f"{player} ({', '.join(personas)})" for player, personas in players.items())
    return words.say("played_by", players="; ".join(told))


def view_header(document: Mapping[str, Any], words: Wording) -> View:
    judge = document["suite"]["judge"]
    failed = bool(judge and judge["canary"] == "failed")
    return {
        "suite": document["suite"]["name"],
        "judge": words.say("judged_by", models=", ".join(judge["models"])) if judge else None,
        "simulators": view_simulators(document, words),
        "canary_failed": words.say("canary_failed") if failed else None,
    }
