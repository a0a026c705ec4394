"""A ledger as the first release kept it: its schema, with what a ledger of today holds that had a place in it.

No program of the first release is at hand. Its schema is: the first migration, which never changes. So rotations are
begun by the program of today, and their rows are carried over into that schema.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, Table, create_engine, insert, select, text

import rotator.ledger.migrations
from rotator.ledger.database import Database
from rotator.ledger.engines import open_engine
from rotator.ledger.schema import VERSION_TABLE

FIRST = "0001"


def make_schema(url: str, version: str) -> None:
    """Make an empty ledger by the first migrations only, up to this one."""
    database = Database(open_engine(url))
    config = Config()
    config.set_main_option("script_location", str(Path(rotator.ledger.migrations.__file__).parent))
    with database.alone() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    database.close()


def carry_over(today: str, first_release: str) -> None:
    """Fill an empty ledger of the first release with the rows of today's, as far as it has columns for them."""
    make_schema(first_release, FIRST)
    old, new = create_engine(first_release), create_engine(today)
    with old.begin() as sink, new.connect() as source:
        for statement in _WITHOUT_FOREIGN_KEYS[old.dialect.name]:
            sink.execute(text(statement))
        tables = MetaData()
        tables.reflect(sink)
        for table in tables.tables.values():
            if table.name != VERSION_TABLE:
                _copy(source, sink, table)
    old.dispose()
    new.dispose()


_WITHOUT_FOREIGN_KEYS = {
    "sqlite": ["PRAGMA defer_foreign_keys = ON"],
    "postgresql": ["SET session_replication_role = replica"],
}
"""A secret points to its token, and a token to its secret."""


def _copy(source: Connection, sink: Connection, table: Table) -> None:
    rows = source.execute(select(table)).mappings().all()
    if rows:
        sink.execute(insert(table), [{name: _then(name, value) for name, value in row.items()} for row in rows])


def _then(column: str, value: Any) -> Any:
    """Give what the first release would have written: it asked nobody, and took nobody's word."""
    return _OTHERWISE_THEN.get((column, value), value) if isinstance(value, str) else value


_OTHERWISE_THEN = {("proof", "said by a person"): "unlisted", ("trouble_kind", "person"): "operator"}
