"""The pages on which something begins: a simulation, or a chat."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import gradio as gr

from ui.configuration import Configuration
from ui.directory import Directory
from ui.ready_scenarios import READY
from ui.script_events import read_event_data
from ui.tab_session import TabSession
from ui.tab_sessions import TabSessions
from ui.texts import Words
from ui.transcript_files import NoTranscript, parse_transcript

Choice = tuple[str, str]  # (label, id)
AUTO = ""
USUAL_BOT = "16"  # what the API takes where no bot is named
FIELDS = (
    "bot persona scripted_persona user_prompt seat opens turns pace bot_prompt opening lines "
    "soft_turns time_limit token_limit given"
).split()
VERSUS_FIELDS = "user_prompt bot_prompt opens opening turns".split()
PLAIN = "plain"  # the persona that adds nothing to a prompt


def build_scenario(told: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario of the form, without what was left alone. Raises `NoTranscript`."""
    found: dict[str, Any] = {
        "bot_id": bot_id(told["bot"]),
        "persona": _choose_persona(told) or None,
        "user_prompt": _text(told["user_prompt"]),
        "user": told["seat"] or None,
        "first_speaker": told["opens"] or None,
        "max_turns": int(told["turns"] or 10),
        "pace": told["pace"] or None,
        "bot_prompt": _text(told["bot_prompt"]),
        "initial_message": _text(told["opening"]),
        "lines": read_lines(str(told["lines"] or "")) or None,
        "soft_turns": int(told["soft_turns"] or 0) or None,
        "token_limit": int(told["token_limit"] or 0) or None,
        "time_limit_s": float(told["time_limit"] or 0) or None,
        "history": parse_transcript(str(told["given"] or "")) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _choose_persona(told: Mapping[str, Any]) -> object:
    """Each kind of player has personas of its own to choose from."""
    return told["scripted_persona" if told["seat"] == "scripted" else "persona"]


def read_lines(text: str) -> list[Any]:
    """The user's lines as the API takes them: a text a line, `{simulate: 3}` or `{simulate: rest}`
    on a line of its own where the simulator goes on; `{say: text}` is a text too.
    """
    return [_read_line(line.strip()) for line in text.splitlines() if line.strip()]


def _read_line(line: str) -> Any:
    if found := _SIMULATE.fullmatch(line):
        count = found[1]
        return {"simulate": int(count) if count.isdigit() else "rest"}
    found = _SAY.fullmatch(line)
    return {"say": (found[1] or found[2]).strip()} if found else line


_SIMULATE = re.compile(r"(?:- )?\{? ?simulate ?: ?(\d{1,4}|rest) ?\}?", re.IGNORECASE)
# Without braces and dash, `say: hello` may be just what is to be said.
_SAY = re.compile(r"(?:- )?\{ ?say ?: ?(\S.*)\}|- say ?: ?(\S.*)", re.IGNORECASE)


def build_versus_scenario(told: Mapping[str, Any]) -> dict[str, Any]:
    """Two prompts against each other: no persona and no opening but what stands in the form."""
    found: dict[str, Any] = {
        "persona": PLAIN,
        "user": "simulated",
        "user_prompt": _text(told["user_prompt"]),
        "bot_prompt": _text(told["bot_prompt"]),
        "first_speaker": told["opens"] or "user",
        "initial_message": _text(told["opening"]) if told["opens"] != "bot" else None,
        "max_turns": int(told["turns"] or 10),
    }
    return {name: value for name, value in found.items() if value is not None}


def _text(value: object) -> str | None:
    return str(value or "").strip() or None


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
    notice = tab.notice, tab.notice_detail
    tab.move_to(id)
    tab.notify(*notice)


def build_new(tabs: TabSessions, bots: gr.Dropdown, words: Words) -> dict[str, Any]:
    """The form of a new simulation."""
    with gr.Column(elem_id="page-new", elem_classes="page sheet"):
        _render_lead(words, "new_title", "new_lead")
        fields: dict[str, Any] = {"bot": bots, "ready": _build_ready(tabs)}
        cast(Any, bots).render()
        fields["dots"] = gr.HTML("", js_on_load=None, apply_default_css=False, elem_id="dots")
        fields |= _build_user(words)
        with gr.Row(elem_classes="fields"):
            fields["turns"] = gr.Slider(
                1, 50, 10, step=1, label=words("turns"), info=words("turns_info"), buttons=[]
            )
            fields["pace"] = gr.Radio(
                [(words(f"pace_{name}"), name) for name in ("slow", "normal", "instant")],
                value="normal",
                label=words("pace"),
                info=words("pace_info"),
            )
        with gr.Accordion(words("more"), open=False, elem_classes="more"):
            fields |= _build_more(words)
        start = gr.Button(words("start"), variant="primary", elem_id="start", size="lg")
    _wire_start(tabs, start, [fields[name] for name in FIELDS], FIELDS, build_scenario)
    return fields


def _build_user(words: Words) -> dict[str, Any]:
    """Who plays the user; a persona and a task are asked for where a model does."""
    seats = [(words(f"seat_{name}"), name) for name in ("simulated", "scripted", "human")]
    fields: dict[str, Any] = {
        "seat": gr.Radio(seats, value="scripted", label=words("seat"), elem_id="seat")
    }
    with gr.Row(elem_classes="fields simulated-only"):
        fields["persona"] = gr.Dropdown([], label=words("persona"), filterable=False)
        fields["user_prompt"] = gr.Textbox(
            label=words("user_prompt"), placeholder=words("user_prompt_hint"), lines=2, max_lines=6
        )
    with gr.Row(elem_classes="fields scripted-only"):
        fields["scripted_persona"] = gr.Dropdown([], label=words("persona"), filterable=False)
    fields["seat"].change(None, fields["seat"], None, js="(seat) => duologue.seat(seat)")
    return fields


def _build_ready(tabs: TabSessions) -> gr.HTML:
    """Scenarios to begin with; empty as soon as there are many conversations."""
    ready = gr.HTML(
        "",
        js_on_load="element.addEventListener('click', (event) => {"
        "const card = event.target.closest('[data-ready]');"
        "if (card) trigger('select', {name: card.dataset.ready}); });",
        apply_default_css=False,
        elem_id="ready",
    )

    async def on_ready(event: gr.EventData, request: gr.Request) -> None:
        name = str(read_event_data(event).get("name"))
        if name in READY:
            await start_conversation(tabs.get(request), READY[name])

    ready.select(on_ready, None, None, show_progress="hidden", api_visibility="private")
    return ready


def _wire_start(
    tabs: TabSessions,
    button: gr.Button,
    inputs: Sequence[Any],
    names: Sequence[str],
    build: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> None:
    async def on_start(request: gr.Request, *values: Any) -> None:
        tab = tabs.get(request)
        try:
            scenario = build(dict(zip(names, values, strict=True)))
        except NoTranscript:
            tab.notify(tab.words("import_bad"))
            return
        await start_conversation(tab, scenario)

    button.click(on_start, list(inputs), None, show_progress="hidden", api_visibility="private")


def build_versus(tabs: TabSessions, words: Words) -> None:
    """The form that lets two prompts talk to each other."""
    with gr.Column(elem_id="page-versus", elem_classes="page sheet wide"):
        _render_lead(words, "versus_title", "versus_lead")
        _render_needs_model(words)
        with gr.Row(elem_classes="fields duel"):
            boxes = [
                gr.Textbox(
                    label=words(f"versus_{side}"),
                    info=words(f"versus_{side}_info"),
                    placeholder=words(f"versus_{side}_hint"),
                    lines=9,
                    max_lines=24,
                    elem_classes=side,
                )
                for side in ("user", "bot")
            ]
        with gr.Row(elem_classes="fields"):
            opens = gr.Radio(
                [(words("opens_user"), "user"), (words("opens_bot"), "bot")],
                value="user",
                label=words("opens"),
            )
            turns = gr.Slider(
                1, 50, 10, step=1, label=words("turns"), info=words("turns_info"), buttons=[]
            )
        opening = gr.Textbox(label=words("opening"), info=words("versus_opening"), max_lines=3)
        start = gr.Button(words("start"), variant="primary", elem_id="versus", size="lg")
    fields = [*boxes, opens, opening, turns]
    _wire_start(tabs, start, fields, VERSUS_FIELDS, build_versus_scenario)


def _render_needs_model(words: Words) -> None:
    text = f'<p class="note warn needs-model">{words("needs_model_versus")}</p>'
    gr.HTML(text, js_on_load=None, apply_default_css=False)


def _build_more(words: Words) -> dict[str, Any]:
    """What most people never need."""
    found: dict[str, Any] = {
        "opens": gr.Radio(
            [(words("opens_user"), AUTO), (words("opens_bot"), "bot")],
            value=AUTO,
            label=words("opens"),
        ),
        "bot_prompt": gr.Textbox(
            label=words("bot_prompt"), info=words("bot_prompt_hint"), lines=2, max_lines=8
        ),
        "opening": gr.Textbox(label=words("opening"), max_lines=1),
        "lines": gr.Textbox(
            label=words("lines"),
            info=words("lines_info"),
            lines=2,
            max_lines=8,
            elem_id="lines",
        ),
    }
    with gr.Row(elem_classes="fields"):
        found |= {
            "soft_turns": gr.Number(
                0, label=words("soft_turns"), minimum=0, maximum=1000, precision=0
            ),
            "time_limit": gr.Number(0, label=words("time_limit"), minimum=0, maximum=86400),
            "token_limit": gr.Number(0, label=words("token_limit"), minimum=0, precision=0),
        }
    found |= {
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
        html_template='<label class="file"><input type="file" class="heard" '
        'accept=".txt,.md,.json,text/*,application/json">'
        f"<span>{words('import_file')}</span></label>",
        js_on_load="element.addEventListener('change', async (event) => {"
        "const file = event.target.files[0];"
        "if (file) trigger('select', {text: (await file.text()).slice(0, 2000000)});"
        "event.target.value = ''; });",
    )

    def on_file(event: gr.EventData) -> str:
        return str(read_event_data(event).get("text", ""))

    picker.select(on_file, None, into, show_progress="hidden", api_visibility="private")


def build_chat(tabs: TabSessions, words: Words) -> gr.Dropdown:
    """The form of a chat: a bot, and what to say first."""
    with gr.Column(elem_id="page-chat", elem_classes="page sheet"):
        _render_lead(words, "chat_title", "chat_lead")
        bots = gr.Dropdown([], label=words("bot"), filterable=False)
        first = gr.Textbox(
            label=words("first_line"),
            max_lines=4,
            elem_id="first",
            placeholder=words("first_line_hint"),
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
    made = await tab.attempt(lambda api: api.post("/session", {"bot_id": bot, "pace": "normal"}))
    if made is None:
        return False
    session, heard = str(made["session_id"]), True
    if text:
        said = {"session_id": session, "message": text}
        heard = await tab.attempt(lambda api: api.begin("/chat/stream", said)) is not None
    notice = tab.notice, tab.notice_detail
    tab.move_to(session)
    tab.notify(*notice)
    return heard


def _render_lead(words: Words, title: str, lead: str) -> None:
    gr.HTML(
        f"<h1>{words(title)}</h1><p>{words(lead)}</p>"
        f'<p class="awaited" role="status">{words("loading")}</p>',
        elem_classes="lead",
        js_on_load=None,
        apply_default_css=False,
    )


def bot_choices(configuration: Configuration, directory: Directory) -> list[Choice]:
    return [
        (_bot_label(directory.bot_name(bot["bot_id"]), bot), str(bot["bot_id"]))
        for bot in configuration.bots
    ]


def _bot_label(name: str, bot: Mapping[str, Any]) -> str:
    return name if bot.get("ready", True) else f"{name} — {bot.get('reason')}"


def scripted_choices(configuration: Configuration, directory: Directory) -> list[Choice]:
    """The personas that need no model, the one that is taken by default first."""
    default = directory.words("default_is", name=directory.user_name("scripted", None))
    named = [
        (directory.user_name("scripted", one["persona"]), str(one["persona"]))
        for one in configuration.personas
        if one.get("scripted") and one["persona"] != configuration.default_persona
    ]
    return [(default, AUTO), *named]


def persona_choices(configuration: Configuration, directory: Directory) -> list[Choice]:
    """The personas, the one that is taken by default first; then no persona but the prompt."""
    words, default = directory.words, configuration.default_persona
    known = {
        str(one["persona"]): directory.user_name("simulated", one["persona"])
        for one in configuration.personas
    }
    chosen = [(words("default_is", name=known[default]), AUTO)] if default in known else []
    others = [(name, id) for id, name in known.items() if id not in (default, PLAIN)]
    plain = [(words("persona_plain"), PLAIN)] if PLAIN in known else []
    return [*chosen, *others, *plain]
