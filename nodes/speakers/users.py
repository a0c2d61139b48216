"""The kinds of user that play a persona without a model; `kind:` of the persona names one."""

from collections.abc import Callable

from core.errors import ConfigError
from nodes.speakers.personas import Persona
from nodes.speakers.protocol import User

MakeUser = Callable[[Persona], User]
_KINDS: dict[str, MakeUser] = {}


def register_user_kind(name: str, make: MakeUser) -> None:
    """From now on `make` plays personas of this kind. Raises `ConfigError` where it is taken."""
    if _KINDS.setdefault(name, make) is not make:
        raise ConfigError(f"the kind of user {name!r} is registered twice")


def make_user(kind: str, persona: Persona) -> User:
    """Who plays this persona. Raises `ConfigError` where nothing registered that kind."""
    if kind not in _KINDS:
        raise ConfigError(f"nobody plays personas of the kind {kind!r}")
    return _KINDS[kind](persona)
