"""The pages on which something begins: a simulation, or a chat."""

from collections.abc import Mapping
from typing import Any, cast

import gradio as gr

from ui.api_client import Api
from ui.tab_session import TabSession
from ui.tab_sessions import TabSessions
from ui.texts import Words
from ui.transcript_files import Unreadable, parse_transcript

Choice = tuple[str, str]  # (label, id)
AUTO = ""
USUAL_BOT = "16"  # what the API takes where no bot is named
FIELDS = (
    "bot persona user_prompt seat opens turns bot_prompt opening lines time_limit given".split()
)


def build_scenario(told: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario of the form, without what was left standalone_app. Raises `Unreadable`."""
    lines = [line.strip() for line in str(told["lines"] or "").splitlines() if line.strip()]
    found: dict[str, Any] = {
        "bot_id": bot_id(told["bot"]),
        "persona": told["persona"] or None,
        "user_prompt": str(told["user_prompt"] or "").strip() or None,
        "user": told["seat"] or None,
        "first_speaker": told["opens"] or None,
        "max_turns": int(told["turns"] or 10),
        "bot_prompt": str(told["bot_prompt"] or "").strip() or None,
        "initial_message": str(told["opening"] or "").strip() or None,
        "lines": lines or None,
        "time_limit_s": float(told["time_limit"] or 0) or None,
        "history": parse_transcript(str(told["given"] or "")) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def bot_id(chosen: object) -> int | str:
    """Bots are numbered or named; the API tells the two apart."""
    text = str(chosen or USUAL_BOT)
    return int(text) if text.isdecimal() and str(int(text)) == text else text


def choose_default_bot(bots: list[str]) -> str | None:
    """The bot that is chosen at first."""
    return USUAL_BOT if USUAL_BOT in bots else next(iter(bots), None)


async def start_conversation(tab: TabSession, scenario: Mapping[str, Any]) -> None:
    """Makes the conversation, starts it and shows it."""
    made = await tab.attempt(lambda api: api.post("/api/conversations", scenario))
    if made is None:
        return
    id = str(made["conversation_id"])
    if scenario.get("user") != "human" or scenario.get("first_speaker") == "bot":
        await tab.attempt(lambda api: api.begin(f"/api/conversations/{id}/runs"))
    notice = tab.notice
    tab.move_to(id)
    tab.notice = notice


def build_new(tabs: TabSessions, bots: gr.Dropdown, words: Words) -> dict[str, Any]:
    """The form of a new simulation."""
    with gr.Column(elem_id="page-new", elem_classes="page sheet"):
        _render_lead(words, "new_title", "new_lead")
        fields: dict[str, Any] = {"bot": bots}
        with gr.Row(elem_classes="fields"):
            cast(Any, bots).render()
            fields["persona"] = gr.Dropdown(
                [(words("default_persona"), AUTO)], value=AUTO, label=words("persona")
            )
        fields["user_prompt"] = gr.Textbox(
            label=words("user_prompt"), placeholder=words("user_prompt_hint"), lines=2, max_lines=6
        )
        with gr.Row(elem_classes="fields"):
            fields["seat"] = _build_radio(words, "seat", "auto simulated scripted human")
            fields["opens"] = _build_radio(words, "opens", "auto user bot")
        fields["turns"] = gr.Slider(
            1, 50, 10, step=1, label=words("turns"), info=words("turns_info"), buttons=[]
        )
        with gr.Accordion(words("more"), open=False, elem_classes="more"):
            fields |= _build_more(words)
        start = gr.Button(words("start"), variant="primary", elem_id="start", size="lg")
    _wire_new(tabs, fields, start)
    return fields


def _wire_new(tabs: TabSessions, fields: Mapping[str, Any], start: gr.Button) -> None:
    async def on_start(request: gr.Request, *values: Any) -> None:
        tab = tabs.get(request)
        try:
            scenario = build_scenario(dict(zip(FIELDS, values, strict=True)))
        except Unreadable:
            tab.notice = tab.words("import_bad")
            tab.ring()
            return
        await start_conversation(tab, scenario)

    start.click(
        on_start,
        [fields[name] for name in FIELDS],
        None,
        show_progress="hidden",
        api_visibility="private",
    )


def _build_radio(words: Words, name: str, options: str) -> gr.Radio:
    choices = [
        (words(f"{name}_{option}"), AUTO if option == "auto" else option)
        for option in options.split()
    ]
    return gr.Radio(choices, value=AUTO, label=words(name))


def _build_more(words: Words) -> dict[str, Any]:
    """What most people never need."""
    found: dict[str, Any] = {
        "bot_prompt": gr.Textbox(
            label=words("bot_prompt"), info=words("bot_prompt_hint"), lines=2, max_lines=8
        ),
        "opening": gr.Textbox(label=words("opening"), max_lines=1),
        "lines": gr.Textbox(label=words("lines"), lines=2, max_lines=8),
        "time_limit": gr.Number(0, label=words("time_limit"), minimum=0, maximum=86400),
        "given": gr.Textbox(
            label=words("import"),
            placeholder=words("import_hint"),
            lines=3,
            max_lines=10,
            elem_id="given",
        ),
    }
    _build_file_picker(found["given"], words)
    return found


def _build_file_picker(into: gr.Textbox, words: Words) -> None:
    """A file is read by the browser: nothing is uploaded."""
    picker = gr.HTML(
        None,
        html_template=f'<label class="file">{words("import_file")}'
        '<input type="file" accept=".txt,.md,.json,text/*,application/json"></label>',
        js_on_load="element.addEventListener('change', async (event) => {"
        "const file = event.target.files[0];"
        "if (file) trigger('select', {text: (await file.text()).slice(0, 2000000)});"
        "event.target.value = ''; });",
    )

    def on_file(event: gr.EventData) -> str:
        return str((event._data or {}).get("text", ""))  # noqa: SLF001 - what our script sent

    picker.select(on_file, None, into, show_progress="hidden", api_visibility="private")


def build_chat(tabs: TabSessions, words: Words) -> gr.Dropdown:
    """The form of a chat: a bot, and what to say first."""
    with gr.Column(elem_id="page-chat", elem_classes="page sheet"):
        _render_lead(words, "chat_title", "chat_lead")
        bots = gr.Dropdown([], label=words("bot"), filterable=False)
        first = gr.Textbox(
            label=words("first_line"), max_lines=4, elem_id="first", placeholder="xin chào"
        )
        start = gr.Button(words("chat_start"), variant="primary", elem_id="chat", size="lg")

    async def on_chat(bot: Any, text: str, request: gr.Request) -> Any:
        said = await start_chat(tabs.get(request), bot_id(bot), text.strip())
        return "" if said else gr.skip()

    gr.on(
        [start.click, first.submit],
        on_chat,
        [bots, first],
        first,
        show_progress="hidden",
        api_visibility="private",
    )
    return bots


async def start_chat(tab: TabSession, bot: int | str, text: str) -> bool:
    """Opens a session and says the first line in it; false where that was refused."""
    made = await tab.attempt(lambda api: api.post("/session", {"bot_id": bot}))
    if made is None:
        return False
    session, heard = str(made["session_id"]), True
    if text:
        said = {"session_id": session, "message": text}
        heard = await tab.attempt(lambda api: api.begin("/chat/stream", said)) is not None
    notice = tab.notice
    tab.move_to(session)
    tab.notice = notice
    return heard


def _render_lead(words: Words, title: str, lead: str) -> None:
    gr.HTML(
        f"<h1>{words(title)}</h1><p>{words(lead)}</p>",
        elem_classes="lead",
        js_on_load=None,
        apply_default_css=False,
    )


async def fetch_choices(api: Api) -> tuple[list[Choice], list[Choice], str]:
    """Bots and personas, and who has the user's seat by default."""
    bots = (await api.get("/api/bots"))["bots"]
    personas = (await api.get("/api/personas"))["personas"]
    info = await api.get("/info")
    return (
        [(_bot_label(str(bot["name"]), bot), str(bot["bot_id"])) for bot in bots],
        [(str(one["name"]), str(one["persona"])) for one in personas],
        str(info.get("user") or ""),
    )


def _bot_label(name: str, bot: Mapping[str, Any]) -> str:
    return name if bot.get("ready", True) else f"{name} — {bot.get('reason')}"
