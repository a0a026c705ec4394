"""The one statement that SQLAlchemy writes differently for each database: insert, unless it is there already."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Index, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert


def insert_unless_there(
    connection: Connection, table: Table, row: Mapping[str, Any], unique: Index | None = None
) -> bool:
    """Insert a row; tell whether it was. ``unique`` is the index that decides; else any unique one does.

    Waits for another transaction that is about to insert the same.
    """
    return connection.execute(_statement(connection.dialect.name, table, unique), row).first() is not None


@cache
def _statement(dialect: str, table: Table, unique: Index | None) -> ReturningInsert[Any]:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    conflict: dict[str, Any] = {}
    if unique is not None:
        conflict = {"index_elements": list(unique.columns), "index_where": unique.dialect_options[dialect]["where"]}
    return insert(table).on_conflict_do_nothing(**conflict).returning(*table.primary_key)
