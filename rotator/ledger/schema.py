"""Bringing a database to the schema that this program knows. Alembic is imported only when there is work for it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from rotator.domain.errors import LedgerUnavailable
from rotator.ledger.database import Database
from rotator.ledger.tables import metadata

VERSIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Every version of the schema, oldest first; a test holds this equal to the files in ``migrations/versions``."""

VERSION_TABLE: Final = "ledger_version"
"""Not Alembic's usual name: a shared PostgreSQL database may hold another program's."""

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def bring_up_to_date(database: Database) -> None:
    """Make or migrate the schema where needed. Of several processes that begin at once, one does it.

    Raises LedgerUnavailable, having changed nothing, for a newer schema, for a database of something else, and
    where we may not write.
    """
    with database.reading() as connection:
        version = _version(connection, database.name)
        if version == VERSIONS[-1]:
            return
    with database.alone() as connection:
        version = _version(connection, database.name)
        if version is None:
            _refuse_what_is_not_ours(connection, database.name)
        if version != VERSIONS[-1]:
            _upgrade(connection)


def _version(connection: Connection, where: str) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608  our own constant
    if version is not None and version not in VERSIONS:
        raise LedgerUnavailable(
            f"{where} has schema {version}; this program knows schemas up to {VERSIONS[-1]}.",
            remedy="A newer Rotator wrote it: install that version, or a newer one.",
        )
    return version


def _refuse_what_is_not_ours(connection: Connection, where: str) -> None:
    """Refuse to settle among the tables of something else: any in a SQLite file, any of our names in PostgreSQL."""
    found = set(inspect(connection).get_table_names())
    strangers = found if connection.dialect.name == "sqlite" else found & set(metadata.tables)
    if strangers:
        raise LedgerUnavailable(
            f"{where} is not a ledger: it holds tables of something else ({', '.join(sorted(strangers)[:5])}).",
            remedy="Give the ledger a database of its own.",
        )


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  a quarter of a second that only a migration should cost
    from alembic.config import Config  # noqa: PLC0415  as above

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
