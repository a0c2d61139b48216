"""Pages that stand without the UI: the one at / while it is not there, and /docs."""

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
_ROOM = '<div id="swagger-ui">'
_OFFLINE = """
<p>This page is drawn by scripts from cdn.jsdelivr.net. If it stays like this, they cannot be
reached from here; what it shows is in <a href="/openapi.json">/openapi.json</a>.</p>"""


def render_welcome(*, ui: bool, failed: bool) -> str:
    """What / shows until the UI is there, or instead of it."""
    if failed:
        return _PAGE.format(said=_FAILED, again="")
    return _PAGE.format(said=_LOADING if ui else _OFF, again=_AGAIN if ui else "")


def render_reference() -> str:
    """The schema as a page, with a text that its scripts replace once they are there."""
    page = get_swagger_ui_html(openapi_url="/openapi.json", title="Duologue: the HTTP API")
    return bytes(page.body).decode().replace(_ROOM, _ROOM + _OFFLINE)
