"""A conversation as HTML. What a bot, a model or a person said is escaped: never markup."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any

from core.parts import CHOICES, Part, describe_part
from ui.directory import Directory
from ui.failure_texts import end_sentence
from ui.findings import Quotes, render_outcome, render_text
from ui.plot import render_plot
from ui.texts import Words
from ui.transcript import Aside, Bubble, Excerpt, TranscriptView

Facts = Mapping[str, Any]
Cache = dict[Any, Any]
OPEN_ENDED = 1000  # turns: a chat has no end that anybody waits for
FACTS = ("code", "retryable", "attempts", "status", "incident")


def render_tag(kind: str, text: str) -> str:
    return f'<span class="tag {escape(kind)}">{escape(text)}</span>'


def render_chip(status: str, words: Words, seat: str = "") -> str:
    """How a conversation stands, in a colour and in words."""
    name = words.get(f"is_{status}", status)
    if status == "waiting" and seat == "human":
        name = words("waiting_for_you")
    return f'<span class="chip {escape(status)}">{escape(name)}</span>'


def render_clock(stamp: str) -> str:
    """A time; the page's script puts it into the reader's own zone."""
    shown = escape(stamp[11:19])
    return f'<time datetime="{escape(stamp)}">{shown}</time>' if stamp else ""


# --- rows ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cast:
    """Who speaks in a conversation."""

    directory: Directory
    detail: Facts
    seat: str
    quotes: Quotes = field(default_factory=dict)

    def speaker_name(self, line: Bubble) -> str:
        return self.directory.speaker_name(line, self.detail, self.seat)

    def role_name(self, role: str) -> str:
        """Whoever has that role now."""
        return self.speaker_name(Bubble(-1, role))


def render_rows(transcript: TranscriptView, cast: Cast, words: Words, cache: Cache) -> list[str]:
    """A row a line, and one for whoever is thinking. Rows that did not change are not made anew."""
    made = []
    for line in transcript.bubbles:
        known = cache.get(line.index)
        if known is None or known[0] is not line:
            quotes = cast.quotes.get(line.index, ())
            drawn = render_bubble(line, cast.speaker_name(line), words, quotes)
            known = cache[line.index] = (line, drawn)
        made.append(known[1])
    waiting = render_thinking(transcript, cast, words)
    return [*made, waiting] if waiting else made


def render_bubble(
    line: Bubble, name: str, words: Words, quotes: Sequence[tuple[str, str]] = ()
) -> str:
    role = "user" if line.role == "user" else "assistant"
    badge = ""
    if line.origin in ("human", "given", "scripted"):
        badge = render_tag(f"origin {line.origin}", words(f"origin_{line.origin}"))
    badge += "".join(render_tag(mark, words(f"mark_{mark}")) for mark in line.marks)
    state = "settled" if line.settled else "live"
    return (
        f'<li class="msg {role} {state} {escape(line.origin)}" data-index="{line.index}">'
        f'<span class="face {role}" aria-hidden="true">{escape(_initial(name))}</span>'
        f'<div class="box"><div class="who"><b>{escape(name)}</b>{badge}</div>'
        f"{_render_text(line, quotes)}{_render_parts(line.parts)}"
        f"{_render_facts(line, words)}{_render_excerpts(line.excerpts, words)}"
        f"{_render_asides(line.asides, words)}</div></li>"
    )


def _render_text(line: Bubble, quotes: Sequence[tuple[str, str]]) -> str:
    if not line.text and line.parts:
        return ""
    return f'<div class="text" dir="auto">{render_text(line.text, quotes)}</div>'


def _render_parts(parts: Sequence[Part]) -> str:
    """Buttons, links and the like. Pictures are links: no page of ours calls another server."""
    if not parts:
        return ""
    return f'<div class="parts">{"".join(map(_render_part, parts))}</div>'


def _render_part(part: Part) -> str:
    kind, title = part["kind"], escape(part.get("title", ""))
    if kind in CHOICES and title:
        return f'<button type="button" class="part {kind}" data-choose="{title}">{title}</button>'
    shown, url = escape(describe_part(part).strip("[]")), part.get("url", "")
    if url.lower().startswith(("http://", "https://")):
        named = f"{escape(kind)}: {title}" if title else shown
        return (
            f'<a class="part {kind}" href="{escape(url)}" target="_blank" '
            f'rel="noopener noreferrer">{named}</a>'
        )
    return f'<span class="part {kind}">{shown}</span>'


def _initial(name: str) -> str:
    letters = [letter for letter in name if letter.isalnum()]
    return letters[0].upper() if letters else "•"


def _render_facts(line: Bubble, words: Words) -> str:
    if not line.settled:
        return '<div class="facts"></div>'
    known = [render_clock(line.timestamp)]
    if line.latency_ms is not None:
        known.append(f"<span>{words.format_seconds(line.latency_ms)}</span>")
    if line.tokens:
        known.append(f"<span>{words('n_tokens', n=words.format_number(line.tokens))}</span>")
    if line.aims:
        known.append(f"<span>{escape(words('aim_reached', aims='; '.join(line.aims)))}</span>")
    return f'<div class="facts">{"".join(known)}</div>'


def render_actions(role: str, words: Words) -> str:
    """What can be done with a message of that role; the page's script puts it beside one."""
    names = ["retry", "edit", "fork"] if role == "user" else ["retry", "fork"]
    buttons = "".join(
        f'<button type="button" data-act="{name}" title="{escape(words(name + "_hint"))}">'
        f"{escape(words(name))}</button>"
        for name in names
    )
    return f'<template data-acts="{role}"><span class="acts">{buttons}</span></template>'


