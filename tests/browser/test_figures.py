"""The figures that people feel: how much is loaded, and how smooth it is with many watching."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.browser.conftest import each
from tests.browser.looking import Looking
from tests.browser.service import Service
from tests.browser.watchers import watched_by
from tests.servers.llm import LlmServer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]
LINE = "Hôm nay mình học cách giới thiệu gia đình nhé! Bạn nghe thật kỹ rồi nói lại cả câu này."


async def test_the_page_is_less_than_a_megabyte(look: Looking) -> None:
    tab = await look.tab("about:blank")
    wire = await tab.page.context.new_cdp_session(tab.page)
    await wire.send("Network.enable")
    sizes: list[float] = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    await tab.page.goto(f"{look.url}/vi/")
    await tab.ready()
    assert 50_000 < sum(sizes) < 1_000_000


@each
async def streaming(tmp_path: Path) -> AsyncIterator[Service]:
    """A server whose speakers are models that answer word by word."""
    async with LlmServer() as llm:
        llm.set(manner={"token_delay": 0.05, "first_delay": 0.2})
        llm.script([LINE] * 100)
        models = {"OPENAI_BASE_URL": llm.base_url, "OPENAI_API_KEY": "none"}
        async with Service(tmp_path, models) as service:
            yield service


async def test_twenty_people_watch_one_conversation_to_its_end(streaming: Service) -> None:
    """How smooth it is for them belongs to `make bench`: a machine's speed is no promise."""
    prompt = "Bạn là robot dạy tiếng Anh."  # what it says is a bot's: the user is scripted
    id = await streaming.started(bot_prompt=prompt, user="scripted", max_turns=4)
    watched = await watched_by(20, f"{streaming.url}/ui", id)
    pieces = sum(len(line.split()) for line in await streaming.said(id))
    # Growing text, and yet several pieces at once: never an update for each.
    assert all(4 <= one.updates < pieces for one in watched)
