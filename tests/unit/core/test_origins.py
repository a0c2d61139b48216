"""What a browser may send here, by the name it called and by the page that calls."""

import pytest

from core.origins import LOOPBACK_ORIGINS, OriginPolicy

LOCAL = OriginPolicy()
HOST = {"host": "localhost:25050"}
EVIL = "http://evil.example"


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:1", "localhost.:25050", "127.0.0.1:25050", "127.9.9.9", "[::1]:25050"],
)
def test_loopback_names_are_answered(host: str) -> None:
    assert LOCAL.find_refusal("GET", {"host": host}) is None


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.5:25050",
     "evil.example:25050", "localhost@evil.example", "127.0.0.1:80:80", "[::2]", "xlocalhost",
     "evil.localhost", "localhost/", "127.0.0.1\tevil"],
)  # fmt: skip
def test_other_names_are_refused(host: str) -> None:
    assert LOCAL.find_refusal("GET", {"host": host}) == "unknown-host"


@pytest.mark.parametrize(
    ("configured", "host", "answered"),
    [
        ("duologue.example", "duologue.example:25050", True),
        ("duologue.example", "Duologue.Example.", True),
        ("duologue.example", "sub.duologue.example", False),
        ("*.duologue.example", "sub.duologue.example", True),
        ("*.duologue.example", "duologue.example", False),
        ("*.duologue.example", ".duologue.example", False),
        ("*.duologue.example", "evilduologue.example", False),
        ("[2001:db8::1]", "[2001:db8::1]:80", True),
        ("*", "anything.example", True),
    ],
)
def test_configured_names_are_answered(configured: str, host: str, answered: bool) -> None:
    policy = OriginPolicy.of_server("0.0.0.0", [configured], [])
    assert policy.knows_host(host) is answered


def test_the_address_that_is_listened_on_is_a_name_unless_it_is_every_address() -> None:
    assert OriginPolicy.of_server("192.168.1.5", [], []).knows_host("192.168.1.5:25050")
    assert not OriginPolicy.of_server("0.0.0.0", [], []).knows_host("0.0.0.0:25050")
    assert not OriginPolicy.of_server("::", [], []).knows_host("[::]:25050")


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "PUT", "GET"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": EVIL},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://localhost.evil.example:25050"},
        {"origin": "http://[not-an-address"},
        {"origin": EVIL, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    ],
)
def test_pages_of_other_origins_are_refused(method: str, headers: dict[str, str]) -> None:
    assert LOCAL.find_refusal(method, HOST | headers) == "foreign-origin"


def test_a_form_of_another_page_is_refused_and_a_link_is_followed() -> None:
    came = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    link = HOST | came | {"sec-fetch-dest": "document"}
    assert LOCAL.find_refusal("GET", link) is None
    assert LOCAL.find_refusal("POST", link) == "foreign-origin"
    assert LOCAL.find_refusal("POST", link | {"origin": EVIL}) == "foreign-origin"


@pytest.mark.parametrize(
    "headers",
    [
        {},  # a program
        {"origin": "http://localhost:25050"},
        {"origin": "https://localhost:25050"},  # TLS ended at a proxy
        {"origin": "https://duologue.example", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"},  # typed by the person
    ],
)
def test_own_pages_and_programs_pass(headers: dict[str, str]) -> None:
    assert LOCAL.find_refusal("POST", HOST | headers) is None


def test_default_ports_are_the_same_origin() -> None:
    assert LOCAL.find_refusal("POST", {"host": "localhost", "origin": "http://localhost"}) is None
    with_port = {"host": "localhost:80", "origin": "http://localhost"}
    assert LOCAL.find_refusal("POST", with_port) is None


@pytest.mark.parametrize(
    ("configured", "origin", "listed"),
    [
        ("http://good.example", "http://good.example", True),
        ("http://good.example/", "http://good.example", True),
        ("http://good.example", "https://good.example", False),
        ("http://good.example", "http://good.example:81", False),
        ("http://good.example", "http://goodxexample", False),
        ("http://good.example", "http://good.example.evil.example", False),
        ("https://*.good.example", "https://a.good.example", True),
        ("https://*.good.example", "https://evil.example/.good.example", False),
        ("http://localhost:*", "http://localhost:5173", True),
        ("http://localhost:*", "http://localhost", True),
        ("http://localhost:*", "http://localhost:1.evil.example", False),
        ("null", "null", True),
        ("*", "http://anything.example", True),
    ],
)
def test_listed_origins_pass(configured: str, origin: str, listed: bool) -> None:
    policy = OriginPolicy(origins=(configured,))
    assert policy.lists_origin(origin) is listed
    refusal = policy.find_refusal("POST", HOST | {"origin": origin})
    assert refusal == (None if listed else "foreign-origin")


def test_loopback_origins_hold_every_port() -> None:
    policy = OriginPolicy(origins=LOOPBACK_ORIGINS)
    assert policy.lists_origin("http://[::1]:3000")
    assert policy.lists_origin("https://127.0.0.1")
    assert not policy.lists_origin("http://127.0.0.2:3000")
