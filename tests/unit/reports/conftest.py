"""Documents as the HTTP API gives them."""

from typing import Any

import pytest

from tests.unit.evaluation.samples import build_nightly


@pytest.fixture(scope="session")
def nightly() -> dict[str, Any]:
    """Two bots, a baseline, flips, broken and unjudged trials. Tests must not change it."""
    return build_nightly().model_dump(mode="json")
