"""The page of suites and experiments: what the tab asks, and what the server is asked for it."""

from collections.abc import Mapping
from hashlib import blake2s
from html import escape
from typing import Any
from urllib.parse import quote

import gradio as gr

from ui.api_client import ApiError, Unreachable
from ui.assets import load_script
from ui.experiments import (
    FORMATS,
    render_cell,
    render_comparison,
    render_experiment,
    render_list,
)
from ui.script_events import read_event_data
from ui.tab_session import TabSession
from ui.tab_sessions import TabSessions
from ui.texts import Words

VERBS = ("pause", "stop", "resume", "retry")
SUFFIXES = {"html": "html", "markdown": "md", "junit": "xml", "csv": "csv"}
Answer = dict[str, Any]


async def answer(tab: TabSession, told: Mapping[str, Any]) -> Answer:
    """Does what the tab asks, then tells it what stands; nothing of what it has already."""
    done = await _act(tab, told)
    html, live = await _render(tab, told)
    stamp = blake2s(html.encode(), digest_size=12).hexdigest()
    tab.saved += 1  # an answer that says the same is another one: the page waits for it
    known = stamp == told.get("stamp")
    shown = {"stamp": stamp, "html": None if known else html, "live": live, "count": tab.saved}
    return {**shown, "place": told.get("place"), **done}


async def _act(tab: TabSession, told: Mapping[str, Any]) -> Answer:
    act, id = str(told.get("act") or ""), quote(str(told.get("experiment") or ""), safe="")
    if act == "run":
        suite = {"suite": str(told.get("suite"))}
        made = await tab.attempt(lambda api: api.post("/api/experiments", suite))
        return {"go": f"?experiment={made['id']}"} if made else {}
    if act in VERBS:
        await tab.attempt(lambda api: api.steer(f"/api/experiments/{id}/{act}"))
    if act == "report" and (kind := str(told.get("as"))) in FORMATS:
        path, language = f"/api/experiments/{id}/report", tab.words.language
        text = await tab.attempt(lambda api: api.text(path, format=kind, lang=language))
        name = f"duologue-{id[:8]}.{SUFFIXES[kind]}"
        return {"save": {"name": name, "text": text}} if text else {}
    return {}


async def _render(tab: TabSession, told: Mapping[str, Any]) -> tuple[str, bool]:
    """What stands at the place where the tab is, and whether it changes by itself."""
    api, words = tab.api, tab.words
    names = ("experiment", "cell", "against")
    experiment, cell, against = (str(told.get(name) or "") for name in names)
    try:
        if not experiment:
            return await render_list(api, tab.experiments, words)
        if against:
            return await render_comparison(api, against, experiment, words)
        if cell:
            return await render_cell(api, experiment, cell, words)
        return await render_experiment(api, experiment, words)
    except ApiError as refusal:
        if refusal.status == 401:
            tab.report_refusal(refusal)
        text, _ = words.explain_refusal(refusal.code, str(refusal))
        gone = words("experiment_gone") if refusal.status == 404 else text
        way = f'<p><a href="?view=experiments">← {words("experiments_back")}</a></p>'
        return f"<h1>{escape(gone)}</h1>{way}", False
    except Unreachable:
        return f"<h1>{escape(words('down'))}</h1>", True


def build_experiments(tabs: TabSessions, words: Words) -> None:
    waiting = f'<p class="quiet" role="status">{words("loading")}</p>'
    with gr.Column(elem_id="page-experiments", elem_classes="page"):
        board = gr.HTML(
            {},
            html_template=f'<div class="lab">{waiting}</div>',
            js_on_load=load_script("experiments"),
            apply_default_css=False,
            elem_id="lab",
        )

    async def on_ask(event: gr.EventData, request: gr.Request) -> Answer:
        return await answer(tabs.get(request), read_event_data(event))

    # By default an act would be dropped while another one is under way.
    board.select(
        on_ask,
        None,
        board,
        trigger_mode="multiple",
        show_progress="hidden",
        api_visibility="private",
    )
