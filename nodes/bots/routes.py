"""How bots.yaml says by which way a server is reached: a proxy, certificates of one's own."""

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from core.errors import BotError
from core.files import resolve_secrets
from nodes.bots.config import BotConfig, Config, check_template
from nodes.calls.http import Route

File = Annotated[str, Field(min_length=1, max_length=1000)]


class Tls(Config):
    """Files in PEM form, from the folder of bots.yaml."""

    ca: File | None = Field(None, description="Who is trusted, in place of the system's list.")
    certificate: File | None = Field(None, description="Ours, which the server wants to see.")
    key: File | None = Field(None, description="Its key, where it is a file of its own.")
    password: Annotated[str, AfterValidator(check_template)] | None = Field(
        None, description="Of the key, as ${NAME}."
    )

    @model_validator(mode="after")
    def _is_complete(self) -> "Tls":
        if (self.key or self.password) and not self.certificate:
            raise ValueError("a key is of no use without its certificate")
        if not (self.ca or self.certificate):
            raise ValueError("give ca, certificate or both")
        return self


def _check_proxy(value: str) -> str:
    if not value.startswith(("http://", "https://", "${")):
        raise ValueError("must begin with http:// or https://")
    return value


Proxy = Annotated[str, AfterValidator(_check_proxy), AfterValidator(check_template)]


class RoutedBot(BotConfig):
    """A bot at a server that may be reached in a way of its own."""

    proxy: Proxy | None = Field(None, description="By which it is called, in place of HTTP_PROXY.")
    tls: Tls | None = Field(None, description="Certificates of a service inside a company.")


def make_route(bot: RoutedBot, folder: Path) -> Route:
    """The way to the bot. Raises `BotError` where its files cannot be read."""
    proxy = resolve_secrets(bot.proxy) if bot.proxy else None
    return Route(_load(bot.tls, folder) if bot.tls else None, proxy)


def find_fault(bot: RoutedBot, folder: Path) -> str | None:
    """What is wrong with its files, as a sentence; None where all can be used."""
    for name, value in (bot.tls.model_dump(exclude={"password"}) if bot.tls else {}).items():
        if value and not (folder / value).is_file():
            return f"tls.{name}: there is no file {folder / value}"
    return None


def _load(tls: Tls, folder: Path) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=folder / tls.ca if tls.ca else None)
        if tls.certificate:
            own = folder / tls.key if tls.key else None
            word = resolve_secrets(tls.password) if tls.password else ""
            context.load_cert_chain(folder / tls.certificate, own, lambda: word)
    except (ssl.SSLError, OSError, ValueError):
        said = f"the certificates of tls cannot be used: {_describe(tls)}"
        raise BotError("unreachable", said, retryable=False, unheard=True) from None
    return context


def _describe(tls: Tls) -> str:
    """Which files; OpenSSL's own words tell less."""
    given = tls.model_dump(exclude={"password"}).items()
    files = ", ".join(f"{name} {value}" for name, value in given if value)
    return f"{files}; are they PEM files that belong together?"
