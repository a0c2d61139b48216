"""A house with the robot in it, and no long waits before another try."""

from pathlib import Path

import pytest

from nodes.calls.retry import RetryLimits
from tests.integration.engine.house import House
from tests.servers.robot import RobotServer


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another side asks for is still waited for; only our own pauses are short."""
    monkeypatch.setattr(RetryLimits, "wait", lambda _self, failed: 0.01 * failed)


@pytest.fixture
def house(tmp_path: Path, robot: RobotServer) -> House:
    return House(tmp_path, robot.url)
