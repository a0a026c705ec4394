"""The statements of every move, built once: SQLAlchemy takes longer to build one than a database to run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Table, Update, bindparam, insert, update


def add(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that name the same columns."""
    connection.execute(_insert(table), rows)


def change(
    connection: Connection,
    table: Table,
    which: Mapping[str, Any],
    changes: Mapping[str, Any],
    only: ColumnElement[bool] | None = None,
) -> int:
    """Change the rows whose columns are as ``which`` says (and for which ``only`` holds); give how many there were."""
    new = {f"new_{column}": value for column, value in changes.items()}
    now = {f"now_{column}": value for column, value in which.items()}
    return connection.execute(_update(table, tuple(which), tuple(changes), only), new | now).rowcount


@cache
def _insert(table: Table) -> Insert:
    return insert(table)


@cache
def _update(table: Table, which: tuple[str, ...], changes: tuple[str, ...], only: ColumnElement[bool] | None) -> Update:
    conditions = [table.c[column] == bindparam(f"now_{column}", type_=table.c[column].type) for column in which]
    values = {column: bindparam(f"new_{column}", type_=table.c[column].type) for column in changes}
    statement = update(table).where(*conditions).values(values)
    return statement if only is None else statement.where(only)
