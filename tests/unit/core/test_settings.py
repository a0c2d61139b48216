"""Settings come from the environment, and a bad one stops the start naming its variable."""

from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError
from core.settings import Settings, variable
from graph.storage.opening import sqlite_path


def test_each_field_is_an_environment_variable() -> None:
    environ = {
        "DUOLOGUE_PORT": "8000",
        "DUOLOGUE_DATABASE_URL": "sqlite:////data/x.db",
        "DUOLOGUE_API_KEYS": "eins, zwei,,",
        "DUOLOGUE_RESUME_ON_START": "no",
        "OPENAI_API_KEY": "sk-secret",
        "OPENAI_BASE_URL": "http://127.0.0.1:11434/v1",
        "DUOLOGUE_OPENAI_API_KEY": "not this one",
        "PORT": "1",
    }
    found = Settings.from_env(environ)
    assert (found.port, found.resume_on_start, found.has_model) == (8000, False, True)
    assert [key.get_secret_value() for key in found.api_keys] == ["eins", "zwei"]
    assert found.openai_api_key is not None
    assert found.openai_api_key.get_secret_value() == "sk-secret"
    assert "sk-secret" not in repr(found)
    assert "eins" not in repr(found)


def test_an_empty_variable_is_as_good_as_none_and_changes_win() -> None:
    environ = {"DUOLOGUE_PORT": "", "OPENAI_API_KEY": "", "DUOLOGUE_HOST": "0.0.0.0"}
    found = Settings.from_env(environ, host="127.0.0.1", port=None)
    assert (found.port, found.host, found.has_model) == (25050, "127.0.0.1", False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DUOLOGUE_PORT", "70000"),
        ("DUOLOGUE_PORT", "secret-value"),
        ("DUOLOGUE_ATTEMPTS", "0"),
        ("DUOLOGUE_GRACE_S", "-1"),
        ("DUOLOGUE_HEARTBEAT_S", "16"),
        ("DUOLOGUE_LOG_LEVEL", "LOUD"),
        ("DUOLOGUE_UI", "perhaps"),
        ("DUOLOGUE_CORS_ORIGINS", "foo"),
        ("DUOLOGUE_CORS_ORIGINS", "https://a.example/path"),
        ("DUOLOGUE_ALLOWED_HOSTS", "http://x"),
        ("DUOLOGUE_ALLOWED_HOSTS", "x.example:25050"),
        ("DUOLOGUE_CLIENT_KEYS", "lan=secret-value,minh=secret-value"),
        ("DUOLOGUE_CLIENT_KEYS", "lan=k"),
        ("DUOLOGUE_API_KEYS", "k"),
        ("DUOLOGUE_CLOCK_CHECKED", "yesterday"),
    ],
)
def test_a_bad_value_names_its_variable_and_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({name: value})
    assert caught.value.key == name
    assert "secret-value" not in caught.value.message


def test_settings_are_frozen_and_take_nothing_unknown() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]
    with pytest.raises(ValueError, match="Extra"):
        Settings(prot=1)  # type: ignore[call-arg]
    assert variable("openai_api_key") == "OPENAI_API_KEY"
    assert variable("port") == "DUOLOGUE_PORT"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///duologue.db", "duologue.db"),
        ("sqlite:////data/duologue.db", "/data/duologue.db"),
        ("sqlite:///../x y.db", "../x y.db"),
    ],
)
def test_a_database_url_leads_to_a_file(url: str, path: str) -> None:
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "duologue.db",
        "sqlite://",
        "sqlite:///",
        "mysql:///x",
        "sqlite:/x",
        "postgres://u:pw@h/d",
    ],
)
def test_another_database_url_is_refused_and_its_password_not_shown(url: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        sqlite_path(url)
    assert caught.value.key == "DUOLOGUE_DATABASE_URL"
    assert "pw" not in caught.value.message


def test_a_key_of_a_client_is_no_administrators() -> None:
    with pytest.raises(ConfigError, match="administrator"):
        Settings.from_env({"DUOLOGUE_API_KEYS": "same", "DUOLOGUE_CLIENT_KEYS": "lan=same"})


@pytest.mark.parametrize(
    "hosts", ["*", "*.example.com,x", "192.168.1.5", "::1", "[2001:db8::1]", "a_b.example."]
)
def test_hosts_that_can_match_are_taken(hosts: str) -> None:
    assert Settings.from_env({"DUOLOGUE_ALLOWED_HOSTS": hosts}).allowed_hosts


@pytest.mark.parametrize(
    "origins",
    ["*", "http://localhost:*", "https://*.example.com", "https://x.example:8443/", "http://[::1]",
     "chrome-extension://abcdef"],
)  # fmt: skip
def test_origins_that_can_match_are_taken(origins: str) -> None:
    assert Settings.from_env({"DUOLOGUE_CORS_ORIGINS": origins}).cors_origins
