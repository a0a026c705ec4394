"""Acts before each statement that a ledger sends, whoever sends it: SQLAlchemy, or the driver's own cursor."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import event

from rotator.ledger.ledger import Ledger

Act = Callable[[str], None]


def before_each_statement(ledger: Ledger, act: Act) -> None:
    """Have ``act`` called with the text of each statement from now on, before it is sent. It may raise."""
    engine = ledger._database.engine
    named = {"sqlite": _of_sqlite, "postgresql": _of_postgresql}[engine.dialect.name](act)

    def connects(_dialect: Any, _record: Any, _arguments: Any, how: dict[str, Any]) -> None:
        how.update(named)

    event.listen(engine, "do_connect", connects)
    ledger.close()  # connections that are open go another way


def each_new_connection(ledger: Ledger, act: Callable[..., None]) -> None:
    """Have ``act`` called with each of the driver's connections from now on, when it is made."""
    event.listen(ledger._database.engine, "connect", act)
    ledger.close()


def _of_sqlite(act: Act) -> dict[str, Any]:
    class Cursor(sqlite3.Cursor):
        def execute(self, text: str, *values: Any) -> sqlite3.Cursor:
            act(text)
            return super().execute(text, *values)

        def executemany(self, text: str, *values: Any) -> sqlite3.Cursor:
            act(text)
            return super().executemany(text, *values)

    class Connection(sqlite3.Connection):
        def cursor(self, *_: Any) -> Any:
            return super().cursor(Cursor)

    return {"factory": Connection}


def _of_postgresql(act: Act) -> dict[str, Any]:
    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *values: Any, **options: Any) -> Any:
            act(str(query))
            return super().execute(query, *values, **options)

        def executemany(self, query: Any, *values: Any, **options: Any) -> None:
            act(str(query))
            super().executemany(query, *values, **options)

    return {"cursor_factory": Cursor}
