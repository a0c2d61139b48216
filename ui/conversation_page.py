"""The page of one conversation: watch it, steer it, branch off from it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta, timezone
from functools import partial
from typing import Any

import gradio as gr

from ui.api_client import Api
from ui.assets import load_script
from ui.conversation_feed import ConversationFeed
from ui.conversation_requests import (
    MORE_TURNS,
    conversation_path,
    create_branch,
    hand_back,
    index_before,
    resume,
    run_more_turns,
    speak,
    start_run,
    stop,
    suggest_line,
    take_seat,
)
from ui.render import render_actions
from ui.script_events import read_event_data
from ui.start_pages import AUTO, start_conversation
from ui.tab_session import TabSession
from ui.tab_sessions import TabSessions
from ui.texts import Words
from ui.transcript_files import WRITERS, Heading

STEERING = "run_it stop resume take go_on".split()
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


# --- the page -----------------------------------------------------------------------------------


def render_frame(words: Words) -> str:
    """The places that stage.js fills."""
    return (
        '<div data-part="banner"></div><div class="columns">'
        f'<div class="column"><h2 class="which">{words("this_one")}</h2>'
        f'<ol data-rows="rows" aria-label="{words("transcript")}" tabindex="-1"></ol></div>'
        f'<div class="column beside"><h2 class="which">{words("other_one")} '
        f'<button type="button" data-act="compare_end">{words("compare_end")}</button></h2>'
        f'<ol data-rows="other" aria-label="{words("other_one")}" tabindex="-1"></ol></div></div>'
        f'<div data-part="empty"></div><i data-newest="{words("newest")}" hidden></i>'
        f"{render_actions('user', words)}{render_actions('assistant', words)}"
    )


def build_thread(blocks: gr.Blocks, tabs: TabSessions, words: Words, boot: gr.Textbox) -> None:
    with gr.Column(elem_id="page-thread", elem_classes="page"):
        gr.HTML(
            None,
            html_template='<div data-part="head"></div>',
            elem_id="head",
            js_on_load=None,
            apply_default_css=False,
        )
        stage = gr.HTML(
            None,
            html_template=render_frame(words),
            js_on_load=load_script("stage"),
            apply_default_css=False,
            elem_id="stage",
        )
        with gr.Column(elem_id="dock"):
            _build_composer(tabs, words)
            _build_steering(tabs, words)
        gr.HTML(
            None,
            html_template='<div data-part="side"></div>',
            elem_id="side",
            js_on_load=None,
            apply_default_css=False,
        )
    courier = gr.HTML(
        {},
        html_template="",
        js_on_load="watch('value', () => duologue.told(props.value || {}));",
        elem_id="courier",
    )
    updates = gr.HTML(
        "",
        html_template="",
        js_on_load="watch('value', () => duologue.update(props.value));",
        elem_id="updates",
    )
    form = _build_dialog(tabs, words)
    _wire_follow(blocks, tabs, updates, boot)
    _wire_acts(tabs, stage, courier, form)


def _wire_follow(blocks: gr.Blocks, tabs: TabSessions, updates: gr.HTML, boot: gr.Textbox) -> None:
    async def follow(told: str, request: gr.Request) -> AsyncIterator[str]:
        """Shows the tab its page until it is closed; what it shows goes on without it."""
        tab = tabs.get(request)
        restore_tab(tab, told)
        try:
            async for page in tab.watch():
                yield page
        finally:
            tabs.close(request)

    blocks.load(follow, boot, updates, js="() => duologue.boot()", concurrency_limit=None, **QUIET)


def restore_tab(tab: TabSession, told: str) -> None:
    """The tab says where it is, which key it has and whose conversations it shows."""
    import json

    try:
        at = json.loads(told or "{}")
    except ValueError:
        at = {}
    tab.key, tab.client = str(at.get("key") or ""), str(at.get("client") or "")
    tab.open(str(at.get("thread") or ""), str(at.get("beside") or ""))


def _build_composer(tabs: TabSessions, words: Words) -> None:
    """The person's seat: write, have a line suggested, send, hand back."""
    patience = f'<p class="quiet">{words("not_your_turn")}</p>'
    gr.HTML(patience, elem_id="patience", js_on_load=None, apply_default_css=False)
    with gr.Row(elem_id="composer"):
        line = gr.Textbox(
            label=words("your_line"),
            placeholder=words("your_line_hint"),
            lines=1,
            max_lines=6,
            scale=1,
            elem_id="line",
        )
        with gr.Row(elem_classes="buttons"):
            suggest = gr.Button(words("suggest"), elem_id="suggest", size="md")
            back = gr.Button(words("hand_back"), elem_id="hand_back", size="md")
            send = gr.Button(words("send"), variant="primary", elem_id="send", size="md")

    async def on_send(text: str, request: gr.Request) -> Any:
        tab = tabs.get(request)
        feed = tab.feed
        if feed is None or not text.strip():
            return gr.skip()
        sent = await tab.attempt(lambda api: speak(api, feed, text))
        return "" if sent else gr.skip()

    async def on_suggest(request: gr.Request) -> Any:
        tab = tabs.get(request)
        feed = tab.feed
        text = await tab.attempt(lambda api: suggest_line(api, feed)) if feed else None
        return text or gr.skip()

    async def on_back(request: gr.Request) -> None:
        tab = tabs.get(request)
        if feed := tab.feed:
            await tab.attempt(lambda api: hand_back(api, feed, tab.default_seat))

    gr.on([send.click, line.submit], on_send, line, line, **QUIET)
    suggest.click(on_suggest, None, line, **QUIET)
    back.click(on_back, None, None, **QUIET)


