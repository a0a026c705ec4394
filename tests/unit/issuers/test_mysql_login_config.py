"""What a connection and a policy may say to ``mysql-login``, and what its two kinds of server are told."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from providers.database_login.value import Login
from providers.issuers.mysql_login.dialects import MARIADB, MYSQL, dialect_of, identified
from providers.issuers.mysql_login.plugin import PLUGIN, MySQLConfig
from rotator.domain import naming
from rotator.domain.secret_value import SecretValue


def config(**settings: object) -> MySQLConfig:
    return MySQLConfig.model_validate({"url": "mysql://db.example.org/app", "user": "rotator", **settings})


@pytest.mark.parametrize(
    ("settings", "tls"),
    [
        ({}, "verify-full"),
        ({"tls": False}, "disable"),
        ({"url": "mariadb://127.0.0.1:3307/app"}, "prefer"),
        ({"url": "mysql://localhost/app", "ca_file": "/etc/ca.crt"}, "verify-full"),
    ],
)
def test_a_server_elsewhere_is_checked_unless_told_otherwise(settings: dict[str, object], tls: str) -> None:
    assert config(**settings).identity.tls == tls


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "db.example.org/app"}, "mysql://host:port/database"),
        ({"url": "mysql://rotator:secret@db.example.org/app"}, "without name and password"),
        ({"url": "mysql://db.example.org/app?ssl-mode=disabled"}, "no query"),
        ({"password": "secret"}, "Extra inputs"),
    ],
)
def test_what_cannot_be_right_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        config(**settings)


@pytest.mark.parametrize("options", [{"role": "app role"}, {"role": "app_role", "host": "'%'"}, {"role": ""}])
def test_a_role_and_a_host_are_plain_words(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        PLUGIN.options.model_validate(options)


def test_a_name_fits_into_mysqls_32_characters_with_its_mark() -> None:
    traits = PLUGIN.traits(config(), PLUGIN.options.model_validate({"role": "app_role"}))
    name = naming.token_name("a" * 80, "k3x9q2a", traits.names)
    assert len(name) == 32
    assert name.endswith("_k3x9q2a")


@pytest.mark.parametrize(
    ("version", "dialect"),
    [
        ("10.11.19-MariaDB-0+deb12u1", MARIADB),
        ("5.5.5-10.6.1-MariaDB", MARIADB),
        ("8.4.3", MYSQL),
        ("8.0.36-cluster", MYSQL),
    ],
)
def test_a_server_tells_its_kind_by_its_version(version: str, dialect: object) -> None:
    assert dialect_of(version) is dialect


def test_mariadb_gets_the_hash_that_it_would_make_itself() -> None:
    """The hash is the one of the manual's example for PASSWORD()."""
    login = Login("app", SecretValue("notagoodpwd"))
    assert identified(MARIADB, login) == ("IDENTIFIED BY PASSWORD %s", "*3A70EE9FC6594F88CE9E959CD51C5A1C002DC937")


def test_mysql_gets_the_password_itself_for_its_own_way_of_hashing() -> None:
    login = Login("app", SecretValue("notagoodpwd"))
    assert identified(MYSQL, login) == ("IDENTIFIED WITH caching_sha2_password BY %s", "notagoodpwd")
