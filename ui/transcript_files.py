"""Transcripts as files: written as text, Markdown or JSON, and read again."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from core.parts import read_out
from core.text import show_in_one_line

Lines = list[dict[str, str]]
Detail = Mapping[str, Any]
_USER = "user|human|người dùng|học sinh|khách|you|bạn"
_BOT = "bot|assistant|robot|ai|trợ lý"
_HEAD = re.compile(
    rf"^\s*[*_#>\s]*(?:({_USER})|({_BOT}))(?:\s*\(.*?\))?\s*[*_]*\s*:\s*[*_]*\s?", re.IGNORECASE
)
_RULE = "---"
_SOURCE = re.compile(r"\[source: .+ – [0-9a-f]{16}\]")
_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "bot": "assistant"}
_ROLES |= {"ai": "assistant", "model": "assistant"}


class NoTranscript(ValueError):
    """This is no transcript."""


@dataclass(frozen=True)
class Heading:
    """What a file says besides the lines: who speaks, and the reader's time zone."""

    user: str
    assistant: str
    zone: tzinfo = UTC


def to_text(detail: Detail, _heading: Heading) -> str:
    """`User: …` / `Bot: …`, as POST /simulate writes it, and what the bot looked up."""
    return "".join(
        f"{_speaker_label(line)}: {_read_out_sources(line)}\n" for line in detail.get("history", [])
    )


def to_markdown(detail: Detail, heading: Heading) -> str:
    """Names, prompts, how it stands, and each line with its time."""
    facts = [
        f"- {detail.get('status', '')}, {detail.get('turn', 0)}/{detail.get('max_turns', 0)}"
        + (f" ({detail['end_reason']})" if detail.get("end_reason") else ""),
        f"- {_format_time(detail.get('created_at'), heading.zone, '%Y-%m-%d %H:%M:%S %z')}",
        f"- `{detail.get('conversation_id', '')}`",
    ]
    prompts = [_quote_prompt(name, detail.get(name)) for name in ("user_prompt", "bot_prompt")]
    lines = [_markdown_line(line, heading) for line in detail.get("history", [])]
    title = f"# {heading.user} · {heading.assistant}"
    parts = [title, "\n".join(facts), *prompts, _RULE, *lines]
    return "\n\n".join(part for part in parts if part) + "\n"


def _quote_prompt(name: str, text: object) -> str:
    quoted = "\n".join(f"> {row}".rstrip() for row in str(text or "").splitlines())
    return f"**{name}**\n\n{quoted}" if quoted else ""


def _markdown_line(line: Detail, heading: Heading) -> str:
    name = heading.user if line["role"] == "user" else heading.assistant
    time = _format_time(line.get("timestamp"), heading.zone, "%H:%M:%S")
    known = ", ".join(part for part in (name, time) if part)
    return f"**{_speaker_label(line)} ({known}):** {_read_out_sources(line)}"


def _read_out_sources(line: Detail) -> str:
    """What was said, then a line for each passage that it was looked up from."""
    return "\n".join([read_out(line), *map(_describe_source, line.get("sources") or ())])


def _describe_source(source: Detail) -> str:
    """`[source: FILE, PAGE – ID]`: nobody says such a line, so it is no part of one read again."""
    page = f", {source['page']}" if source["page"] else ""
    return f"[source: {show_in_one_line(source['file'])}{page} – {source['id']}]"


def _format_time(stamp: object, zone: tzinfo, pattern: str) -> str:
    try:
        return datetime.fromisoformat(str(stamp)).astimezone(zone).strftime(pattern)
    except ValueError:
        return ""


def to_json(detail: Detail, _heading: Heading) -> str:
    return json.dumps(detail, ensure_ascii=False, indent=2) + "\n"


WRITERS = {"txt": to_text, "md": to_markdown, "json": to_json}


def _speaker_label(line: Mapping[str, Any]) -> str:
    return "User" if line["role"] == "user" else "Bot"


def parse_transcript(text: str) -> Lines:
    """The lines of a pasted transcript, JSON or text. Raises `NoTranscript`."""
    text = text.strip().removeprefix("\ufeff")
    if not text:
        return []
    lines = _parse_json(text) if text[0] in "[{" else _parse_text(text)
    if not lines:
        raise NoTranscript
    return lines


def _parse_json(text: str) -> Lines:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise NoTranscript from None
    if isinstance(data, dict):
        data = data.get("history") or data.get("messages") or []
    if not isinstance(data, list):
        raise NoTranscript
    return [_parse_line(entry) for entry in data]


def _parse_line(entry: Any) -> dict[str, str]:
    if not isinstance(entry, dict):
        raise NoTranscript
    role = _ROLES.get(str(entry.get("role", "")).lower())
    content = entry.get("content", entry.get("text"))
    if role is None or not isinstance(content, str) or not content.strip():
        raise NoTranscript
    return {"role": role, "content": content}


def _parse_text(text: str) -> Lines:
    lines: Lines = []
    if text.startswith("# "):  # a file of ours: what stands above the rule is not said by anybody
        text = text.partition(f"\n{_RULE}\n")[2] or text
    for row in text.splitlines():
        head = _HEAD.match(row)
        if head:
            role = "user" if head.group(1) else "assistant"
            lines.append({"role": role, "content": row[head.end() :]})
        elif lines and not _SOURCE.fullmatch(row):
            lines[-1]["content"] += f"\n{row}"
    for line in lines:
        line["content"] = line["content"].strip()
    return [line for line in lines if line["content"]]


def find_divergence(one: Sequence[Any], other: Sequence[Any]) -> int | None:
    """The first place at which two transcripts say different things, as far as both have come."""
    for at, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if not (mine.settled and theirs.settled):
            return None
        if (mine.role, mine.text) != (theirs.role, theirs.text):
            return at
    return None