def _build_steering(tabs: TabSessions, words: Words) -> None:
    """One button a verb; the style shows those that fit how the conversation stands."""
    verbs: dict[str, Callable[[Api, ConversationFeed], Awaitable[None]]] = {
        "run_it": start_run,
        "stop": stop,
        "resume": resume,
        "take": take_seat,
        "go_on": run_more_turns,
    }

    async def on_verb(
        verb: Callable[[Api, ConversationFeed], Awaitable[None]], request: gr.Request
    ) -> None:
        tab = tabs.get(request)
        if feed := tab.feed:
            await tab.attempt(lambda api: verb(api, feed))

    with gr.Row(elem_id="steering"):
        for name in STEERING:
            text = words(name, n=MORE_TURNS) if name == "go_on" else words(name)
            variant = {"stop": "stop", "take": "secondary"}.get(name, "primary")
            button = gr.Button(text, elem_id=name, variant=variant, size="md")  # type: ignore[arg-type]
            button.click(_bind_verb(on_verb, verbs[name]), None, None, **QUIET)


def _bind_verb(
    handler: Callable[..., Awaitable[None]], verb: Any
) -> Callable[..., Awaitable[None]]:
    # Gradio looks at annotations for the request, which functools.partial hides.
    async def on_click(request: gr.Request) -> None:
        await handler(verb, request)

    return on_click


# --- branching off ------------------------------------------------------------------------------


def _build_dialog(tabs: TabSessions, words: Words) -> dict[str, Any]:
    with gr.Column(elem_id="fork"), gr.Column(elem_classes="card"):
        gr.HTML(
            f"<h2>{words('fork_title')}</h2><p>{words('fork_lead')}</p>",
            elem_classes="lead",
            js_on_load=None,
            apply_default_css=False,
        )
        form: dict[str, Any] = {
            "index": gr.Number(-1, visible=False, precision=0),
            "message": gr.Textbox(
                label=words("fork_line"), placeholder=words("fork_line_hint"), max_lines=6
            ),
            "bot": gr.Dropdown([(words("fork_same"), AUTO)], value=AUTO, label=words("bot")),
            "persona": gr.Dropdown(
                [(words("fork_same"), AUTO)], value=AUTO, label=words("persona")
            ),
            "user_prompt": gr.Textbox(
                label=words("user_prompt"), placeholder=words("fork_same"), max_lines=6
            ),
        }
        with gr.Row(elem_classes="buttons"):
            cancel = gr.Button(words("cancel"), elem_id="fork_cancel")
            go = gr.Button(words("fork_go"), variant="primary", elem_id="fork_go")
    cancel.click(None, None, None, js="() => duologue.closeDialog()", **QUIET)
    tabs.fork_form = form
    _wire_dialog(tabs, form, go)
    return form


