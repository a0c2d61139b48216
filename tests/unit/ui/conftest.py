from collections.abc import AsyncIterator

import pytest

from tests.unit.ui.fake_api import FakeApi
from ui.api_client import ApiConnection


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi().serving() as served:
        yield served


@pytest.fixture
async def connection(api: FakeApi) -> AsyncIterator[ApiConnection]:
    made = ApiConnection(api.url)
    yield made
    await made.aclose()
