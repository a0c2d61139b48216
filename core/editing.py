"""What may be written into the configuration over HTTP, where `DUOLOGUE_EDIT` allows writing.

Whoever may edit must not reach further than the one who wrote the files: no code, no file of this
machine, no secret of its environment, and no address that was not allowed before.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from core.errors import Invalid

FORBIDDEN_KEYS = frozenset({"python", "file", "files", "glob", "sql", "tls", "proxy"})
BOT_PREFIX = "DUOLOGUE_BOT_"
_NAME = re.compile(r"\$\{([^}]*)\}")
_ADDRESS_KEYS = frozenset({"url", "base_url"})
_SCHEMES = frozenset({"http", "https", "ws", "wss"})


@dataclass(frozen=True, slots=True)
class EditPolicy:
    """`names` are environment variables that the files use already, `hosts` may be called.

    A host is `bot.example`, `bot.example:8000` (that port only) or `*.example`.
    """

    names: frozenset[str] = frozenset()
    hosts: tuple[str, ...] = ()

    @classmethod
    def of_bots(cls, bots: Mapping[str, Any], hosts: Iterable[str]) -> "EditPolicy":
        """From the file of bots as it is, and the hosts that the server allows besides."""
        names = {name for _, text in _walk(bots) for name in _NAME.findall(text)}
        used = {urlsplit(text).netloc for path, text in _walk(bots) if _is_address(path)}
        return cls(frozenset(names), (*hosts, *sorted(used - {""})))

    def check(self, data: Any) -> None:
        """Raises `Invalid` naming the first key that may not be written."""
        for path in _forbidden_paths(data):
            raise Invalid("cannot be set over HTTP; write it into the file", path)
        for path, text in _walk(data):
            self._check_names(path, text)
            if _is_address(path) and not _follows_base(path, text):
                self._check_address(path, text)

    def _check_names(self, path: str, text: str) -> None:
        for name in _NAME.findall(text):
            if name not in self.names and not name.startswith(BOT_PREFIX):
                reason = f"may name variables that bots.yaml uses, or {BOT_PREFIX}…, and no other"
                raise Invalid(reason, path)

    def _check_address(self, path: str, text: str) -> None:
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise Invalid("is no address", path) from None
        host = parts.hostname or ""
        if parts.scheme not in _SCHEMES or parts.username is not None or not host:
            raise Invalid("must be http(s):// or ws(s):// and a host, without a user", path)
        if not any(_matches(allowed, host, port) for allowed in self.hosts):
            raise Invalid("is not an allowed address; DUOLOGUE_EDIT_HOSTS lists them", path)


def _matches(allowed: str, host: str, port: int | None) -> bool:
    found = urlsplit(f"//{allowed.lower()}")
    name = found.hostname or ""
    if found.port is not None and found.port != port:
        return False
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


def _is_address(path: str) -> bool:
    return path.rpartition(".")[2] in _ADDRESS_KEYS


def _follows_base(path: str, text: str) -> bool:
    """A call's path, which stands after a `base_url` that is checked itself."""
    return not path.endswith("base_url") and text.startswith("/") and not text.startswith("//")


def _forbidden_paths(data: Any, path: str = "") -> Iterator[str]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            here = f"{path}.{key}".lstrip(".")
            if str(key).lower() in FORBIDDEN_KEYS:
                yield here
            yield from _forbidden_paths(value, here)
    elif isinstance(data, list):
        for at, value in enumerate(data):
            yield from _forbidden_paths(value, f"{path}.{at}")


def _walk(data: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text with its path, names of keys included."""
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, Mapping):
        for key, value in data.items():
            here = f"{path}.{key}".lstrip(".")
            yield f"{here}.", str(key)
            yield from _walk(value, here)
    elif isinstance(data, list):
        for at, value in enumerate(data):
            yield from _walk(value, f"{path}.{at}")
