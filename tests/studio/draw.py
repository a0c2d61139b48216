"""Draws docs/images/graph.png from the real graph; its source goes into the file, for a test.

npm install --prefix /tmp/mermaid mermaid@11
python -m tests.studio.draw /tmp/mermaid/node_modules/mermaid/dist/mermaid.min.js
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import sync_playwright

from graph.build import builder
from tests.servers.process import ROOT

PAGE = "<body style='margin:0;font-family:sans-serif'><pre class='mermaid'></pre></body>"


def draw(source: str, mermaid: Path) -> bytes:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(device_scale_factor=2, viewport={"width": 900, "height": 700})
        page.set_content(PAGE)
        page.add_script_tag(path=str(mermaid))
        page.evaluate(
            """async source => {
                const place = document.querySelector('.mermaid');
                place.textContent = source;
                mermaid.initialize({startOnLoad: false});
                await mermaid.run({nodes: [place]});
            }""",
            source,
        )
        return page.locator(".mermaid svg").screenshot()


def main() -> None:
    source = builder().compile().get_graph().draw_mermaid().strip()
    told = PngInfo()
    told.add_text("mermaid", source)
    shot = Image.open(io.BytesIO(draw(source, Path(sys.argv[1])))).convert("RGB")
    picture = shot.quantize(64, dither=Image.Dither.NONE)
    target = ROOT / "docs" / "images" / "graph.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.save(target, pnginfo=told, optimize=True)


if __name__ == "__main__":
    main()
