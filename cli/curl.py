"""A curl command line as a webhook of bots.yaml."""

import argparse
import json
import re
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import yaml

from cli.shell_words import split_command
from core.errors import ConfigError, Invalid
from core.files import load
from nodes.bots.kinds import bots_file_model

_MESSAGE = re.compile(
    r"^(user_?)?(message|text|query|input|prompt|content|question|msg|q|utterance)$", re.IGNORECASE
)
_CONVERSATION = re.compile(
    r"^(conversation|session|thread|chat|sender|user)[_-]?(id)?$", re.IGNORECASE
)
_SECRET = re.compile(r"authorization|cookie|key|token|secret", re.IGNORECASE)
_SECRET_FIELD = re.compile(
    r"^((api|app|access|auth|client|x)[_-]?)?(key|token|secret|password)$", re.IGNORECASE
)
_DROPPED = re.compile(
    r"^(content-length|host|accept-encoding|accept-language|connection|user-agent|priority|dnt|te"
    r"|pragma|cache-control|upgrade-insecure-requests|sec-.*)$",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"\$\{\w+\}")
_FLAGS = (
    "-s -S -k -L -N -i -v -f -g -# -0 -4 -6 --silent --show-error --compressed --location"
    " --insecure"
    " --no-buffer --include --verbose --fail --fail-with-body --globoff --http1.1 --http2 --http1.0"
    " --http3 --ipv4 --ipv6 --progress-bar --path-as-is --tlsv1.2 --tlsv1.3 --no-keepalive --raw"
).split()
_PASSED_OVER = (
    "-o -w -m -A -e -c --output --write-out --max-time --connect-timeout --user-agent --referer"
    " --retry --retry-delay --cookie-jar --keepalive-time --resolve --limit-rate"
).split()
Json = dict[str, Any]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Invalid(f"the curl command cannot be read: {message}")


class _Data(argparse.Action):
    """Bodies in the order in which they stand, each with how it was given."""

    def __call__(self, _parser: Any, given: Any, value: Any, option: str | None = None) -> None:
        raw = option in ("--data-raw", "--data-urlencode", "--json")
        if str(value).startswith("@") and not raw:
            raise Invalid(f"the curl command sends the file {value[1:]}; put its content there")
        given.data.append((option, _encode_pair(value) if option == "--data-urlencode" else value))


def _encode_pair(value: str) -> str:
    """`name=text` of --data-urlencode, so that the text is one value whatever it holds."""
    name, is_pair, text = value.partition("=")
    escaped = (text if is_pair else value).replace("%", "%25").replace("&", "%26")
    escaped = escaped.replace("+", "%2B").replace("=", "%3D")
    return f"{name}={escaped}" if is_pair and name else escaped


def _parse(command: str) -> argparse.Namespace:
    parser = _Parser(prog="curl", add_help=False, allow_abbrev=False)
    parser.add_argument("-X", "--request")
    parser.add_argument("-H", "--header", action="append", default=[])
    data = ("-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode")
    parser.add_argument(*data, "--json", dest="data", action=_Data, default=[])
    parser.add_argument("-F", "--form", "--form-string", action="append", default=[])
    parser.add_argument("-b", "--cookie")
    parser.add_argument("-u", "--user")
    parser.add_argument("--oauth2-bearer", dest="bearer")
    parser.add_argument("-x", "--proxy")
    parser.add_argument("--cacert")
    parser.add_argument("-E", "--cert")
    parser.add_argument("--key")
    parser.add_argument("-G", "--get", action="store_true")
    parser.add_argument("--url")
    parser.add_argument(*_PASSED_OVER, dest="_passed_over")
    parser.add_argument(*_FLAGS, dest="_flags", action="store_true")
    parser.add_argument("address", nargs="?")
    words = split_command(command)
    return parser.parse_args(words[1:] if words[:1] == ["curl"] else words)


def read_curl(command: str, id: str, message: str, reply: str) -> tuple[Json, dict[str, str]]:
    """The bot, and the variables that stand for its secrets: name → what they are.

    `message` is the line in the command; empty: what stands at a key such as `text` or `message`.
    Raises `Invalid`.
    """
    given = _parse(command)
    url = given.url or given.address
    if not url:
        raise Invalid("the curl command has no address")
    secrets = _Secrets(id)
    headers = _read_headers(given, secrets)
    turn: Json = {"url": url if "://" in url or url.startswith("${") else f"http://{url}"}
    body = {} if given.get else _read_body(given, headers)
    turn |= _read_query(turn["url"], "&".join(text for _, text in given.data) if given.get else "")
    turn |= body
    method = (given.request or ("POST" if body else "GET")).upper()
    if method != "POST":
        turn["method"] = method
    for name in ("query", "body", "form"):
        if name in turn:
            turn[name] = _put_variables(secrets.hide(turn[name]), message)
    if headers:
        turn["headers"] = headers
    turn["reply"] = reply
    if "{{message}}" not in json.dumps(turn):
        raise Invalid("the line is not found in the curl command; name it with --message")
    return {"kind": "webhook", **_read_way(given, secrets), "turn": turn}, secrets.found


