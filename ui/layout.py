"""One page for one language: its frame, its parts, and what every part needs."""

import asyncio
import json
from collections.abc import Mapping
from html import escape
from typing import Any, cast

import gradio as gr
from starlette.applications import Starlette
from starlette.routing import Mount

from reports.page import load_part_style
from ui.api_client import Api, ApiError, Unreachable
from ui.assets import load_script, load_style
from ui.bots_page import build_bots, initial_status, refresh, render_bots, render_dots
from ui.configuration import Configuration, fetch_configuration
from ui.conversation_page import QUIET, build_thread
from ui.early_head import EarlyHead
from ui.experiments_page import build_experiments
from ui.guard import Guard
from ui.list_page import build_find
from ui.ready_scenarios import render_ready
from ui.start_pages import (
    AUTO,
    bot_choices,
    build_chat,
    build_new,
    build_versus,
    choose_default_bot,
    persona_choices,
    scripted_choices,
)
from ui.tab_session import TabSession
from ui.tab_sessions import TabSessions
from ui.texts import Words

TABS = 2000  # each open tab holds a slot as long as it is open
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Cpath d='M4 5h15a3 3 0 0 1 3 3v6a3 3 0 0 1-3 3h-8l-5 5v-5H4z' fill='%230f766e'/%3E"
    "%3Cpath d='M13 19h7a4 4 0 0 0 4-4v-3h2a3 3 0 0 1 3 3v5a3 3 0 0 1-3 3v4l-4-4h-6a3 3 0 0 1-3-3z'"
    " fill='%23e08a3c'/%3E%3C/svg%3E"
)


