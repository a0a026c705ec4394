"""The statements of every move, each built once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Index, Table, bindparam, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from rotator.ledger.prepared import Prepared, Row


def add(connection: Connection, table: Table, row: Row) -> None:
    """Insert a row."""
    _insert(table, tuple(row)).run(connection, row)


def add_each(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that name the same columns."""
    _insert(table, tuple(rows[0])).run_each(connection, rows)


def add_unless_there(connection: Connection, table: Table, row: Row, unique: Index | None = None) -> bool:
    """Insert a row; tell whether it was. ``unique`` is the index that decides; else any unique one does.

    Waits for another transaction that is about to insert the same.
    """
    statement = _insert_unless_there(connection.dialect.name, table, tuple(row), unique)
    return bool(statement.rows(connection, row))


def change(
    connection: Connection, table: Table, which: Row, changes: Row, only: ColumnElement[bool] | None = None
) -> int:
    """Change the rows whose columns are as ``which`` says (and for which ``only`` holds); give how many there were."""
    new = {f"new_{column}": value for column, value in changes.items()}
    now = {f"now_{column}": value for column, value in which.items()}
    return _update(table, tuple(which), tuple(changes), only).run(connection, new | now)


@cache
def _insert(table: Table, columns: tuple[str, ...]) -> Prepared:
    return Prepared(insert(table).values({column: bindparam(column) for column in columns}))


@cache
def _insert_unless_there(dialect: str, table: Table, columns: tuple[str, ...], unique: Index | None) -> Prepared:
    """Build the one statement that SQLAlchemy writes differently for each database."""
    insert_into = postgresql.insert if dialect == "postgresql" else sqlite.insert
    conflict: dict[str, Any] = {}
    if unique is not None:
        conflict = {"index_elements": list(unique.columns), "index_where": unique.dialect_options[dialect]["where"]}
    statement = insert_into(table).values({column: bindparam(column) for column in columns})
    return Prepared(statement.on_conflict_do_nothing(**conflict).returning(*table.primary_key))


@cache
def _update(
    table: Table, which: tuple[str, ...], changes: tuple[str, ...], only: ColumnElement[bool] | None
) -> Prepared:
    conditions = [table.c[column] == bindparam(f"now_{column}", type_=table.c[column].type) for column in which]
    values = {column: bindparam(f"new_{column}", type_=table.c[column].type) for column in changes}
    statement = update(table).where(*conditions).values(values)
    return Prepared(statement if only is None else statement.where(only))
