"""Settings from the command line, the environment and `.env`, in this order of rank."""

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from core.errors import ConfigError
from core.settings import Settings, variable

GIVEN = {
    "database_url": "--database",
    "bots": "--bots",
    "host": "--host",
    "port": "--port",
    "demo_delay_s": "--delay",
}


def load_settings(options: Namespace) -> Settings:
    """What this process is set up with. Raises `ConfigError` that names option or variable."""
    load_env(Path(".env"))
    given = {name: getattr(options, name, None) for name in GIVEN}
    if given["bots"] and not Path(given["bots"]).is_file():
        # Without being asked for, a missing file means the demo bot; a typing error must not.
        raise ConfigError("there is no such file", file=given["bots"], key="--bots")
    return Settings.from_env(os.environ, **given, **_command_defaults(options))


def _command_defaults(options: Namespace) -> dict[str, Any]:
    if options.command == "serve":
        return {"ui": False if options.no_ui else None}
    # Who asks for one conversation wants no others to begin to speak.
    return {"resume_on_start": False}


def load_env(file: Path) -> None:
    """Puts what the file says into the environment, behind what is there."""
    from dotenv import load_dotenv

    try:
        load_dotenv(file, override=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", file=str(file)) from None


def log_to_file(load_settings: Settings) -> None:
    """The log goes to its file where one is set; else only warnings are seen, on stderr."""
    if load_settings.log_file:
        from graph.logs import set_up

        set_up(load_settings, aloud=False)


def describe_config_error(error: ConfigError, options: Namespace) -> str:
    """What is wrong, with the option in place of the variable that it stands for."""
    for name, option in GIVEN.items():
        if error.key == variable(name) and getattr(options, name, None) is not None:
            return f"{option}: {error.reason}"
    return error.message
