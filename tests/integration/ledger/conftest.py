"""Each test of the ledger runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rotator.ledger.ledger import Ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a ledger that does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.key"


@pytest.fixture
def open_ledger(ledger_url: str, key_file: Path) -> Iterator[Callable[[], Ledger]]:
    """Open the test's ledger, as often as the test likes."""
    opened: list[Ledger] = []

    def opens() -> Ledger:
        opened.append(Ledger.open(ledger_url, key_file=key_file))
        return opened[-1]

    yield opens
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    return open_ledger()


@pytest.fixture
def sql(ledger_url: str) -> Callable[..., list[tuple[Any, ...]]]:
    """Run statements past the ledger, as anybody with the database's password could: ``sql("UPDATE …")``."""

    def run(*statements: str) -> list[tuple[Any, ...]]:
        connection: Any
        if ledger_url.startswith("sqlite"):
            connection = sqlite3.connect(ledger_url.removeprefix("sqlite:///"))
        else:
            import psycopg

            connection = psycopg.connect(ledger_url.replace("+psycopg", ""))
        try:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
            return rows
        finally:
            connection.rollback()
            connection.close()

    return run


@pytest.fixture
def without_guards(ledger: Ledger, ledger_url: str, sql: Callable[..., list[tuple[Any, ...]]]) -> None:
    """Take the triggers away that protect events: what somebody would do first who wants to forge history."""
    on_events = "" if ledger_url.startswith("sqlite") else " ON events"
    sql(f"DROP TRIGGER events_never_change{on_events}", f"DROP TRIGGER events_never_go{on_events}")
