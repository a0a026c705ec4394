"""How a database login is written down as one value: its name changes with its password, so consumers read both.

We write three forms, and read any in which people keep a pair, because the first one was put where it is by hand. Pure.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from providers.named_texts import named_texts
from rotator.domain.secret_value import SecretValue

_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?/([\w.$~%-]+)(?:\?([\w.$~%&=/+-]*))?")
_NAME_OF_A_USER: Final = re.compile(r"user(name)?$")
_NAME_OF_A_PASSWORD: Final = re.compile(r"(password|passwd|pwd)$")
_GARBAGE: Final = re.compile(r"[0-9a-f]{40}")
_NOBODY: Final = "rotator_no_such_login"


class Form(StrEnum):
    """How the value is written that consumers read."""

    URI = "uri"
    """``postgresql://name:password@host:port/database``."""
    JSON = "json"
    """What AWS's own rotation writes: engine, host, port, dbname, username, password; in one line."""
    ENV = "env"
    """Two lines of an environment file."""


@dataclass(frozen=True)
class Dialect:
    """What one kind of server calls things."""

    scheme: str
    other_schemes: tuple[str, ...]
    engine: str
    user_variable: str
    password_variable: str


@dataclass(frozen=True)
class Login:
    """The pair."""

    user: str
    password: SecretValue


@dataclass(frozen=True)
class Address:
    """Where consumers connect to. It is no secret."""

    host: str
    port: int
    database: str
    query: str = ""

    @classmethod
    def parse(cls, text: str, default_port: int) -> Address:
        """Read ``host:port/database?sslmode=verify-full``. ValueError says what is accepted."""
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise ValueError("write an address as host:port/database, without name and password")
        host, port, database, query = found.groups()
        return cls(host, int(port or default_port), database, query or "")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.database}{'?' if self.query else ''}{self.query}"


def written(login: Login, form: Form, dialect: Dialect, address: Address) -> SecretValue:
    """Give the pair as one value."""
    password = login.password.reveal()
    if form is Form.JSON:
        where = {"host": address.host.strip("[]"), "port": address.port, "dbname": unquote(address.database)}
        return SecretValue(
            json.dumps({"engine": dialect.engine, **where, "username": login.user, "password": password})
        )
    if form is Form.ENV:
        return SecretValue(f"{dialect.user_variable}={login.user}\n{dialect.password_variable}={password}\n")
    return SecretValue(f"{dialect.scheme}://{quote(login.user, safe='')}:{quote(password, safe='')}@{address}")


def read(value: SecretValue, dialect: Dialect) -> Login | None:
    """Find the one pair in a value: a URI, JSON, or environment variables; None when there is none, or more."""
    text = value.reveal().strip()
    if "\n" not in text and "://" in text and not text.startswith("{"):
        return _from_uri(text, dialect)
    users, passwords = set(), set()
    for name, member in named_texts(text):
        word = re.sub(r"[^a-z]", "", name.lower())
        if _NAME_OF_A_USER.search(word):
            users.add(member)
        elif _NAME_OF_A_PASSWORD.search(word):
            passwords.add(member)
    if len(users) != 1 or len(passwords) != 1:
        return None
    return _pair(users.pop(), passwords.pop())


def nobodys(value: SecretValue) -> Login | None:
    """Take garbage for the password of nobody, so that ``check --online`` can hear the server refuse it.

    Only what looks like the garbage of that check: any other lone word may be the password of a living login.
    """
    return Login(_NOBODY, value) if _GARBAGE.fullmatch(value.reveal()) else None


def _from_uri(text: str, dialect: Dialect) -> Login | None:
    """Read a URI. SQLAlchemy's names a driver, too: ``postgresql+psycopg://``."""
    try:
        parts = urlsplit(text)
        user, password = parts.username or "", parts.password or ""
    except ValueError:
        return None
    if parts.scheme.partition("+")[0] not in (dialect.scheme, *dialect.other_schemes):
        return None
    return _pair(unquote(user), unquote(password))


def _pair(user: str, password: str) -> Login | None:
    sendable = user.isprintable() and password.isprintable()
    return Login(user, SecretValue(password)) if user and password and sendable else None
