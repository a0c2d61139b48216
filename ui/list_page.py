"""The page that lists conversations: filter, search, open; it stays true without a reload."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from ui import render
from ui.api_client import CONVERSATIONS, ApiError, Unreachable
from ui.assets import load_script
from ui.directory import Directory
from ui.script_events import read_event_data
from ui.tab_session import TabSession
from ui.tab_sessions import TabSessions
from ui.texts import Words

STATUSES = "running waiting interrupted completed stopped created".split()
PAGE, MOST = 200, 10_000  # rows: of one answer of the API, of one list
DEPTH = 20  # conversations that are searched for each row that is asked for
Row = Mapping[str, Any]


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
_TRANSLATED = (("is", "status"), ("end", "end_reason"))


def user_label(found: Row, directory: Directory) -> str:
    return directory.user_name(found.get("seat"), found.get("persona"))


def _render_date(stamp: str) -> str:
    shown = f"{stamp[:10]} {stamp[11:16]}"
    return f'<time datetime="{escape(stamp)}" data-far>{escape(shown)}</time>'


def matches(found: Row, search: str, directory: Directory) -> bool:
    """Whether every word that was searched for stands somewhere in the row."""
    words = directory.words
    texts = [found.get(name) for name in ("conversation_id", "bot_id", "persona", "end_reason")]
    texts += [user_label(found, directory), directory.assistant_name(found)]
    texts += [words.get(f"{kind}_{found.get(name)}", "") for kind, name in _TRANSLATED]
    text = " ".join(str(one) for one in texts if one).casefold()
    return all(word in text for word in search.casefold().split())


@dataclass(frozen=True)
class SearchResult:
    """The rows that are asked for, and whether there may be more.

    `looked`: how many of the newest were searched, where it was not all of them.
    """

    rows: Sequence[Row]
    more: bool
    looked: int = 0


async def search_conversations(tab: TabSession, asked: Mapping[str, Any]) -> SearchResult:
    """Reads page after page until the list is full, the end is reached, or it was enough."""
    search, limit = str(asked.get("search") or "").strip(), int(asked.get("limit") or 50)
    limit = max(1, min(limit, MOST))
    filters = {name: str(asked.get(name) or "") for name in ("status", "bot_id")}
    found: list[Row] = []
    looked, cursor = 0, ""
    while True:
        page = await tab.api.get(
            CONVERSATIONS,
            limit=PAGE if search else min(limit - len(found), PAGE),
            cursor=cursor,
            **filters,
        )
        rows, cursor = page.get("conversations", []), str(page.get("next") or "")
        looked += len(rows)
        found += [one for one in rows if not search or matches(one, search, tab.directory)]
        if not (rows and cursor) or len(found) >= limit or looked >= limit * DEPTH:
            break
    more = limit < MOST and (bool(cursor) or len(found) > limit)
    return SearchResult(found[:limit], more, looked if search and cursor else 0)


async def build_listing(tab: TabSession, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the list shows for these filters."""
    words, filtered = tab.words, any(asked.get(name) for name in ("search", "status", "bot_id"))
    try:
        found = await search_conversations(tab, asked)
    except ApiError as refusal:
        tab.report_refusal(refusal)
        text, _ = words.explain_refusal(refusal.code, str(refusal))
        return {"rows": "", "none": _render_empty(text), "count": "", "more": False, "bots": []}
    except Unreachable:
        text = words("down")
        return {"rows": "", "none": _render_empty(text), "count": "", "more": False, "bots": []}
    none = ""
    if not found.rows:
        none = (
            _render_empty(words("none_found"))
            if filtered
            else _render_empty(words("empty_text"), words("empty_title"), words("nav_new"))
        )
    return {
        "rows": "".join(render_row(one, tab.directory, words) for one in found.rows),
        "none": none,
        "count": _render_count(found, words),
        "more": found.more,
        "bots": [[id, tab.directory.bot_name(id)] for id in tab.directory.bots],
    }


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