class _Secrets:
    """Puts variables in the place of secrets, and knows what each of them is."""

    def __init__(self, id: str) -> None:
        self._id = id
        self.found: dict[str, str] = {}

    def name(self, place: str, meaning: str) -> str:
        variable = "DUOLOGUE_BOT_" + re.sub(r"\W+", "_", f"{self._id}_{place}").upper()
        self.found[variable] = meaning
        return f"${{{variable}}}"

    def hide(self, data: Any, key: str = "") -> Any:
        """The data with a variable wherever a field says that it is secret."""
        if isinstance(data, dict):
            return {name: self.hide(value, name) for name, value in data.items()}
        if isinstance(data, list):
            return [self.hide(value, key) for value in data]
        if not isinstance(data, str) or not _SECRET_FIELD.match(key) or _VARIABLE.search(data):
            return data
        return self.name(key, key)


def _read_headers(given: argparse.Namespace, secrets: _Secrets) -> dict[str, str]:
    headers = {}
    lines = [*given.header, *([f"Cookie: {given.cookie}"] if given.cookie else [])]
    lines += [f"Authorization: Bearer {given.bearer}"] if given.bearer else []
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if _DROPPED.match(name) or not value:
            continue
        if _SECRET.search(name) and not _VARIABLE.search(value):
            scheme, space, _ = value.partition(" ")
            begin = f"{scheme} " if space and name.lower() == "authorization" else ""
            value = begin + secrets.name(name, name)
        headers[name] = value
    if given.user:
        what = "Authorization: user:password in Base64"
        headers["Authorization"] = f"Basic {secrets.name('Authorization', what)}"
    return headers


def _read_way(given: argparse.Namespace, secrets: _Secrets) -> Json:
    """Proxy and certificates, with the keys that bots.yaml has for them."""
    way: Json = {}
    if given.proxy:
        url = given.proxy if "://" in given.proxy else f"http://{given.proxy}"
        way["proxy"] = secrets.name("proxy", "the proxy's URL") if "@" in url else url
    files = {"ca": given.cacert, "certificate": given.cert, "key": given.key}
    if tls := {name: file for name, file in files.items() if file}:
        way["tls"] = tls
    return way


def _read_body(given: argparse.Namespace, headers: dict[str, str]) -> Json:
    if given.form:
        _drop_type(headers)
        return {"form": dict(_read_field(field) for field in given.form), "multipart": True}
    is_json = any(option == "--json" for option, _ in given.data)
    text = ("" if is_json else "&").join(text for _, text in given.data)
    if not text:
        return {}
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    try:
        body = json.loads(text)
    except ValueError:
        if is_json or "json" in kind:
            raise Invalid("what the curl command sends is not JSON") from None
        if kind and "form-urlencoded" not in kind:
            raise Invalid(f"a webhook sends JSON or forms, not {kind.split(';')[0]}") from None
        return {"form": _read_pairs(text)}
    _drop_type(headers)
    return {"body": body}


def _drop_type(headers: dict[str, str]) -> None:
    """The type goes with what is sent, and is set anew."""
    for name in [name for name in headers if name.lower() == "content-type"]:
        del headers[name]


def _read_field(field: str) -> tuple[str, str]:
    name, _, value = field.partition("=")
    if value.startswith(("@", "<")):
        raise Invalid(f"the curl command sends the file {value[1:]}, which a webhook cannot")
    return name, value


def _read_pairs(text: str) -> Json:
    pairs: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        pairs[name] = [*_as_list(pairs[name]), value] if name in pairs else value
    return pairs or {unquote_plus(text): ""}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _read_query(url: str, more: str) -> Json:
    text = "&".join(part for part in (urlsplit(url).query, more) if part)
    return {"url": url.split("?", maxsplit=1)[0], "query": _read_pairs(text)} if text else {}


def _put_variables(data: Any, message: str, key: str = "") -> Any:
    """The data with `{{message}}` and `{{conversation_id}}` where their like stands."""
    if isinstance(data, dict):
        if not message and str(data.get("role", "user")).lower() not in ("user", "human"):
            return data  # a system prompt or an earlier answer of a model is no line of the user
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
