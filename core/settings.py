"""Settings: read once from the environment, checked, frozen, passed on."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from core.errors import ConfigError
from core.origins import OriginPolicy, is_host_pattern, is_origin_pattern


def _split_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _split_pairs(value: Any) -> Any:
    """`lan=secret,minh=other` as a mapping."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in _split_list(value)]
    if not all(name and secret for name, _, secret in pairs):
        raise ValueError("should be client_id=key, separated by commas")
    if len({name for name, _, _ in pairs}) < len(pairs):
        raise ValueError("names a client twice")
    return {name: secret for name, _, secret in pairs}


def _check_hosts(hosts: list[str]) -> list[str]:
    for host in hosts:
        if not is_host_pattern(host):
            raise ValueError(f"{host!r} should be a host name, an address, *.example.com or *")
    return hosts


def _check_origins(origins: list[str]) -> list[str]:
    for origin in origins:
        if not is_origin_pattern(origin):
            raise ValueError(f"{origin!r} should be an origin, as https://example.com is, or *")
    return origins


Hosts = Annotated[list[str], BeforeValidator(_split_list), AfterValidator(_check_hosts)]
Origins = Annotated[list[str], BeforeValidator(_split_list), AfterValidator(_check_origins)]
Key = Annotated[SecretStr, Field(min_length=4)]
"""A shorter one could not be blacked out in logs."""


class Settings(BaseModel):
    """How this process is set up. Every field is also an environment variable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 25050
    database_url: str = "sqlite:///duologue.db"
    bots: Path = Path("bots.yaml")
    cassettes: Literal["record", "replay", "off"] | None = None
    personas: Path = Path("personas")
    api_keys: Annotated[list[Key], BeforeValidator(_split_list)] = []
    client_keys: Annotated[dict[str, Key], BeforeValidator(_split_pairs)] = {}
    rate_limit: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    edit: bool = False
    edit_hosts: Annotated[list[str], BeforeValidator(_split_list)] = []
    allowed_hosts: Hosts = []
    cors_origins: Origins = []
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_file: Path | None = None
    model: str = "gpt-4o-mini"
    user_model: str | None = None
    user_base_url: str | None = None
    user_api_key: SecretStr | None = None
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    ui: bool = True
    resume_on_start: bool = True
    keep_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    clock_checked: date | None = None
    max_body_bytes: Annotated[int, Field(ge=1000)] = 2_000_000
    max_open_runs: Annotated[int, Field(ge=1)] = 2000
    max_turns: Annotated[int, Field(ge=1, le=2000)] = 2000
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    attempts_total_s: Annotated[float, Field(gt=0, le=3600)] = 55.0
    model_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 50.0
    init_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 10.0
    turn_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    heartbeat_s: Annotated[float, Field(gt=0, le=15)] = 10.0
    send_timeout_s: Annotated[float, Field(gt=0, le=30)] = 20.0
    receive_timeout_s: Annotated[float, Field(gt=0, le=30)] = 20.0
    grace_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    demo_delay_s: Annotated[float, Field(ge=0, le=30)] = 0.0
    public_url: str | None = None
    webhook_url: SecretStr | None = None
    webhook_secret: SecretStr | None = None
    webhook_token: SecretStr | None = None
    webhook_template: Path | None = None

    @field_validator("client_keys")
    @classmethod
    def _require_one_owner(
        cls, keys: dict[str, SecretStr], info: ValidationInfo
    ) -> dict[str, SecretStr]:
        """Whose a key is must be plain."""
        given = [key.get_secret_value() for key in [*keys.values(), *info.data.get("api_keys", [])]]
        if len(set(given)) < len(given):
            raise ValueError("has a key that is another client's or an administrator's too")
        return keys

    @property
    def origin_policy(self) -> OriginPolicy:
        """The names this server answers to, and the origins whose pages may call it."""
        return OriginPolicy.of_server(self.host, self.allowed_hosts, self.cors_origins)

    @property
    def public_base(self) -> str:
        """Where people reach this server, without a slash at the end."""
        anywhere = self.host in ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound
        host = "127.0.0.1" if anywhere else self.host
        named = f"[{host}]" if ":" in host else host
        return (self.public_url or f"http://{named}:{self.port}").rstrip("/")

    @property
    def has_model(self) -> bool:
        """Whether a model is configured for prompt bots, and for simulated users too."""
        return self.openai_api_key is not None or self.openai_base_url is not None

    @property
    def has_user_model(self) -> bool:
        """Whether a model is configured for simulated users."""
        return self.has_model or self.user_base_url is not None

    @classmethod
    def from_env(cls, environ: Mapping[str, str], **changes: Any) -> Self:
        """Settings from `DUOLOGUE_<FIELD>` and the usual `OPENAI_*`; `changes` win.

        Raises `ConfigError` naming the variable that does not fit.
        """
        found: dict[str, Any] = {}
        for name in cls.model_fields:
            key = variable(name)
            if environ.get(key, "") != "":
                found[name] = environ[key]
        found.update({name: value for name, value in changes.items() if value is not None})
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = str(first["loc"][0]) if first["loc"] else ""
            raise ConfigError(first["msg"], file="environment", key=variable(name)) from None


def variable(field: str) -> str:
    """The environment variable of a settings field."""
    return field.upper() if field.startswith("openai_") else f"DUOLOGUE_{field.upper()}"
