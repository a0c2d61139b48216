"""A curl command line as a webhook of bots.yaml."""

import argparse
import json
import re
import shlex
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

import yaml

from core.errors import ConfigError, Invalid
from core.files import load
from nodes.bots.kinds import bots_file_model

_MESSAGE = re.compile(
    r"^(message|text|query|input|prompt|content|question|msg|q|utterance)$", re.IGNORECASE
)
_CONVERSATION = re.compile(
    r"^(conversation|session|thread|chat|sender|user)[_-]?(id)?$", re.IGNORECASE
)
_SECRET = re.compile(r"authorization|cookie|key|token|secret", re.IGNORECASE)
_DROPPED = frozenset(("content-length", "host", "accept-encoding", "connection"))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Invalid(f"the curl command cannot be read: {message}")


def _parse(command: str) -> argparse.Namespace:
    parser = _Parser(prog="curl", add_help=False, allow_abbrev=False)
    parser.add_argument("-X", "--request")
    parser.add_argument("-H", "--header", action="append", default=[])
    data = ("-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode")
    parser.add_argument(*data, dest="data", action="append", default=[])
    parser.add_argument("--json")
    parser.add_argument("--url")
    parser.add_argument("-o", "-w", "-m", "--max-time", "--connect-timeout", "-A", "--user-agent")
    for ignored in ("-s", "-S", "-k", "-L", "-N", "-i", "-v", "--silent", "--compressed"):
        parser.add_argument(ignored, action="store_true")
    parser.add_argument("--location", "--insecure", "--no-buffer", action="store_true")
    parser.add_argument("address", nargs="?")
    try:
        words = shlex.split(command.replace("\\\n", " "))
    except ValueError as error:
        raise Invalid(f"the curl command cannot be read: {error}") from None
    return parser.parse_args(words[1:] if words[:1] == ["curl"] else words)


def read_curl(
    command: str, id: str, message: str, reply: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """The bot, and the variables that stand for its secrets: name → the header it was in.

    `message` is the line in the command; empty: what stands at a key such as `text` or `message`.
    """
    given = _parse(command)
    url = given.url or given.address
    if not url:
        raise Invalid("the curl command has no address")
    headers, secrets = _read_headers(given.header, id)
    turn: dict[str, Any] = {"url": url if "://" in url else f"http://{url}"}
    turn |= _read_data(given, headers, message)
    if given.request and given.request.upper() != "POST":
        turn["method"] = given.request.upper()
    elif not (given.data or given.json or given.request):
        turn["method"] = "GET"
        turn |= _read_query(turn["url"], message)
    if headers:
        turn["headers"] = headers
    turn["reply"] = reply
    if "{{message}}" not in json.dumps(turn):
        raise Invalid("the line is not found in the curl command; name it with --message")
    return {"kind": "webhook", "turn": turn}, secrets


def _read_headers(lines: list[str], id: str) -> tuple[dict[str, str], dict[str, str]]:
    headers, secrets = {}, {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if name.lower() in _DROPPED:
            continue
        if _SECRET.search(name):
            variable = _name_variable(id, name)
            secrets[variable] = name
            scheme, space, _ = value.partition(" ")
            begin = f"{scheme} " if space and name.lower() == "authorization" else ""
            value = f"{begin}${{{variable}}}"
        headers[name] = value
    return headers, secrets


def _name_variable(id: str, header: str) -> str:
    return "DUOLOGUE_BOT_" + re.sub(r"\W+", "_", f"{id}_{header}").upper()


def _read_data(given: argparse.Namespace, headers: dict[str, str], message: str) -> dict[str, Any]:
    text = given.json if given.json is not None else "&".join(given.data)
    if not text:
        return {}
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    try:
        body = json.loads(text)
    except ValueError:
        if "json" in kind or given.json is not None:
            raise Invalid("what the curl command sends is not JSON") from None
        form = dict(parse_qsl(text, keep_blank_values=True))
        return {"form": _put_variables(form, message)}
    for name in [name for name in headers if name.lower() == "content-type"]:
        del headers[name]
    return {"body": _put_variables(body, message)}


def _read_query(url: str, message: str) -> dict[str, Any]:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not query:
        return {}
    return {"url": url.split("?", maxsplit=1)[0], "query": _put_variables(query, message)}


def _put_variables(data: Any, message: str, key: str = "") -> Any:
    """The data with `{{message}}` and `{{conversation_id}}` where their like stands."""
    if isinstance(data, dict):
        return {name: _put_variables(value, message, name) for name, value in data.items()}
    if isinstance(data, list):
        return [_put_variables(value, message, key) for value in data]
    if isinstance(data, str) and message and message in data:
        return data.replace(message, "{{message}}")
    if isinstance(data, str) and not message and _MESSAGE.match(key):
        return "{{message}}"
    return "{{conversation_id}}" if isinstance(data, str) and _CONVERSATION.match(key) else data


def describe_secrets(secrets: dict[str, str]) -> list[str]:
    return [f"set {name} in .env: the value of {header}" for name, header in secrets.items()]


def write_bot(file: Path, id: str, bot: dict[str, Any]) -> str:
    """Adds the bot at the end of the file, which is left as it was where that does not fit."""
    before = file.read_text("utf-8") if file.exists() else ""
    if before and id in {str(known) for known in load(file, bots_file_model()).bots}:  # type: ignore[attr-defined]
        raise Invalid(f"there is a bot {id} in {file} already", "bot")
    block = yaml.safe_dump({id: bot}, allow_unicode=True, sort_keys=False, width=100)
    text = "".join(f"  {line}\n" for line in block.splitlines())
    file.write_text((before.rstrip("\n") + "\n" if before else "bots:\n") + text, "utf-8")
    try:
        load(file, bots_file_model())
    except ConfigError:
        if before:
            file.write_text(before, "utf-8")
        else:
            file.unlink()
        raise
    return text.rstrip("\n")