def build_page(path: str, tabs: TabSessions) -> Guard:
    """Gradio's application for one language, behind the guard."""
    blocks = build_blocks(tabs)
    blocks.max_threads = TABS
    blocks.queue(default_concurrency_limit=None, api_open=False)
    inner = Starlette()
    gr.mount_gradio_app(
        inner,
        blocks,
        path,
        theme=build_theme(),
        head=render_style(),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        show_error=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        allowed_paths=[],
        blocked_paths=["/"],
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    app = next(route.app for route in inner.routes if isinstance(route, Mount))

    async def start() -> None:
        # Gradio would do this in its parent's lifespan, which has begun long ago.
        cast(Any, blocks).run_startup_events()
        await cast(Any, blocks).run_extra_startup_events()

    return Guard(EarlyHead(app, render_early_head(), tabs.words.language), start)


def build_theme() -> gr.themes.Base:
    """Letters of the reader's own system, so that every Vietnamese one is there."""
    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="stone",
        font=["system-ui", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"],
        font_mono=["ui-monospace", "Noto Sans Mono", "monospace"],
    ).set(
        input_border_width="1px",
        input_padding="9px 12px",
        checkbox_label_border_width="1px",
        checkbox_label_background_fill="var(--card)",
        checkbox_label_background_fill_dark="var(--card)",
        checkbox_label_background_fill_selected="var(--user-soft)",
        checkbox_label_background_fill_selected_dark="var(--user-soft)",
        checkbox_label_border_color="var(--rule)",
        checkbox_label_border_color_dark="var(--rule)",
        slider_color="#0f766e",
        slider_color_dark="#2aa596",
    )


def render_style() -> str:
    # Not css=: Gradio would cut selectors at commas inside :is().
    return f"<style>{load_part_style('#lab')}\n{load_style()}</style>"


def render_early_head() -> str:
    """Before anything of Gradio's: the theme without a flash of the other one, our scripts."""
    scripts = "\n".join(load_script(name) for name in ("rows", "focus", "page"))
    return (
        f'<link rel="icon" href="{ICON}"><meta name="color-scheme" content="light dark">'
        f"<script>{scripts}</script>"
    )


def build_blocks(tabs: TabSessions) -> gr.Blocks:
    words = tabs.words
    blocks: gr.Blocks = gr.Blocks(title=words("title"), analytics_enabled=False, fill_width=True)
    with blocks:
        gr.HTML(
            None,
            html_template=render_top(words),
            elem_id="top",
            js_on_load=None,
            apply_default_css=False,
        )
        boot = gr.Textbox(visible=False)
        _build_key_card(tabs)
        bots = gr.Dropdown([], label=words("bot"), render=False, filterable=False)
        form = build_new(tabs, bots, words)
        build_versus(tabs, words)
        chat = build_chat(tabs, words)
        build_find(tabs, words)
        build_experiments(tabs, words)
        build_thread(blocks, tabs, words, boot)
        listed = build_bots(tabs, words)
        _wire_choices(blocks, tabs, {**form, "chat": chat, "listed": listed}, boot)
    _hide_progress(blocks, boot)
    return blocks


def _hide_progress(blocks: gr.Blocks, hidden: gr.Textbox) -> None:
    """Gradio tells every component that may show progress of each update of the open stream."""
    for event in blocks.fns.values():
        event.show_progress_on = [hidden]


def render_top(words: Words) -> str:
    """The head of every page; where we are is told by the page's script."""
    links = "".join(
        f'<a href="?view={name}" data-go data-page="{name}">{words(f"nav_{name}")}</a>'
        for name in ("new", "versus", "chat", "find", "experiments", "bots")
    )
    other = "../vi/" if words.language == "en" else "../ui/"
    code = "vi" if words.language == "en" else "en"
    return (
        f'<a class="skip" href="#content">{words("skip")}</a>'
        f'<header><a class="brand" href="?view=new" data-go><img alt="" src="{ICON}">Duologue</a>'
        f'<nav aria-label="{words("nav")}">{links}</nav><span class="ends">'
        f'<a href="{other}" lang="{code}" hreflang="{code}">{words("other_language")}</a>'
        f'<button type="button" data-theme aria-label="{words("theme")}" '
        f'title="{words("theme")}"></button></span></header>'
        f'<div class="note warn offline" role="alert"><span>{escape(words("offline"))}</span>'
        f'<span class="starting">{escape(words("server_starting"))}</span></div>'
        '<div data-part="notice"></div><div id="said" class="heard" aria-live="polite"></div>'
    )


def _build_key_card(tabs: TabSessions) -> None:
    """Asked for where the server asks; it stays in the tab and in this process's memory."""
    words = tabs.words
    with gr.Column(elem_id="key"), gr.Column(elem_classes="card"):
        title = f"<h2>{words('key_title')}</h2>"
        gr.HTML(title, elem_classes="lead", js_on_load=None, apply_default_css=False)
        field = gr.Textbox(type="password", label=words("key"), info=words("key_info"), max_lines=1)
        go = gr.Button(words("key_go"), variant="primary", elem_id="key_go")
        told = gr.HTML("", elem_classes="told", js_on_load=None, apply_default_css=False)

    async def on_key(key: str) -> str:
        try:
            await Api(tabs.feeds.connection, key.strip()).get("/api/bots")
        except ApiError as refusal:
            known = words("key_wrong") if refusal.status == 401 else ""
            return known or escape(words.explain_refusal(refusal.code, str(refusal))[0])
        except Unreachable:
            return words("down")
        return "ok"

    checked = gr.on([go.click, field.submit], on_key, field, told, **QUIET)
    checked.then(None, [field, told], None, js="duologue.unlock", **QUIET)


def _wire_choices(
    blocks: gr.Blocks, tabs: TabSessions, form: Mapping[str, Any], boot: gr.Textbox
) -> None:
    """Bots and personas, as soon as the server tells them; then which bots can be reached."""
    fork = tabs.fork_form

    async def load(told: str, request: gr.Request) -> list[Any]:
        tab = tabs.get(request)
        found = await _fetch_until_up(tab, told)
        if found is None:
            return [gr.skip()] * len(outputs)
        tab.bot_statuses = [initial_status(bot) for bot in found.bots]
        ready = render_ready(found.conversations, tab.words)
        return [*_field_updates(tab, found), ready, *_render_statuses(tab)]

    async def look(request: gr.Request) -> list[str]:
        tab = tabs.get(request)
        await refresh(tab)
        return _render_statuses(tab)

    filled = "bot seat persona scripted_persona bot_prompt chat".split()
    fields = [form[name] for name in filled]
    statuses = [form["dots"], form["listed"]]
    outputs = [*fields, fork["bot"], fork["persona"], form["ready"], *statuses]
    loaded = blocks.load(load, boot, outputs, js="() => duologue.boot()", **QUIET)
    loaded.then(None, None, None, js="() => duologue.showForms()", **QUIET)
    loaded.then(look, None, statuses, **QUIET)


def _render_statuses(tab: TabSession) -> list[str]:
    """The dots of the form and the page of the bots, as far as is known."""
    known = (tab.bot_statuses, tab.directory, tab.words)
    return [render_dots(*known), render_bots(*known)]


async def _fetch_until_up(tab: TabSession, told: str) -> Configuration | None:
    """Waits for a server that is not there yet; None where it refuses."""
    key = str(json.loads(told or "{}").get("key") or "")
    while True:
        try:
            found = await fetch_configuration(Api(tab.feeds.connection, key))
        except Unreachable:
            await asyncio.sleep(1.0)
            continue
        except ApiError as refusal:
            tab.report_refusal(refusal)
            return None
        tab.configure(found)
        return found


def _field_updates(tab: TabSession, found: Configuration) -> list[Any]:
    """What the fields offer now."""
    bots = bot_choices(found, tab.directory)
    personas = persona_choices(found, tab.directory)
    bot = choose_default_bot([id for _, id in bots])
    same = (tab.words("fork_same"), AUTO)
    why = "" if found.has_model else tab.words("needs_model")
    hint = "bot_prompt_hint" if found.has_model else "needs_model_bot"
    return [
        gr.update(choices=bots, value=bot),
        gr.update(value=found.default_seat or "scripted", info=why),
        gr.update(choices=personas, value=AUTO),
        gr.update(choices=scripted_choices(found, tab.directory), value=AUTO),
        gr.update(interactive=found.has_model, info=tab.words(hint)),
        gr.update(choices=bots, value=bot),
        gr.update(choices=[same, *bots]),
        gr.update(choices=[same, *(one for one in personas if one[1] != AUTO)]),
    ]
