"""Suites and experiments as HTML: the list, one of them, the trials of a cell, two compared."""

import asyncio
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from reports.page import render_comparison_part, render_experiment_part
from reports.reasons import translate_reason
from reports.trials import deciding_verdicts
from reports.views import view_bots, view_verdict
from reports.wording import Wording
from ui.api_client import Api
from ui.render import render_chip
from ui.texts import Words

Facts = Mapping[str, Any]
MOST, PAGE = 20, 500  # experiments of the list, trials of one answer
FORMATS = ("html", "markdown", "junit", "csv")
RESTING = ("created", "paused", "stopped", "interrupted")
BETWEEN = "~"  # stands in no id


def name_bots(document: Facts, words: Words) -> Facts:
    """The document with the names of bots that ship in the page's language."""
    suite = document["suite"]
    bots = [
        {**bot, "name": words.get(f"named_{bot['name']}", bot["name"])} for bot in suite["bots"]
    ]
    return {**document, "suite": {**suite, "bots": bots}}


class ExperimentRows:
    """The figures of the list, kept as long as the experiment stands as it did."""

    def __init__(self) -> None:
        self._drawn: dict[str, tuple[Any, str]] = {}

    async def draw(self, found: Sequence[Facts], api: Api, words: Words) -> str:
        """Raises `ApiError` and `Unreachable`."""
        known, self._drawn = self._drawn, {}
        for one in found:
            id, stamp = str(one["id"]), {**one, "seconds": None}
            kept = known.get(id)
            if kept is None or kept[0] != stamp:
                kept = (stamp, _render_row(one, await api.get(f"/api/experiments/{id}"), words))
            self._drawn[id] = kept
        return "".join(html for _, html in self._drawn.values())


# --- the list -----------------------------------------------------------------------------------


async def render_list(api: Api, rows: ExperimentRows, words: Words) -> tuple[str, bool]:
    """What there is, and whether any of it runs. Raises `ApiError` and `Unreachable`."""
    suites, page = await asyncio.gather(
        api.get("/api/suites"), api.get("/api/experiments", limit=MOST)
    )
    found = page.get("experiments", [])
    drawn = await rows.draw(found, api, words)
    compare = (
        f'<p><button type="button" class="plain" data-lab="compare" disabled>'
        f"{words('experiments_compare')}</button></p>"
    )
    html = (
        f'<div class="lead"><h1>{words("experiments_title")}</h1>'
        f"<p>{words('experiments_lead')}</p></div>"
        f"<section><h2>{words('suites')}</h2>{_render_suites(suites.get('suites', []), words)}"
        f"</section><section><h2>{words('experiments')}</h2>"
        f"{drawn or _note(words('experiments_none'))}{compare if len(found) > 1 else ''}</section>"
    )
    return html, any(one["status"] in ("created", "running") for one in found)


def _note(text: str) -> str:
    return f'<p class="quiet">{escape(text)}</p>'


def _render_suites(suites: Sequence[Facts], words: Words) -> str:
    if not suites:
        return _note(words("suites_none"))
    return f'<div class="cards">{"".join(_render_suite(one, words) for one in suites)}</div>'


def _render_suite(suite: Facts, words: Words) -> str:
    id = escape(str(suite["suite"]))
    name = escape(str(suite.get("name") or suite["suite"]))
    if suite.get("error"):
        return f'<div class="card"><h3>{name}</h3>{_note(str(suite["error"]))}</div>'
    size = words("suite_size", n=words.format_number(int(suite["trials"])))
    bots = ", ".join(map(str, suite["bots"]))
    run = f"{words('suite_run')}: {suite.get('name') or suite['suite']}"
    return (
        f'<div class="card"><h3>{name}</h3><p class="quiet"><code>{id}</code> · {escape(size)} · '
        f'{escape(bots)}</p><button type="button" class="act" data-lab="run" data-suite="{id}" '
        f'aria-label="{escape(run)}">{words("suite_run")}</button></div>'
    )


