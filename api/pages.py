"""Pages that stand without the UI: the one at / while it is not there, and /docs."""

from functools import cache
from importlib.resources import files

from fastapi.openapi.docs import get_swagger_ui_html

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">{again}
<title>Duologue</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}}
code{{background:#8882;padding:.1em .3em;border-radius:.3em}}
:root{{color-scheme:light dark}}</style>
<h1>Duologue</h1>
<p>{said}</p>
<p>The API: <a href="/docs">/docs</a>, <a href="/health">/health</a>, <a href="/info">/info</a>.</p>
</html>
"""
_AGAIN = '<meta http-equiv="refresh" content="1">'
_LOADING = "The service is up. Its UI is loading; this page opens it when it is ready."
_OFF = "The service is up; its UI is switched off."
_FAILED = "The service is up, but its UI could not be loaded: the server's log says why."
_WAITING = """<!doctype html>
<html lang="{language}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<noscript><meta http-equiv="refresh" content="2"></noscript><link rel="icon" href="data:,">
<title>Duologue</title>
<style>
@media (prefers-color-scheme:dark){{:root{{--paper:#161412;--ink:#f2eee9;--quiet:#b3aba0;
  --user:#4fd1c2;--bot:#f0a458}}}}
@media (prefers-color-scheme:light){{:root{{--paper:#f6f4ef;--ink:#1d1a17;--quiet:#5f5850;
  --user:#0f766e;--bot:#b4560b}}}}
:root{{color-scheme:light dark}}
body{{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);
  color:var(--ink);font:17px/1.5 system-ui,"Segoe UI",Roboto,"Noto Sans",sans-serif}}
main{{text-align:center;padding:24px}}
h1{{font-size:1.25rem;margin:18px 0 4px}}
p{{margin:0;color:var(--quiet)}}
i{{display:inline-block;width:12px;height:12px;border-radius:50%;margin:0 4px;
  background:var(--user);animation:say 1.2s ease-in-out infinite}}
i+i{{background:var(--bot);animation-delay:.6s}}
@keyframes say{{50%{{transform:translateY(-8px)}}}}
@media (prefers-reduced-motion:reduce){{i{{animation:none}}}}
</style>
<main><i></i><i></i><h1>{title}</h1><p role="status">{text}</p></main>
<script>
(async function wait() {{
  try {{
    const answer = await fetch("{path}/alive", {{cache: "no-store"}});
    if (answer.status !== 204) return location.reload();
  }} catch {{}}
  setTimeout(wait, 400);
}})();
</script></html>
"""
_WAITING_WORDS = {
    "/ui": ("en", "The page is being prepared", "It opens by itself in a few seconds."),
    "/vi": ("vi", "Đang chuẩn bị trang", "Trang sẽ tự mở sau vài giây."),
}
PAGES = tuple(_WAITING_WORDS)
_ROOM = '<div id="swagger-ui">'
_DARK = """
<script>
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", paint);
  paint();
})();
</script>"""
_WITHOUT_SCRIPTS = """
<noscript>This page is drawn by scripts; what it shows is in
<a href="/openapi.json">/openapi.json</a>.</noscript>"""
ASSETS = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon.png": "image/png",
}


def render_welcome(*, ui: bool, failed: bool) -> str:
    """What / shows until the UI is there, or instead of it."""
    if failed:
        return _PAGE.format(said=_FAILED, again="")
    return _PAGE.format(said=_LOADING if ui else _OFF, again=_AGAIN if ui else "")


def render_waiting(path: str) -> str:
    """What a page of the UI shows until it is there; it opens that page by itself."""
    language, title, text = _WAITING_WORDS[path]
    return _WAITING.format(path=path, language=language, title=title, text=text)


def render_reference() -> str:
    """The schema as a page of Swagger UI, all of it from this server."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Duologue: the HTTP API",
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="/docs/favicon.png",
    )
    return bytes(page.body).decode().replace(_ROOM, _DARK + _ROOM + _WITHOUT_SCRIPTS)


@cache
def load_asset(name: str) -> bytes:
    """A file of Swagger UI, as its package brings it; one of `ASSETS`."""
    return (files("fastapi_offline") / "static" / name).read_bytes()
