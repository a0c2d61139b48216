"""Every command in docs/api.md answers what is written below it."""

from pathlib import Path

import pytest

from tests.integration.examples.captures import DOCUMENT, captures, plain, running


@pytest.mark.timeout(180)
async def test_what_the_document_says_is_what_comes(tmp_path: Path) -> None:
    found = captures(DOCUMENT.read_text("utf-8"))
    assert len(found) > 30
    async with running(tmp_path) as runner:
        for capture in found:
            answer = await runner.run(capture)
            assert plain(answer) == plain(capture.answer), f"docs/api.md:{capture.line}\n{answer}"
