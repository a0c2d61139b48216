"""The page that lists the bots: which of them can be used, and why one cannot."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import gradio as gr

from ui.api_client import Api, ApiError, Unreachable
from ui.assets import load_script
from ui.directory import Directory
from ui.script_events import read_event_data
from ui.tab_session import TabSession
from ui.tab_sessions import TabSessions
from ui.texts import Words

State = Literal["ready", "unreachable", "missing", "unknown"]
Facts = Mapping[str, Any]
FREE = {"webhook", "langgraph", "demo"}  # to try these costs nobody anything; a model's answer may
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")


@dataclass(frozen=True)
class BotStatus:
    """Whether a bot can be used. `detail` is what the server said of it."""

    bot: Facts
    state: State
    detail: str = ""
    code: str = ""
    latency_ms: int | None = None

    @property
    def id(self) -> str:
        return str(self.bot["bot_id"])


def initial_status(bot: Facts) -> BotStatus:
    """What is known without calling it."""
    if not bot.get("ready", True):
        return BotStatus(bot, "missing", str(bot.get("reason") or ""))
    return BotStatus(bot, "unknown")


async def try_bot(api: Api, bot: Facts) -> BotStatus:
    """Calls the bot once, unless something is missing that it needs."""
    if not bot.get("ready", True):
        return initial_status(bot)
    try:
        answer = await api.post(f"/api/bots/{bot['bot_id']}/ping")
    except (ApiError, Unreachable) as error:
        return BotStatus(bot, "unknown", str(error))
    said, code = str(answer.get("message") or ""), str(answer.get("code") or "")
    if answer.get("ok"):
        return BotStatus(bot, "ready", said, latency_ms=answer.get("latency_ms"))
    state: State = "missing" if code == "not_ready" else "unreachable"
    return BotStatus(bot, state, said, code)


async def try_free_bots(api: Api, bots: Sequence[Facts]) -> list[BotStatus]:
    """Tries all bots whose answer costs nothing; of the others what is known."""

    async def look(bot: Facts) -> BotStatus:
        return await try_bot(api, bot) if bot.get("kind") in FREE else initial_status(bot)

    return await asyncio.gather(*(look(bot) for bot in bots))


# --- as HTML ------------------------------------------------------------------------------------


def render_dots(statuses: Sequence[BotStatus], directory: Directory, words: Words) -> str:
    """One dot a bot, which leads to the list; all are one stop of the tab key."""
    dots = "".join(
        f'<li><a href="?view=bots" data-go tabindex="{-1 if at else 0}">'
        f'<span class="dot {one.state}"></span>'
        f"{escape(directory.bot_name(one.id))}"
        f'<span class="quiet"> {escape(words(f"bot_{one.state}"))}</span></a></li>'
        for at, one in enumerate(statuses)
    )
    return f'<ul class="dots-row" aria-label="{escape(words("bots_title"))}">{dots}</ul>'


def render_bots(statuses: Sequence[BotStatus], directory: Directory, words: Words) -> str:
    if not statuses:
        return f'<p class="quiet">{words("loading")}</p>'
    return "".join(_render_bot(one, directory, words) for one in statuses)


def _render_bot(one: BotStatus, directory: Directory, words: Words) -> str:
    took = f" · {words.format_seconds(one.latency_ms)}" if one.latency_ms is not None else ""
    described, kind = str(one.bot.get("description") or ""), str(one.bot.get("kind"))
    return (
        f'<article class="bot-card"><h2><span class="dot {one.state}"></span>'
        f"{escape(directory.bot_name(one.id))}</h2>"
        f'<p class="quiet"><code>{escape(one.id)}</code> · '
        f"{escape(words.get(f'kind_{kind}', kind))}</p>"
        f"{f'<p>{escape(described)}</p>' if described else ''}"
        f"{_render_manner(one.bot, words)}"
        f'<p class="state"><b>{escape(words(f"bot_{one.state}"))}</b>{took}'
        f"{_render_reason(one, words)}</p>"
        f'<button type="button" data-bot="{escape(one.id)}" aria-label="'
        f'{escape(words("try_bot"))}: {escape(directory.bot_name(one.id))}">'
        f"{escape(words('try_bot'))}</button></article>"
    )


def _render_manner(bot: Facts, words: Words) -> str:
    """Which release it is, who remembers, and whether calling it causes anything."""
    version, memory = bot.get("version"), bot.get("memory")
    told = [words("bot_version", version=str(version))] if version else []
    told += [words.get(f"memory_{memory}", str(memory))] if memory else []
    told += [words("bot_effects")] if bot.get("side_effects") else []
    return f'<p class="quiet">{escape(" · ".join(told))}</p>' if told else ""


def _render_reason(one: BotStatus, words: Words) -> str:
    """Why it cannot be used, in the page's language; the server's own words are folded away."""
    if one.state in ("ready", "unknown") or not one.detail:
        return ""
    if one.state == "missing":
        why = explain_missing(one.detail, words)
    else:
        why = words.get(f"why_{one.code.removeprefix('bot_')}", "")
    return (
        f" <span>{escape(why)}</span><details><summary>{words('details')}</summary>"
        f'<span lang="en">{escape(one.detail)}</span></details>'
    )


def explain_missing(reason: str, words: Words) -> str:
    """Which setting a bot or a model lacks."""
    names = list(dict.fromkeys(_VARIABLE.findall(reason)))
    return words("set_variable", names=f" {words('or')} ".join(names)) if names else reason


# --- the page -----------------------------------------------------------------------------------


def render_frame(words: Words) -> str:
    return (
        f'<div class="lead"><h1>{words("bots_title")}</h1><p>{words("bots_lead")}</p></div>'
        '<div class="bots">${value}</div>'
    )


def build_bots(tabs: TabSessions, words: Words) -> gr.HTML:
    with gr.Column(elem_id="page-bots", elem_classes="page"):
        listed = gr.HTML(
            render_bots((), Directory(words), words),
            html_template=render_frame(words),
            js_on_load=load_script("bots"),
            apply_default_css=False,
            elem_id="bots",
        )

    async def on_try(event: gr.EventData, request: gr.Request) -> str:
        tab = tabs.get(request)
        await refresh(tab, str(read_event_data(event).get("bot") or ""))
        return render_bots(tab.bot_statuses, tab.directory, words)

    listed.select(
        on_try,
        None,
        listed,
        trigger_mode="multiple",
        show_progress="hidden",
        api_visibility="private",
    )
    return listed


async def refresh(tab: TabSession, bot_id: str = "") -> None:
    """Tries one bot, or all whose answer costs nothing."""
    bots = tab.configuration.bots
    if not bot_id:
        tab.bot_statuses = await try_free_bots(tab.api, bots)
        return
    for at, bot in enumerate(bots):
        if str(bot["bot_id"]) == bot_id:
            tab.bot_statuses[at] = await try_bot(tab.api, bot)
