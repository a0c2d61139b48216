from collections.abc import AsyncIterator

import pytest

from tests.unit.ui.fake_api import FakeApi
from ui.client import Line


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi().serving() as served:
        yield served


@pytest.fixture
async def line_(api: FakeApi) -> AsyncIterator[Line]:
    made = Line(api.url)
    yield made
    await made.aclose()