def _render_row(one: Facts, document: Facts, words: Words) -> str:
    """One experiment: how it stands, each bot's rate with its interval, the gate's sentence."""
    document = name_bots(document, words)
    wording = Wording(document, words.language)
    name = str(one.get("name") or one["suite"])
    bots = "".join(
        f"<li><b>{escape(bot['name'])}</b> {escape(bot['rate']['text'])} "
        f'<span class="quiet">{escape(bot["rate"]["interval"] or bot["rate"]["counts"])}</span>'
        "</li>"
        for bot in view_bots(document, wording)
    )
    verdict = view_verdict(document, wording)
    pick = escape(words("experiment_pick", name=name))
    return (
        f'<article class="card experiment"><div class="row">'
        f'<input type="checkbox" data-pick="{escape(str(one["id"]))}" aria-label="{pick}">'
        f'<h3><a href="?experiment={escape(str(one["id"]))}">{escape(name)}</a></h3>'
        f"{render_chip(str(one['status']), words)}"
        f'<span class="quiet">{_render_time(str(one["created_at"]))} · '
        f"{escape(_describe_progress(one['counts'], int(one['total']), words))}</span></div>"
        f'<ul class="rates">{bots}</ul><p class="says">{escape(verdict["sentence"])}</p></article>'
    )


def _render_time(stamp: str) -> str:
    shown = escape(f"{stamp[:10]} {stamp[11:16]}")
    return f'<time datetime="{escape(stamp)}" data-far>{shown}</time>'


def _describe_progress(counts: Facts, total: int, words: Words) -> str:
    ended = sum(count for name, count in counts.items() if name not in ("pending", "running"))
    numbers = {"n": words.format_number(ended), "total": words.format_number(total)}
    return words("experiment_of", **numbers)


# --- one experiment -----------------------------------------------------------------------------


async def render_experiment(api: Api, id: str, words: Words) -> tuple[str, bool]:
    """Its figures as the report has them, with the map filling while it runs."""
    document = name_bots(await api.get(f"/api/experiments/{quote(id, safe='')}"), words)

    def link(cell: Facts) -> str:
        key = BETWEEN.join((cell["scenario"], cell["persona"], cell["bot"]))
        return "?" + urlencode({"experiment": id, "cell": key})

    part = render_experiment_part(document, words.language, link)
    status = str(document["experiment"]["status"])
    html = f"{_render_heading(document, words)}{_render_steering(document, words)}{part}"
    return html, status in ("created", "running")


def _render_heading(document: Facts, words: Words) -> str:
    facts, tally = document["experiment"], document["figures"]["tally"]
    name = f' <span class="quiet">{escape(facts["name"])}</span>' if facts["name"] else ""
    total = sum(tally.values())
    ended = total - tally["pending"]
    done = words("experiment_of", n=ended, total=total)
    return (
        f'<p><a href="?view=experiments">← {words("experiments_back")}</a></p>'
        f'<div class="row"><h1>{escape(document["suite"]["name"])}{name}</h1>'
        f"{render_chip(str(facts['status']), words)}</div>"
        f'<p class="quiet">{_render_time(str(facts["created_at"]))} · {escape(done)}</p>'
        f'<div class="bar-of" role="progressbar" aria-label="{escape(done)}" aria-valuemin="0" '
        f'aria-valuemax="{total}" aria-valuenow="{ended}">'
        f'<i style="transform:scaleX({ended / max(total, 1):.3f})"></i></div>'
    )