def _wire_dialog(tabs: TabSessions, form: Mapping[str, Any], go: gr.Button) -> None:
    from ui.start_pages import bot_id

    async def on_fork(
        index: float, message: str, bot: str, persona: str, prompt: str, request: gr.Request
    ) -> None:
        changes = {
            "message": message.strip(),
            "bot_id": bot_id(bot) if bot else "",
            "persona": persona,
            "user_prompt": prompt.strip(),
        }
        kept = {name: value for name, value in changes.items() if value != ""}
        await create_branch(tabs.get(request), int(index), kept)

    go.click(
        on_fork,
        list(form.values()),
        None,
        js="(...all) => { duologue.closeDialog(); return all; }",
        **QUIET,
    )


# --- what stage.js asks for ---------------------------------------------------------------------


def _wire_acts(
    tabs: TabSessions, stage: gr.HTML, courier: gr.HTML, form: Mapping[str, Any]
) -> None:
    handlers: dict[str, Callable[[TabSession, Mapping[str, Any]], Awaitable[Any]]] = {
        "open": on_open,
        "dismiss": on_dismiss,
        "resend": on_resend,
        "refresh": on_refresh,
        "resume": on_resume,
        "retry": on_retry,
        "again": on_again,
        "download": on_download,
        "edit": partial(on_dialog, edits=True),
        "fork": partial(on_dialog, edits=False),
    }

    async def on_act(event: gr.EventData, request: gr.Request) -> Any:
        told = read_event_data(event)
        handler = handlers.get(str(told.get("act")))
        answer = await handler(tabs.get(request), told) if handler else None
        if isinstance(answer, tuple):
            return {"filled": told.get("asked")}, *answer
        return answer or gr.skip(), *(gr.skip() for _ in form)

    # By default an act would be dropped while another one is under way.
    stage.select(on_act, None, [courier, *form.values()], trigger_mode="multiple", **QUIET)


async def on_open(tab: TabSession, told: Mapping[str, Any]) -> None:
    tab.open(str(told.get("thread") or ""), str(told.get("beside") or ""))


async def on_dismiss(tab: TabSession, _told: Mapping[str, Any]) -> None:
    tab.notify("")


async def on_resend(tab: TabSession, told: Mapping[str, Any]) -> None:
    tab.resend(int(told.get("version") or 0))


async def on_refresh(tab: TabSession, _told: Mapping[str, Any]) -> None:
    tab.ring()  # a sign of life, for a page that doubts whether it is still heard


async def on_resume(tab: TabSession, _told: Mapping[str, Any]) -> None:
    if feed := tab.feed:
        await tab.attempt(lambda api: resume(api, feed))


async def on_retry(tab: TabSession, told: Mapping[str, Any]) -> None:
    if feed := tab.feed:
        await create_branch(tab, index_before(feed, int(told.get("index", 0))), {})


async def on_again(tab: TabSession, _told: Mapping[str, Any]) -> None:
    """Another conversation with the same set-up."""
    if (feed := tab.feed) and (scenario := feed.setup.get("scenario")):
        await start_conversation(tab, scenario)


async def on_dialog(tab: TabSession, told: Mapping[str, Any], *, edits: bool) -> Any:
    """Fills the whole dialog: where to branch off, and the line that may be said instead."""
    feed, index = tab.feed, int(told.get("index", -1))
    lines = feed.transcript.bubbles if feed else []
    if feed is None or not 0 <= index < len(lines):
        return None
    said_by_user = lines[index].role == "user"
    at, line = (index_before(feed, index), lines[index].text) if edits else (index, "")
    return at, gr.update(value=line, visible=edits or not said_by_user), AUTO, AUTO, ""


async def on_download(tab: TabSession, told: Mapping[str, Any]) -> Any:
    feed, kind = tab.feed, str(told.get("as"))
    if feed is None or kind not in WRITERS:
        return None
    detail = await tab.attempt(lambda api: api.get(conversation_path(feed)))
    if detail is None:
        return None
    zone = timezone(timedelta(minutes=max(-1439, min(int(told.get("zone") or 0), 1439))))
    heading = Heading(**tab.speaker_names(feed), zone=zone)
    tab.saved += 1  # the same file once more is another value, which the page takes note of
    name = f"duologue-{feed.id[:8]}.{kind}"
    return {"name": name, "text": WRITERS[kind](detail, heading), "count": tab.saved}
