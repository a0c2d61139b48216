"""The page that lists conversations: filter, search, open; it stays true without a reload."""

from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

from ui import render
from ui.api_client import ApiError, Unreachable
from ui.assets import load_script
from ui.directory import Directory
from ui.listing import Row, SearchResult, user_label
from ui.script_events import read_event_data
from ui.tab_session import TabSession
from ui.tab_sessions import TabSessions
from ui.texts import Words

STATUSES = "running waiting interrupted completed stopped created".split()


def render_frame(words: Words) -> str:
    """The frame of the list; its rows come later."""
    states = "".join(f'<option value="{name}">{words(f"is_{name}")}</option>' for name in STATUSES)
    columns = "".join(
        f'<th scope="col">{words(f"col_{name}")}</th>'
        for name in "status bot persona turns started end".split()
    )
    return (
        f'<div class="finder"><h1>{words("find_title")}</h1><div class="filters" role="search">'
        f'<label><span>{words("search")}</span><input type="search" name="search" '
        f'placeholder="{escape(words("search_hint"))}"></label>'
        f'<label><span>{words("col_status")}</span><select name="status"><option value="">'
        f"{words('all_status')}</option>{states}</select></label>"
        f'<label><span>{words("col_bot")}</span><select name="bot"><option value="">'
        f'{words("all_bots")}</option></select></label></div><div class="none"></div>'
        f'<table><thead><tr>{columns}<th><span class="heard">{words("col_open")}</span></th></tr>'
        '</thead><tbody></tbody></table><p class="foot"><span class="count quiet"></span> '
        f'<button type="button" class="more" hidden>{words("load_more")}</button></p></div>'
    )


def render_row(found: Row, directory: Directory, words: Words) -> str:
    """One conversation of the list."""
    id, status = escape(str(found["conversation_id"])), str(found["status"])
    cells = (
        ("status", render.render_chip(status, words, str(found.get("seat")))),
        ("bot", escape(directory.assistant_name(found))),
        ("user", escape(user_label(found, directory))),
        ("turns", f"{found.get('turn', 0)}/{found.get('max_turns', 0)}"),
        ("started", _render_date(str(found.get("created_at") or ""))),
        ("end", render.render_reason(found.get("end_reason"), words)),
    )
    drawn = "".join(
        f'<td class="{name}" data-label="{words(f"col_{_LABELS.get(name, name)}")}">{html}</td>'
        for name, html in cells
    )
    link = f'<a href="?thread={id}" data-go aria-label="{words("col_open")} {id[:8]}">{id[:8]}</a>'
    return f'<tr>{drawn}<td class="open">{link}</td></tr>'


_LABELS = {"user": "persona"}


def _render_date(stamp: str) -> str:
    shown = f"{stamp[:10]} {stamp[11:16]}"
    return f'<time datetime="{escape(stamp)}" data-far>{escape(shown)}</time>'


async def build_listing(tab: TabSession, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the list shows for these filters."""
    words = tab.words
    try:
        found = await tab.listing.read(tab.api, tab.directory, asked)
    except ApiError as refusal:
        tab.report_refusal(refusal)
        text, _ = words.explain_refusal(refusal.code, str(refusal))
        return _pack(tab, asked, SearchResult((), more=False), _render_empty(text), [])
    except Unreachable:
        return _pack(tab, asked, SearchResult((), more=False), _render_empty(words("down")), [])
    none = "" if found.rows else _render_none(asked, words)
    bots = [[id, tab.directory.bot_name(id)] for id in tab.directory.bots]
    return _pack(tab, asked, found, none, bots)


def _pack(
    tab: TabSession, asked: Mapping[str, Any], found: SearchResult, none: str, bots: list[list[str]]
) -> dict[str, Any]:
    directory, words, sent = tab.directory, tab.words, tab.listing.sent
    rows = sent.draw(found.rows, directory, lambda one: render_row(one, directory, words))
    facts = {"none": none, "count": _render_count(found, words), "more": found.more, "bots": bots}
    return {**sent.pack(rows, int(asked.get("version") or 0)), **facts}


def _render_none(asked: Mapping[str, Any], words: Words) -> str:
    """Nothing fits the filters, or there is nothing yet."""
    if any(asked.get(name) for name in ("search", "status", "bot_id")):
        return _render_empty(words("none_found"))
    return _render_empty(words("empty_text"), words("empty_title"), words("nav_new"))


def _render_count(found: SearchResult, words: Words) -> str:
    """How many there are; where not all were searched, among how many."""
    told = [words("shown", n=words.format_number(len(found.rows)))] if found.rows else []
    if found.looked:
        told.append(words("looked", n=words.format_number(found.looked)))
    return " · ".join(told)


def _render_empty(text: str, title: str = "", way: str = "") -> str:
    lead = f"<p><b>{escape(title)}</b></p>" if title else ""
    link = f'<p><a href="?view=new" data-go class="act">{escape(way)}</a></p>' if way else ""
    return f'<div class="empty">{lead}<p>{escape(text)}</p>{link}</div>'


def build_find(tabs: TabSessions, words: Words) -> None:
    with gr.Column(elem_id="page-find", elem_classes="page"):
        table = gr.HTML(
            {},
            html_template=render_frame(words),
            js_on_load=load_script("table"),
            apply_default_css=False,
            elem_id="table",
        )

    async def on_ask(event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        return await build_listing(tabs.get(request), read_event_data(event))

    # What is asked last counts: by default it would be dropped while an answer is awaited.
    table.select(
        on_ask,
        None,
        table,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
    )