def _render_excerpts(excerpts: Sequence[Excerpt], words: Words) -> str:
    if not excerpts:
        return ""
    told = "".join(
        f'<li><b>{escape(one.place)}</b> <span class="why">{escape(f"{one.score:g}")}</span>'
        f"<q>{escape(one.text)}</q></li>"
        for one in excerpts
    )
    return (
        f'<details class="asides sources"><summary>{words("sources", n=len(excerpts))}</summary>'
        f"<ul>{told}</ul></details>"
    )


def _render_asides(asides: Sequence[Aside], words: Words) -> str:
    if not asides:
        return ""
    told = "".join(
        f"<li>{render_tag(aside.kind, words.get(aside.kind, aside.kind))} "
        f'<span class="why">{escape(aside.why)}</span>'
        f"{f'<q>{escape(aside.text)}</q>' if aside.text else ''}</li>"
        for aside in asides
    )
    return (
        f'<details class="asides"><summary>{words("asides", n=len(asides))}</summary>'
        f"<ul>{told}</ul></details>"
    )


def render_thinking(transcript: TranscriptView, cast: Cast, words: Words) -> str:
    """The row of the speaker whose line is awaited, unless that is the reader."""
    who = transcript.thinking
    if who is None or (who == "user" and cast.seat == "human"):
        return ""
    role = "assistant" if who in ("opening", "assistant") else "user"
    name = cast.role_name(role)
    text = words("starting") if who == "opening" else words(f"thinking_{role}", name=name)
    if transcript.looking_up:
        text = words("looking_up", name=name, what=transcript.looking_up)
    return (
        f'<li class="msg {role} thinking"><span class="face {role}" aria-hidden="true">'
        f'{escape(_initial(name))}</span><div class="box"><div class="dots" role="status">'
        f"<i></i><span>{escape(text)}</span></div>"
        f"{_render_asides(transcript.asides, words)}</div></li>"
    )


def render_empty(transcript: TranscriptView, words: Words, seat: str) -> str:
    """What stands where no line is yet."""
    if transcript.bubbles or transcript.thinking or transcript.status == "interrupted":
        return ""
    text = words("say_first" if seat == "human" else "press_start")
    if transcript.status not in ("created", "waiting"):
        text = words("loading") if transcript.status == "opening" else ""
    lead = words("nothing_said") if transcript.status != "opening" else ""
    return f'<div class="empty"><p><b>{lead}</b></p><p>{text}</p></div>'


