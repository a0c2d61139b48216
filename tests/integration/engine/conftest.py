"""A house with the robot in it."""

from pathlib import Path

import pytest

from tests.integration.engine.house import House
from tests.servers.robot import RobotServer


@pytest.fixture
def house(tmp_path: Path, robot: RobotServer) -> House:
    return House(tmp_path, robot.url)
