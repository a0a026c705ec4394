"""How a login is written as one value, and found again in whatever form it was put there by hand."""

from __future__ import annotations

import json

import pytest

from providers.database_login.value import Address, Dialect, Form, Login, nobodys, read, written
from rotator.domain.secret_value import SecretValue

POSTGRESQL = Dialect("postgresql", ("postgres",), "postgres", "PGUSER", "PGPASSWORD")
THERE = Address("db.example.org", 5432, "shop", "sslmode=verify-full")
PASSWORD = "p@ss/w%rd: 'quoted'"


def pair(value: str) -> tuple[str, str] | None:
    login = read(SecretValue(value), POSTGRESQL)
    return (login.user, login.password.reveal()) if login is not None else None


@pytest.mark.parametrize("form", Form)
def test_what_is_written_is_read_again(form: Form) -> None:
    value = written(Login("app_k3x9q2a", SecretValue(PASSWORD)), form, POSTGRESQL, THERE)
    assert pair(value.reveal()) == ("app_k3x9q2a", PASSWORD)


def test_a_uri_is_one_that_libpq_reads() -> None:
    psycopg = pytest.importorskip("psycopg")
    value = written(Login("app_k3x9q2a", SecretValue(PASSWORD)), Form.URI, POSTGRESQL, THERE)
    assert psycopg.conninfo.conninfo_to_dict(value.reveal()) == {
        "user": "app_k3x9q2a", "password": PASSWORD, "host": "db.example.org", "port": "5432", "dbname": "shop",
        "sslmode": "verify-full",
    }  # fmt: skip


def test_json_is_what_aws_writes() -> None:
    value = written(Login("app", SecretValue("secret")), Form.JSON, POSTGRESQL, Address("[::1]", 5433, "my%20shop"))
    assert json.loads(value.reveal()) == {
        "engine": "postgres", "host": "::1", "port": 5433, "dbname": "my shop", "username": "app", "password": "secret",
    }  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        "postgres://app:secret@db/shop",
        "postgresql+psycopg://app:secret@one:5432,two:5432/shop?target_session_attrs=read-write",
        '{"username": "app", "password": "secret", "port": 5432}',
        '{"user": "app", "pwd": "secret"}',
        "DB_USER=app\nDB_PASSWORD='secret'\n# a comment=1",
        "PGUSER=app\nPGPASSWORD=secret\nPGHOST=db # of the shop",
        'export PGUSER="app"\nexport PGPASSWORD=secret\nPGHOST=db',
    ],
)
def test_every_form_in_which_people_keep_a_login_is_understood(value: str) -> None:
    assert pair(value) == ("app", "secret")


@pytest.mark.parametrize(
    "value",
    [
        "secret",
        "postgresql://app@db/shop",
        "postgresql://:secret@db/shop",
        "mysql://app:secret@db/shop",
        "postgresql://app:se%0Acret@db/shop",
        "https://[broken:secret@db/shop",
        '{"username": "app"}',
        '{"username": "app", "user": "other", "password": "secret"}',
        '{"username": "app", "password": "secret", "old_password": "older"}',
        "PGUSER=app\nPGPASSWORD=secret # of the shop",
        'PGUSER=app\nPGPASSWORD="secret" # of the shop',
        "[" * 100_000,
        "two\r\nlines: of it",
    ],
)
def test_no_pair_or_more_than_one_is_none(value: str) -> None:
    assert pair(value) is None


def test_only_what_looks_like_the_garbage_of_a_check_is_tried_as_nobodys_password() -> None:
    assert nobodys(SecretValue("0" * 39 + "f")) is not None
    for word in ("correct-horse-battery", "0" * 39, "0" * 39 + "F", "0" * 39 + "g"):
        assert nobodys(SecretValue(word)) is None


@pytest.mark.parametrize("text", ["db", "app:secret@db/shop", "db:x/shop", "db/", "db/shop/other", "db/shop?a=b c"])
def test_an_address_is_a_host_and_a_database_and_nothing_secret(text: str) -> None:
    with pytest.raises(ValueError, match="host:port/database"):
        Address.parse(text, 5432)


def test_an_address_has_a_port_of_its_own_or_the_usual_one() -> None:
    assert str(Address.parse("db/shop?sslmode=require", 5432)) == "db:5432/shop?sslmode=require"
    assert str(Address.parse("[::1]:99/shop", 5432)) == "[::1]:99/shop"