# --- what stands around them --------------------------------------------------------------------


def render_head(
    transcript: TranscriptView,
    detail: Facts,
    names: Facts,
    words: Words,
    trial: Facts | None = None,
) -> str:
    """Who talks to whom, how it stands, how far it is."""
    turn, most = transcript.turn, transcript.max_turns or 1
    user = escape(str(names.get("user") or words("user")))
    bot = escape(str(names.get("assistant") or words("bot_name")))
    open_ended = transcript.max_turns >= OPEN_ENDED
    count = words("turn_n" if open_ended else "turn_of", turn=turn, max=transcript.max_turns)
    ended = render_reason(transcript.end_reason, words) if transcript.status != "running" else ""
    return (
        f'<div class="title"><h1>{user} <span class="quiet">{words("with")}</span> {bot}</h1>'
        f"{render_chip(transcript.status, words, transcript.seat or '')}"
        f"{render_outcome(trial or {}, words)}"
        f'<span class="quiet ended">{ended}</span></div>'
        f'<div class="progress{" open" if open_ended else ""}">'
        f'<div class="track" role="progressbar" aria-label="{count}" '
        f'aria-valuemin="0" aria-valuemax="{most}" aria-valuenow="{turn}">'
        f'<i style="transform:scaleX({min(turn / most, 1):.3f})"></i></div>'
        f"<span>{count}</span>{_render_elapsed(transcript, detail, words)}"
        f"{_render_tokens(transcript, words)}</div>"
    )


def render_reason(end_reason: str | None, words: Words) -> str:
    return escape(words.get(f"end_{end_reason}", end_reason)) if end_reason else ""


def _render_elapsed(transcript: TranscriptView, detail: Facts, words: Words) -> str:
    fresh = [line.timestamp for line in transcript.bubbles if line.timestamp]
    since = str(detail.get("created_at") or "")
    if not since or not (fresh or transcript.status == "running"):
        return ""
    ended = max(*fresh[-1:], str(detail.get("updated_at") or ""), "")
    until = "" if transcript.status == "running" else ended
    return (
        f'<span title="{words("elapsed")}" data-since="{escape(since)}" '
        f'data-until="{escape(until)}">{_format_span(since, until)}</span>'
    )


def _format_span(since: str, until: str) -> str:
    try:
        begun = datetime.fromisoformat(since)
        ended = datetime.fromisoformat(until) if until else datetime.now(UTC)
    except ValueError:
        return ""
    seconds = max(int((ended - begun).total_seconds()), 0)
    hours, rest = divmod(seconds, 3600)
    start = f"{hours}:" if hours else ""
    return f"{start}{rest // 60:02d}:{rest % 60:02d}"


def _render_tokens(transcript: TranscriptView, words: Words) -> str:
    count = sum(line.tokens or 0 for line in transcript.bubbles)
    return f"<span>{words('n_tokens', n=words.format_number(count))}</span>" if count else ""


def render_banner(
    transcript: TranscriptView, link: str, words: Words, notice: str = "", detail: str = ""
) -> str:
    """What is wrong, why, and what to do about it; empty where all is well."""
    parts = []
    if link in ("lost", "down", "missing", "forbidden"):
        kind = "bad" if link in ("missing", "forbidden") else "warn"
        way = (
            f' <a href="?view=find" data-go class="act">{words("nav_find")}</a>'
            if kind == "bad"
            else ""
        )
        tag = "h1" if kind == "bad" else "span"  # there is no other title then
        text = f"<{tag}>{words(link)}</{tag}>"
        parts.append(f'<div class="note {kind}" role="alert">{text}{way}</div>')
    if notice:
        parts.append(render_notice(notice, detail, words))
    if transcript.status == "interrupted":
        parts.append(_render_broken(transcript, words))
    return "".join(parts)


