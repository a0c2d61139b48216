"""What a conversation was started with and what was found of it, as HTML."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from reports.failures import mark_quotes
from reports.reasons import translate_reason
from reports.trials import current_verdicts
from ui.directory import Directory
from ui.texts import Words

Facts = Mapping[str, Any]
Quotes = Mapping[int, Sequence[tuple[str, str]]]
"""By message: each quote with the status of its verdict."""
LIMITS = "max_turns min_turns soft_turns token_limit time_limit_s loop_limit".split()
_GRAVITY = {"fail": 0, "error": 1, "inconclusive": 2, "pass": 3}


def find_quotes(trial: Facts) -> Quotes:
    """What the verdicts point at."""
    found: dict[int, list[tuple[str, str]]] = {}
    for verdict in _ranked(trial):
        for evidence in verdict["evidence"]:
            place = found.setdefault(int(evidence["message"]), [])
            place.append((str(evidence["quote"]), str(verdict["status"])))
    return found


def _ranked(trial: Facts) -> list[Facts]:
    """The verdicts with people's labels applied, the worst first."""
    verdicts = current_verdicts(trial) if trial else []
    return sorted(verdicts, key=lambda one: (_GRAVITY.get(one["status"], 1), not one["must"]))


def render_text(text: str, quotes: Sequence[tuple[str, str]]) -> str:
    """What was said, escaped, with the quotes marked in the colour of the worst of them."""
    if not quotes:
        return escape(text)
    worst = min((status for _, status in quotes), key=lambda one: _GRAVITY.get(one, 1))
    parts = mark_quotes(text, [quote for quote, status in quotes if status == worst])
    return "".join(
        f'<mark class="{escape(worst)}">{escape(part)}</mark>' if quoted else escape(part)
        for part, quoted in parts
    )


def render_outcome(trial: Facts, words: Words) -> str:
    outcome = str(trial.get("outcome") or "")
    if not outcome:
        return ""
    label = escape(words.get(f"outcome_{outcome}", outcome))
    return f'<span class="chip outcome {escape(outcome)}">{label}</span>'


# --- verdicts -----------------------------------------------------------------------------------


def render_verdicts(setup: Facts, trial: Facts, words: Words) -> str:
    """What checks and judge found, the worst first; empty where the conversation is no trial."""
    if not setup.get("experiment"):
        return ""
    ranked = _ranked(trial)
    open_ones = [one for one in ranked if one["status"] != "pass"]
    kept = [one for one in ranked if one["status"] == "pass"]
    body = "".join(_render_verdict(one, words) for one in open_ones)
    if kept:
        drawn = "".join(_render_verdict(one, words) for one in kept)
        summary = f"<summary>{words('verdict_kept', n=len(kept))}</summary>"
        body += f"<details{'' if open_ones else ' open'}>{summary}{drawn}</details>"
    body = body or _render_none(trial, words)
    return (
        f'<section class="verdicts"><h2>{words("verdicts")} {render_outcome(trial, words)}</h2>'
        f"{body}</section>"
    )


def _render_none(trial: Facts, words: Words) -> str:
    """Why there are no verdicts."""
    broken = trial.get("broken") or {}
    said = ": ".join(str(broken[name]) for name in ("code", "message") if broken.get(name))
    text = said or str(trial.get("skipped") or "") or words("judged_later")
    return f'<p class="quiet">{escape(text)}</p>'


def _render_verdict(verdict: Facts, words: Words) -> str:
    status = str(verdict["status"])
    reason = str(verdict["reason"])
    if words.language == "vi" and verdict["kind"] == "check":
        reason = translate_reason(reason)
    optional = "" if verdict["must"] else f" ({words('verdict_optional')})"
    people = str(verdict.get("labelled_by") or "")
    label = words.get(f"verdict_{status}", status)
    told = f"{optional}{f' · {people}' if people else ''}"
    return (
        f'<div class="verdict-row"><p><span class="chip verdict {escape(status)}">{escape(label)}'
        f"</span> <b>{escape(str(verdict['id']))}</b>"
        f'<span class="quiet">{escape(told)}</span></p>'
        f"{f'<p>{escape(reason)}</p>' if reason else ''}"
        f"{_render_evidence(verdict['evidence'], words)}</div>"
    )


