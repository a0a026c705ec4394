"""What a connection and a policy may say to ``postgresql-login``."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from providers.issuers.postgresql_login.plugin import PLUGIN, PostgreSQLConfig
from rotator.domain import naming


def config(**settings: object) -> PostgreSQLConfig:
    return PostgreSQLConfig.model_validate({"url": "postgresql://db.example.org/app", "user": "rotator", **settings})


@pytest.mark.parametrize(
    ("settings", "sslmode"),
    [
        ({}, "verify-full"),
        ({"sslmode": "require"}, "require"),
        ({"url": "postgres://127.0.0.1:5433/app"}, "prefer"),
        ({"url": "postgresql://[::1]/app"}, "prefer"),
        ({"url": "postgresql://localhost/app", "ca_file": "/etc/ca.crt"}, "verify-full"),
    ],
)
def test_a_server_elsewhere_is_checked_unless_told_otherwise(settings: dict[str, object], sslmode: str) -> None:
    assert config(**settings).identity.sslmode == sslmode


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "db.example.org/app"}, "postgresql://host:port/database"),
        ({"url": "postgresql://db.example.org"}, "host:port/database"),
        ({"url": "postgresql://rotator:secret@db.example.org/app"}, "without name and password"),
        ({"url": "postgresql://db.example.org/app?sslmode=disable"}, "no query"),
        ({"sslmode": "require", "ca_file": Path("/etc/ca.crt")}, "only verify-full and verify-ca"),
        ({"sslmode": "allow"}, "verify-full"),
        ({"password": "secret"}, "Extra inputs"),
    ],
)
def test_what_cannot_be_right_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        config(**settings)


def test_a_consumers_address_holds_no_login() -> None:
    with pytest.raises(ValidationError, match="without name and password"):
        PLUGIN.options.model_validate({"role": "app_owner", "address": "app:secret@db.example.org/app"})


@pytest.mark.parametrize(
    ("name", "is_fit"), [("app", True), ("app-database", True), ("pg_app", False), ("App", False), ("1app", False)]
)
def test_a_name_is_one_that_needs_no_care(name: str, is_fit: bool) -> None:
    traits = PLUGIN.traits(config(), PLUGIN.options.model_validate({"role": "app_owner"}))
    assert (naming.why_unfit(name, traits.names) is None) is is_fit


def test_a_long_name_keeps_its_mark() -> None:
    traits = PLUGIN.traits(config(), PLUGIN.options.model_validate({"role": "app_owner"}))
    name = naming.token_name("a" * 80, "k3x9q2a", traits.names)
    assert len(name) == 63
    assert name.endswith("_k3x9q2a")
