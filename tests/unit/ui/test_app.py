"""The pages as they are served, without a browser."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from ui.app import PATHS, Site, mount, standalone_app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def app() -> Starlette:
    made = Starlette()
    mount(made, api_url="http://127.0.0.1:9")
    return made


def client(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize(
    ("path", "language", "start"), [("/ui", "en", "Start"), ("/vi", "vi", "Bắt đầu")]
)
async def test_each_language_has_its_page(
    app: Starlette, path: str, language: str, start: str
) -> None:
    async with client(app) as http:
        page = await http.get(f"{path}/")
        config = (await http.get(f"{path}/config")).json()
        bare = await http.get(f"{path}?thread=a")
    assert page.status_code == 200
    assert f'lang="{language}"' in page.text
    assert page.text.index("RowWindow") < page.text.index("gradio_config")
    labels = [part["props"].get("value") for part in config["components"]]
    assert start in labels
    assert bare.headers["location"] == f"{path}/?thread=a"


async def test_nothing_of_the_page_is_fetched_from_elsewhere(app: Starlette) -> None:
    async with client(app) as http:
        theme = (await http.get("/ui/theme.css")).text
        config = (await http.get("/ui/config")).json()
    assert "http" not in theme.replace("http://www.w3.org", "")
    assert not config["analytics_enabled"]
    assert config["footer_links"] == []


async def test_handlers_are_nobodys_api(app: Starlette) -> None:
    async with client(app) as http:
        config = (await http.get("/ui/config")).json()
    assert {one["api_visibility"] for one in config["dependencies"]} == {"private"}
    assert set(PATHS) == {"/ui", "/vi"}


@pytest.mark.parametrize(
    "path",
    [
        "/ui/gradio_api/file=/etc/passwd",
        "/ui/gradio_api/proxy=http://127.0.0.1:9/",
        "/vi/gradio_api/info",
        "/vi/monitoring",
        "/ui/gradio_api/openapi.json",
    ],
)
async def test_the_page_gives_no_files_and_proxies_nothing(app: Starlette, path: str) -> None:
    async with client(app) as http:
        assert (await http.get(path)).status_code == 404
        assert (await http.post("/ui/gradio_api/upload", files={"files": b"x"})).status_code == 404


JUNK: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", "/ui/assets/nope.js", {}, 404),
    ("GET", "/vi/static/nope.js", {}, 404),
    ("GET", "/ui/gradio_api/queue/data", {}, 422),
    ("POST", "/ui/gradio_api/queue/join", {"json": {"sesame": "sesame"}}, 422),
    ("POST", "/ui/gradio_api/queue/join", {"content": b"{sesame"}, 422),
    ("POST", "/ui/gradio_api/queue/join", {"json": {"data": [], "fn_index": 1}}, 400),
    (
        "POST",
        "/ui/gradio_api/queue/join",
        {"json": {"data": ["sesame"], "fn_index": 999, "session_hash": "sesame"}},
        500,
    ),
]


@pytest.mark.parametrize(("method", "path", "sent", "status"), JUNK)
async def test_whatever_is_refused_is_a_problem_that_repeats_nothing(
    app: Starlette, method: str, path: str, sent: dict[str, Any], status: int
) -> None:
    async with client(app) as http:
        response = await http.request(method, path, **sent)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert told["status"] == status
    assert told["type"].startswith("urn:duologue:")
    assert told["title"]
    assert told["detail"]
    assert "sesame" not in response.text


async def test_pages_on_their_own_refuse_in_the_same_form() -> None:
    site = Site("http://127.0.0.1:9")
    async with client(standalone_app(site)) as http:
        for method, path, status in (("GET", "/nowhere", 404), ("POST", "/ui", 405)):
            response = await http.request(method, path)
            assert response.status_code == response.json()["status"] == status
            assert response.headers["content-type"] == "application/problem+json"
    assert "GET" in response.headers["allow"]
    await site.aclose()
