"""What differs between SQLite and PostgreSQL: how a connection is made safe, and how a transaction begins."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from rotator.domain.errors import LedgerUnavailable
from rotator.ledger.private_files import make_private

_WAIT_FOR_A_LOCK: Final = 30
"""Seconds. Longer than any transaction of ours takes, so that only a stuck process makes one fail."""

_A_MOMENT: Final = 0.01

_CONNECTIONS: Final[dict[str, Any]] = {"pool_size": 8, "max_overflow": 24, "hide_parameters": True}

_OLDEST_SQLITE: Final = (3, 35, 0)
"""The first with RETURNING."""

_POSTGRESQL_SESSION: Final = f"""
    SELECT set_config('timezone', 'UTC', false),
           set_config('statement_timeout', '{_WAIT_FOR_A_LOCK * 2}s', false),
           set_config('lock_timeout', '{_WAIT_FOR_A_LOCK}s', false),
           set_config('idle_in_transaction_session_timeout', '{_WAIT_FOR_A_LOCK * 2}s', false),
           set_config('synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'), false)
"""


def open_engine(url: str) -> Engine:
    """Make the engine for a ledger's URL. Raises LedgerUnavailable for one that cannot be a ledger's.

    Connects to nothing yet; but for SQLite, the folder (0700, when it is new) and the file (0600) are made.
    """
    try:
        parsed = make_url(url)
        match parsed.get_backend_name():
            case "sqlite":
                return _open_sqlite(parsed)
            case "postgresql" | "postgres":
                return _open_postgresql(parsed)
    except (ArgumentError, NoSuchModuleError) as error:
        raise LedgerUnavailable("The ledger's URL cannot be understood.", remedy=_ACCEPTED) from error
    raise LedgerUnavailable(f"A ledger cannot be kept in {parsed.get_backend_name()}.", remedy=_ACCEPTED)


_ACCEPTED: Final = "Write sqlite:////folder/ledger.db or postgresql://user@host/database."


def sqlite_file(url: URL) -> Path | None:
    """Give the file of a SQLite URL; None for any other."""
    if url.get_backend_name() != "sqlite":
        return None
    return Path(url.database or "").absolute()


def place_of(url: URL) -> str:
    """Name the ledger for people, without user, password or options."""
    file = sqlite_file(url)
    if file is not None:
        return f"The ledger {file}"
    return f"The ledger in PostgreSQL at {url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"


# --- SQLite ------------------------------------------------------------------------------------------------------


def _open_sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise LedgerUnavailable(
            "A ledger must outlive the process: a SQLite URL has to name a plain file.", remedy=_ACCEPTED
        )
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise LedgerUnavailable(f"SQLite {sqlite3.sqlite_version} is too old.", remedy="Install 3.35 or later.")
    make_private(Path(url.database).absolute())
    engine = create_engine(url, connect_args={"timeout": _WAIT_FOR_A_LOCK}, **_CONNECTIONS)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Python's sqlite3 would begin transactions by itself, late, and never as IMMEDIATE: ``Database`` begins them.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        _use_write_ahead_log(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
    finally:
        cursor.close()


def _use_write_ahead_log(cursor: Any) -> None:
    """Have the file use a write-ahead log, which it then always does.

    SQLite waits for nobody while that is changed ("database is locked", at once): of processes that open a new ledger
    together, all but the first try again.
    """
    until = time.monotonic() + _WAIT_FOR_A_LOCK
    while cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_A_MOMENT)


# --- PostgreSQL --------------------------------------------------------------------------------------------------


def _open_postgresql(url: URL) -> Engine:
    # A network that goes quiet is noticed within a minute, not after the kernel's quarter of an hour; and a standby
    # that only reads is refused at once, not in the middle of a rotation.
    wishes = {
        "application_name": "rotator",
        "target_session_attrs": "read-write",
        "connect_timeout": 10,
        "keepalives_idle": 20,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }
    arguments = {name: value for name, value in wishes.items() if name not in url.query}
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"), connect_args=arguments, pool_pre_ping=True, **_CONNECTIONS
        )
    except ModuleNotFoundError as error:
        raise LedgerUnavailable(
            "The PostgreSQL driver is not installed.", remedy="pip install 'secrets-rotator[postgresql]'"
        ) from error
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    """Set limits for the session; and a server that acknowledges commits before they are durable is overruled."""
    with connection.cursor() as cursor:
        cursor.execute(_POSTGRESQL_SESSION)
    connection.commit()