def _render_steering(document: Facts, words: Words) -> str:
    status, broken = document["experiment"]["status"], document["figures"]["tally"]["broken"]
    verbs = ["pause", "stop"] if status == "running" else []
    verbs += ["resume"] if status in RESTING else []
    buttons = [(verb, words(f"lab_{verb}")) for verb in verbs]
    if broken and status != "running":
        buttons.append(("retry", words("lab_retry", n=broken)))
    drawn = "".join(
        f'<button type="button" class="plain" data-lab="{verb}">{escape(text)}</button>'
        for verb, text in buttons
    )
    drawn += "".join(
        f'<button type="button" class="plain" data-lab="report" data-as="{kind}">'
        f"{escape(words('lab_report', kind=kind))}</button>"
        for kind in FORMATS
    )
    return f'<div class="tools">{drawn}</div>'


async def render_comparison(api: Api, base: str, head: str, words: Words) -> tuple[str, bool]:
    document = name_bots(await api.get("/api/compare", base=base, head=head), words)
    html = (
        f'<p><a href="?view=experiments">← {words("experiments_back")}</a></p>'
        f"<h1>{escape(document['suite']['name'])}</h1>"
        f"{render_comparison_part(document, words.language)}"
    )
    return html, False


# --- a cell -------------------------------------------------------------------------------------


async def render_cell(api: Api, id: str, cell: str, words: Words) -> tuple[str, bool]:
    """The trials of a cell, each with why it failed and the way to that turn."""
    scenario, persona, bot = (*cell.split(BETWEEN), "", "", "")[:3]
    path = f"/api/experiments/{quote(id, safe='')}"
    document = name_bots(await api.get(path), words)
    trials: list[Facts] = []
    cursor = ""
    while True:
        page = await api.get(
            f"{path}/trials", limit=PAGE, scenario=scenario, bot=bot, cursor=cursor
        )
        trials += [one for one in page.get("trials", []) if one["persona"] == persona]
        cursor = str(page.get("next") or "")
        if not cursor:
            break
    wording = Wording(document, words.language)
    place = wording.place({"scenario": scenario, "persona": persona})
    rows = "".join(_render_trial(one, words) for one in trials)
    columns = "".join(
        f'<th scope="col">{escape(words(f"trial_{name}"))}</th>'
        for name in ("n", "outcome", "turns", "why")
    )
    back = "?" + urlencode({"experiment": id})
    html = (
        f'<p><a href="{back}">← {words("experiment_back")}</a></p>'
        f"<h1>{escape(place)} <span class='quiet'>{escape(wording.name('bot', bot))}</span></h1>"
        f'<div class="card scroll"><table class="trials"><thead><tr>{columns}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    return html, document["experiment"]["status"] in ("created", "running")


def _render_trial(trial: Facts, words: Words) -> str:
    outcome = str(trial["outcome"] or trial["status"])
    label = words.get(f"outcome_{outcome}", outcome)
    why = "".join(_render_reason(one, words) for one in deciding_verdicts(trial))
    broken = trial["broken"] or {}
    why = why or escape(": ".join(str(v) for v in (broken.get("code"), broken.get("message")) if v))
    return (
        f"<tr><td>{trial['repeat']}</td>"
        f'<td><span class="chip outcome {escape(outcome)}">{escape(label)}</span></td>'
        f"<td>{trial['turns']}</td><td>{why}{_render_way(trial, words)}</td></tr>"
    )


def _render_reason(verdict: Facts, words: Words) -> str:
    reason = str(verdict["reason"])
    if words.language == "vi" and verdict["kind"] == "check":
        reason = translate_reason(reason)
    return f"<p><b>{escape(str(verdict['id']))}</b> {escape(reason)}</p>"


def _render_way(trial: Facts, words: Words) -> str:
    """The link to the conversation, at the turn that failed where one is known."""
    if not trial["conversation_id"]:
        return ""
    quoted = [quote for one in deciding_verdicts(trial) for quote in one["evidence"]]
    at = {"at": quoted[0]["message"]} if quoted else {}
    where = urlencode({"thread": trial["conversation_id"], **at})
    text = words("trial_open" if quoted else "trial_read")
    return f'<p><a href="?{escape(where)}">{escape(text)}</a></p>'