def render_notice(notice: str, detail: str, words: Words) -> str:
    """What was asked for and did not work, until it is closed."""
    return (
        f'<div class="note bad" role="alert"><div><b>{words("failed")}.</b> {escape(notice)}'
        f"{render_details([detail], words)}</div>"
        f'<button type="button" class="x" data-act="dismiss" aria-label="{words("close")}">×'
        "</button></div>"
    )


def render_details(said: Sequence[str], words: Words) -> str:
    """What the server says of it, in its own English, folded away; empty where it says nothing."""
    text = " · ".join(part for part in said if part)
    if not text:
        return ""
    return (
        f"<details><summary>{words('details')}</summary>"
        f'<span lang="en">{escape(text)}</span></details>'
    )


def _render_broken(transcript: TranscriptView, words: Words) -> str:
    error = transcript.error or {}
    where = str(error.get("where"))
    why = words.get(f"why_{str(error.get('code')).removeprefix(f'{where}_')}", "")
    cause = end_sentence(str(error.get("error", "")))
    shown = f"{escape(cause)} {why}" if words.language == "en" else why
    facts = [f"{name}: {_format_fact(value)}" for name, value in error.items() if name in FACTS]
    told = render_details([cause if words.language != "en" else "", *facts], words)
    title = f"<b>{words.get(f'where_{where}', words('where_server'))}.</b>"
    body = f"{title} {shown} {words('kept')}{told}" if error else words("interrupted_text")
    button = f'<button type="button" class="act" data-act="resume">{words("resume")}</button>'
    return f'<div class="note bad broken" role="alert"><div>{body}</div>{button}</div>'


def _format_fact(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def render_side(
    transcript: TranscriptView, detail: Facts, words: Words, warnings: Sequence[str]
) -> str:
    """Beside the transcript: latency, relatives, ways to share it."""
    id = escape(str(detail.get("conversation_id") or ""))
    if not id:
        return ""
    said = escape(" ".join(warnings))
    noted = f'<p class="warned" title="{said}">{words("told_again")}</p>' if warnings else ""
    return (
        f"<section><h2>{words('latency')}</h2>{render_plot(transcript.bubbles, words)}</section>"
        f"{_render_relatives(detail, words)}{noted}"
        f'<section><h2>{words("share")}</h2><div class="tools">'
        f'<button type="button" data-act="copy" data-done="{words("copied")}">{words("copy_link")}'
        f"</button>{_render_downloads(words)}"
        f'<button type="button" data-act="print">{words("print")}</button></div>'
        f'<p class="quiet id">{words("id")} <code>{id}</code></p></section>'
    )


def _render_downloads(words: Words) -> str:
    return "".join(
        f'<button type="button" data-act="download" data-as="{kind}" '
        f'aria-label="{words("download")}: {words(f"as_{kind}")}">↓ {words(f"as_{kind}")}</button>'
        for kind in ("txt", "json", "md")
    )


def _render_relatives(detail: Facts, words: Words) -> str:
    parent, children = detail.get("parent_id"), list(detail.get("children") or [])
    if not parent and not children:
        return ""
    own = str(detail["conversation_id"])
    lines = []
    if parent:
        lines.append(
            f"<li>{words('parent')} {_render_link(str(parent))} "
            f"{_render_beside(own, parent, words)}</li>"
        )
    if children:
        links = "".join(
            f"<li>{_render_link(str(child))} {_render_beside(own, child, words)}</li>"
            for child in children[:20]
        )
        lines.append(f"<li>{words('children')}<ul>{links}</ul></li>")
    return f"<section><h2>{words('fork')}</h2><ul class='kin'>{''.join(lines)}</ul></section>"


def _render_link(id: str) -> str:
    return f'<a href="?thread={escape(id)}" data-go>{escape(id[:8])}</a>'


def _render_beside(own: str, other: object, words: Words) -> str:
    where = f"?thread={escape(own)}&amp;beside={escape(str(other))}"
    return f'<a href="{where}" data-go class="compare">{words("compare")}</a>'
