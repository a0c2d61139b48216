"""The page that lists conversations: filter, search, open; it stays true without a reload."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import gradio as gr

from ui import render
from ui.client import ApiError, Unreachable
from ui.desk import Desk
from ui.desks import Desks
from ui.files import script
from ui.texts import Words

STATUSES = "running waiting interrupted completed stopped created".split()
MOST = 200
Row = Mapping[str, Any]


def template(words: Words) -> str:
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


def row(found: Row, names: Mapping[str, str], people: Mapping[str, str], words: Words) -> str:
    """One conversation of the list."""
    id, status = escape(str(found["conversation_id"])), str(found["status"])
    persona = str(found.get("persona") or "")
    user = people.get(persona) or persona or words(f"seat_{found.get('seat')}")
    cells = (
        ("status", render.chip(status, words, str(found.get("seat")))),
        ("bot", escape(names.get(str(found["bot_id"]), str(found["bot_id"])))),
        ("user", escape(user)),
        ("turns", f"{found.get('turn', 0)}/{found.get('max_turns', 0)}"),
        ("started", _far(str(found.get("created_at") or ""))),
        ("end", render.reason(found.get("end_reason"), words)),
    )
    drawn = "".join(
        f'<td class="{name}" data-label="{words(f"col_{_LABELS.get(name, name)}")}">{html}</td>'
        for name, html in cells
    )
    link = f'<a href="?thread={id}" data-go aria-label="{words("col_open")} {id[:8]}">{id[:8]}</a>'
    return f'<tr>{drawn}<td class="open">{link}</td></tr>'


_LABELS = {"user": "persona"}


def _far(stamp: str) -> str:
    shown = f"{stamp[:10]} {stamp[11:16]}"
    return f'<time datetime="{escape(stamp)}" data-far>{escape(shown)}</time>'


def matches(found: Row, search: str, names: Mapping[str, str], words: Words) -> bool:
    """Whether every word that was searched for stands somewhere in the row."""
    told = [found.get(name) for name in ("conversation_id", "bot_id", "persona", "end_reason")]
    told += [names.get(str(found.get("bot_id"))), words.maybe(f"is_{found.get('status')}", "")]
    told += [words.maybe(f"end_{found.get('end_reason')}", "")]
    text = " ".join(str(one) for one in told if one).casefold()
    return all(word in text for word in search.casefold().split())


async def rows_of(desk: Desk, asked: Mapping[str, Any]) -> tuple[Sequence[Row], bool]:
    """The rows that are asked for, and whether there are more."""
    search, limit = str(asked.get("search") or "").strip(), int(asked.get("limit") or 50)
    limit = max(1, min(limit, MOST))
    page = await desk.api.get(
        "/api/conversations",
        limit=MOST if search else limit,
        status=str(asked.get("status") or ""),
        bot_id=str(asked.get("bot_id") or ""),
    )
    found = list(page.get("conversations", []))
    if search:
        found = [one for one in found if matches(one, search, desk.bots, desk.words)]
    return found[:limit], bool(page.get("next")) and limit < MOST


async def listing(desk: Desk, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the list shows for these filters."""
    words, filtered = desk.words, any(asked.get(name) for name in ("search", "status", "bot_id"))
    try:
        found, more = await rows_of(desk, asked)
    except ApiError as refusal:
        desk.refused(refusal)
        return {"rows": "", "none": _none(str(refusal)), "count": "", "more": False, "bots": []}
    except Unreachable:
        text = words("down")
        return {"rows": "", "none": _none(text), "count": "", "more": False, "bots": []}
    none = ""
    if not found:
        none = (
            _none(words("none_found"))
            if filtered
            else _none(words("empty_text"), words("empty_title"), words("nav_new"))
        )
    return {
        "rows": "".join(row(one, desk.bots, desk.personas, words) for one in found),
        "none": none,
        "count": words("shown", n=len(found)) if found else "",
        "more": more,
        "bots": [[id, name] for id, name in desk.bots.items()],
    }


def _none(text: str, title: str = "", way: str = "") -> str:
    lead = f"<p><b>{escape(title)}</b></p>" if title else ""
    link = f'<p><a href="?view=new" data-go class="act">{escape(way)}</a></p>' if way else ""
    return f'<div class="empty">{lead}<p>{escape(text)}</p>{link}</div>'


def build_find(desks: Desks, words: Words) -> None:
    with gr.Column(elem_id="page-find", elem_classes="page"):
        table = gr.HTML(
            {},
            html_template=template(words),
            js_on_load=script("table"),
            apply_default_css=False,
            elem_id="table",
        )

    async def on_ask(event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        return await listing(desks.of(request), event._data or {})  # noqa: SLF001 - our script's

    table.select(on_ask, None, table, show_progress="hidden", api_visibility="private")
