"""Every relative link of the documents leads to a file, and to a heading of it."""

import re
from pathlib import Path

import pytest

from tests.servers.process import ROOT

DOCUMENTS = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("README*.md")])
_LINK = re.compile(
    r"\]\((?![a-z]+:)([^)\s#]*)(?:#([^)\s]+))?\)|(?:src|href)=\"(?![a-z]+:)([^\"#]+)"
)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """As GitHub makes them."""
    text = _CODE.sub("", document.read_text("utf-8"))
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for path, anchor, source in _LINK.findall(_CODE.sub("", document.read_text("utf-8"))):
        place = path or source
        target = (document.parent / place).resolve() if place else document
        known = target.exists() and (not anchor or anchor in anchors(target))
        if not known:
            broken.append(f"{place}#{anchor}" if anchor else place)
    assert broken == []
