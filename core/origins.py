"""Which requests a browser may send here: by the name that was called, and by the page that calls.

Any page that a person opens can send requests to servers on their machine. Two checks keep such
pages out: the `Host` header must name this server (a name that an attacker's DNS points here does
not), and a page of another origin must be listed. Programs other than browsers send neither
`Origin` nor `Sec-Fetch-Site` and are not affected by the second check.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Reason = Literal["unknown-host", "foreign-origin"]
EXPLAIN: dict[Reason, str] = {
    "unknown-host": "the server does not answer to this host name; "
    "names other than localhost are listed in DUOLOGUE_ALLOWED_HOSTS",
    "foreign-origin": "a page of another origin sent this; "
    "origins that may call the server are listed in DUOLOGUE_CORS_ORIGINS",
}
ANY = "*"
LOOPBACK_ORIGINS = tuple(
    f"{scheme}://{host}:*"
    for scheme in ("http", "https")
    for host in ("localhost", "127.0.0.1", "[::1]")
)
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")
WILDCARD_ADDRESSES = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
_ORIGIN = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:\*\.)?(?:[\w.-]+|\[[0-9a-f:.]+\])(?::(?:\d+|\*))?/?",
    re.ASCII | re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """Names this server answers to besides loopback, and origins whose pages may call it.

    `hosts` may hold `*.example.com`, and `*` for every name. `origins` may hold
    `https://*.example.com`, `http://localhost:*`, and `*` for every page.
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    @classmethod
    def of_server(
        cls, address: str, hosts: Iterable[str], origins: Iterable[str]
    ) -> "OriginPolicy":
        """The policy of a server that listens on `address`; a single address is a name of its."""
        own = () if address in WILDCARD_ADDRESSES else (address,)
        return cls((*own, *hosts), tuple(origins))

    def find_refusal(self, method: str, headers: Mapping[str, str]) -> Reason | None:
        """Why the request is refused; None where it may pass. Header names are in lower case."""
        if not self.knows_host(headers.get("host", "")):
            return "unknown-host"
        return None if self._knows_sender(method, headers) else "foreign-origin"

    def knows_host(self, host: str) -> bool:
        name = _host_name(host)
        if name is None:
            return ANY in self.hosts
        return bool(_LOOPBACK.fullmatch(name)) or any(
            _matches_host(pattern, name) for pattern in self.hosts
        )

    def _knows_sender(self, method: str, headers: Mapping[str, str]) -> bool:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if site in ("same-origin", "none"):
            return True
        if origin is not None:
            return _is_same(origin, headers.get("host", "")) or self.lists_origin(origin)
        if site is None or ANY in self.origins:
            return True
        return method in _SAFE and _is_followed_link(headers)

    def lists_origin(self, origin: str) -> bool:
        return re.fullmatch(self.origin_pattern, origin) is not None

    @property
    def origin_pattern(self) -> str:
        """A regular expression for the listed origins; it matches nothing where there are none."""
        return "|".join(_origin_expression(origin) for origin in self.origins) or r"(?!)"


def is_host_pattern(text: str) -> bool:
    """Whether some host can match it: a name, an address, `*.example.com` or `*`; no port."""
    if text == ANY:
        return True
    name = text.removeprefix("*.")
    host = f"[{name.strip('[]')}]" if ":" in name else name
    return _host_name(host) is not None


def is_origin_pattern(text: str) -> bool:
    """Whether some origin can match it: scheme and host, perhaps a port; or `*`."""
    return text == ANY or bool(_ORIGIN.fullmatch(text))


def _host_name(host: str) -> str | None:
    """`::1` of `[::1]:80`, in lower case; None where it is no name."""
    found = re.fullmatch(
        r"(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::\d*)?", host.strip().lower(), re.ASCII
    )
    return (found[1] or found[2]).removesuffix(".") if found else None


def _matches_host(pattern: str, name: str) -> bool:
    pattern = pattern.lower().strip("[]")
    if pattern.startswith("*."):
        return name.endswith(pattern[1:]) and len(name) > len(pattern) - 1
    return pattern in (ANY, name)


def _is_same(origin: str, host: str) -> bool:
    """Whether the page came from this very host and port; TLS may have ended before us."""
    try:
        page = urlsplit(origin.lower())
        own = urlsplit(f"{page.scheme}://{host.strip().lower()}")
        default = _DEFAULT_PORTS[page.scheme]
        same = page.hostname == own.hostname
        return same and (page.port or default) == (own.port or default)
    except (ValueError, KeyError):
        return False


def _is_followed_link(headers: Mapping[str, str]) -> bool:
    """A person followed a link; the page it stood on neither reads nor shows the answer."""
    navigates = headers.get("sec-fetch-mode") == "navigate"
    return navigates and headers.get("sec-fetch-dest") == "document"


def _origin_expression(origin: str) -> str:
    if origin == ANY:
        return ".*"
    text = re.escape(origin.rstrip("/").lower())
    text = text.replace(r"://\*\.", r"://[\w.-]+\.")
    return re.sub(r":\\\*$", r"(?::\\d+)?", text)