def _render_evidence(evidence: Iterable[Facts], words: Words) -> str:
    """One button a quote, which leads to its message."""
    drawn = "".join(
        f'<li><button type="button" data-act="goto" data-index="{int(one["message"])}" '
        f'title="{escape(words("to_message", n=int(one["message"]) + 1))}">'
        f"“{escape(_shorten(str(one['quote'])))}”</button></li>"
        for one in list(evidence)[:6]
    )
    return f'<ul class="quotes">{drawn}</ul>' if drawn else ""


def _shorten(text: str, most: int = 90) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


# --- the set-up ---------------------------------------------------------------------------------


def render_setup(setup: Facts, detail: Facts, directory: Directory) -> str:
    """The card that says what the conversation was started with, and starts another one like it."""
    if not setup.get("scenario"):
        return ""
    words = directory.words
    rows = "".join(
        f"<dt>{escape(words(f'setup_{name}'))}</dt><dd>{html}</dd>"
        for name, html in _list_facts(setup, detail, directory)
        if html
    )
    again = (
        f'<div class="tools"><button type="button" data-act="again" '
        f'title="{escape(words("run_again_hint"))}">{escape(words("run_again"))}</button></div>'
    )
    return (
        f'<section class="setup"><h2>{words("setup")}</h2><dl>{rows}</dl>'
        f"{'' if detail.get('parent_id') else again}</section>"
    )


def _list_facts(setup: Facts, detail: Facts, directory: Directory) -> Iterable[tuple[str, str]]:
    """Names and HTML; empty where there is nothing to say."""
    scenario, bot, words = setup["scenario"], setup.get("bot") or {}, directory.words
    seat = scenario.get("user") or detail.get("seat")
    yield "experiment", _render_place(setup.get("experiment"), words)
    yield "bot", _render_bot(bot, detail, directory)
    yield "address", f"<code>{escape(str(bot['address']))}</code>" if bot.get("address") else ""
    yield "version", escape(str(bot.get("version") or ""))
    yield "persona", escape(directory.user_name(seat, scenario.get("persona")))
    yield "model", escape(str(setup.get("user_model") or ""))
    for name in ("user_prompt", "bot_prompt", "initial_message"):
        yield name, _render_long(str(scenario.get(name) or ""))
    for name in ("history", "lines"):
        count = len(scenario.get(name) or ())
        yield name, escape(words("n_lines", n=count)) if count else ""
    for name, prefix in (("first_speaker", "opens"), ("pace", "pace"), ("seed", "")):
        value = str(scenario[name]) if scenario.get(name) is not None else ""
        yield name, escape(words.get(f"{prefix}_{value}", value))
    yield "limits", _render_limits(scenario, words)


def _render_place(experiment: Facts | None, words: Words) -> str:
    if not experiment:
        return ""
    name = escape(str(experiment.get("name") or experiment["suite"]))
    where = f"?experiment={escape(str(experiment['id']))}"
    repeat = escape(words("trial_repeat", n=experiment["repeat"]))
    return f'<a href="{where}" data-go>{name}</a>, {repeat}'


def _render_bot(bot: Facts, detail: Facts, directory: Directory) -> str:
    words, kind = directory.words, str(bot.get("kind") or "")
    shown = escape(directory.assistant_name(detail))
    return f"{shown} · {escape(words.get(f'kind_{kind}', kind))}" if kind else shown


def _render_long(text: str) -> str:
    if len(text) <= 90:
        return escape(text)
    return f"<details><summary>{escape(_shorten(text, 60))}</summary>{escape(text)}</details>"


def _render_limits(scenario: Facts, words: Words) -> str:
    given = [(name, scenario[name]) for name in LIMITS if scenario.get(name)]
    return escape(
        ", ".join(words(f"limit_{name}", n=_write(value, words)) for name, value in given)
    )


def _write(value: float, words: Words) -> str:
    return words.format_number(int(value)) if value == int(value) else str(value)
