"""The one statement that SQLAlchemy writes differently for each database: insert, unless it is there already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_unless_there(connection: Connection, table: Table, row: Mapping[str, Any], **conflict: Any) -> bool:
    """Insert a row; tell whether it was. ``conflict`` names the unique index that decides; else any does.

    Waits for another transaction that is about to insert the same.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**row).on_conflict_do_nothing(**conflict)
    return connection.execute(statement.returning(*table.primary_key)).first() is not None
