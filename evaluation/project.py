"""The folder that suites are resolved in: what their names refer to."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import demo.kinds  # noqa: F401 - the bots that ship are known wherever a suite is read
from core.settings import Settings
from evaluation.prices import Prices, read_prices
from nodes.bots.config import BotConfig, read_bots
from nodes.speakers.personas import Persona, read_personas


@dataclass(frozen=True)
class Project:
    """What a suite's names refer to: the project folder, personas, bots, prices and the model."""

    root: Path
    personas: Mapping[str, Persona]
    bots: Mapping[str, BotConfig]
    prices: Prices
    model: str
    has_model: bool = True
    user_model: str | None = None

    @classmethod
    def open(cls, settings: Settings, root: Path = Path()) -> "Project":
        """The project in a folder, as this process is set up. Raises `ConfigError`."""
        return cls(
            root=root,
            personas=read_personas(root / settings.personas),
            bots=read_bots(root / settings.bots),
            prices=read_prices(root / "prices.yaml"),
            model=settings.model,
            has_model=settings.has_user_model,
            user_model=settings.user_model,
        )

    @cached_property
    def scenario_files(self) -> dict[str, Path]:
        """The files of scenarios/ by id."""
        return {path.stem: path for path in sorted((self.root / "scenarios").glob("*.yaml"))}
