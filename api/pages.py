"""The page at / while the UI is not there."""

WELCOME = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Duologue</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}
code{background:#8882;padding:.1em .3em;border-radius:.3em}:root{color-scheme:light dark}</style>
<h1>Duologue</h1>
<p id="wait">The service is up. Its UI is loading; this page opens it when it is ready.</p>
<p>The API: <a href="/docs">/docs</a>, <a href="/health">/health</a>, <a href="/info">/info</a>.</p>
<script>
const ui = {{ui}};
if (ui) setTimeout(() => location.reload(), 1000);
else document.getElementById("wait").textContent = "The service is up; its UI is switched off.";
</script></html>
"""
