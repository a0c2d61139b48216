"""TEST_DATABASE=postgres runs these tests on Postgres, but those that are about a file."""

from collections.abc import Iterator

import pytest

from tests.servers.database import ON_POSTGRES, databases


@pytest.fixture(scope="session", autouse=ON_POSTGRES)
def postgres_for_all(request: pytest.FixtureRequest) -> Iterator[None]:
    databases.server = request.getfixturevalue("postgres")
    yield
    databases.server = None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if ON_POSTGRES and item.get_closest_marker("sqlite"):
            item.add_marker(pytest.mark.skip("is about SQLite's file"))
