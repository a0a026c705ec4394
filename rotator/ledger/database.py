"""Transactions on the ledger's database, and what its errors mean for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import Connection, Engine, RootTransaction, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from rotator.domain.errors import LedgerUnavailable, WrongOrder
from rotator.ledger.engines import place_of, sqlite_file
from rotator.ledger.group_commit import GroupCommit

ResultT = TypeVar("ResultT")

_MIGRATION_LOCK: Final = 0x526F7461746F72
"""The number of PostgreSQL's advisory lock under which a schema is made: "Rotator" in ASCII."""


class Database:
    """The ledger's database, and the kinds of transaction it knows. Serves all threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._driver = engine.dialect.loaded_dbapi
        self.name = place_of(engine.url)
        self._is_sqlite = engine.dialect.name == "sqlite"
        # Threads of one process queue here; SQLite's own waiting (sleep and try again) is left for other processes.
        # PostgreSQL has many writers, and groups their commits itself; a group of ours could wait for another's rows.
        self._group = GroupCommit(self._transaction) if self._is_sqlite else None
        self._kept: Connection | None = None
        self._file = sqlite_file(engine.url)
        self._identity: tuple[int, int] | None = None
        """Which file that is, since it was first looked into."""
        snapshot: dict[str, Any] = {} if self._is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reads = engine.execution_options(**snapshot)

    def close(self) -> None:
        """Close all connections. What is asked for afterwards opens others."""
        self._keep(None)
        self._identity = None
        self._engine.dispose()

    @property
    def engine(self) -> Engine:
        return self._engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See one state of the whole ledger for the length of the block."""
        with self._connected(self._reads.connect) as connection, self._begun(connection, "DEFERRED"):
            yield connection

    def write(self, change: Callable[[Connection], ResultT]) -> ResultT:
        """Make a change, durably, or nothing of it. It may be called twice, and does nothing but write.

        Raises what it raises; and LedgerUnavailable, which says so when the answer to the commit was lost and the
        outcome is unknown.
        """
        if self._group is not None:
            return self._group.write(change)
        with self._transaction() as connection:
            return change(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write all of the block, as ``write`` does, in a transaction of its own."""
        with self._group.turn if self._group is not None else nullcontext(), self._transaction() as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._connected(self._writer if self._is_sqlite else self._engine.connect) as connection:
            transaction = self._begun(connection, "IMMEDIATE")
            yield connection
            try:
                transaction.commit()
            except DBAPIError as error:
                raise LedgerUnavailable(
                    f"{self.name} failed while a change was committed: {reason_of(error)}. "
                    "It is not known whether the change was made.",
                    remedy="Read it again before going on; `rotate status` shows what the ledger holds.",
                ) from error

    @contextmanager
    def _writer(self) -> Iterator[Connection]:
        """Give the connection of SQLite's one writer: taking one out of the pool costs half of what is done with it."""
        writer = self._kept or self._engine.connect()
        self._keep(writer)
        self._refuse_another_file()
        try:
            yield writer
        except BaseException:
            self._keep(None)
            raise

    def _refuse_another_file(self) -> None:
        """Raise LedgerUnavailable when the file was replaced or removed: SQLite would write on to what it was."""
        assert self._file is not None
        if self._identity is not None and self._identity != _identity_of(self._file):
            raise LedgerUnavailable(
                f"{self.name} was replaced or removed while this process had it open.",
                remedy="Stop this process, see that the right file is there, and start it again.",
            )

    def _keep(self, writer: Connection | None) -> None:
        if self._kept is not None and self._kept is not writer:
            self._kept.close()  # undoes what was not committed
        self._kept = writer

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """Write with every other process that wants the same kept waiting: for changes of the schema."""
        with self._connected(self._engine.connect) as connection, self._begun(connection, "EXCLUSIVE"):
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATION_LOCK})
            yield connection

    def _begun(self, connection: Connection, kind: Literal["DEFERRED", "IMMEDIATE", "EXCLUSIVE"]) -> RootTransaction:
        """Begin a transaction; ``kind`` is SQLite's: to read, to write, and with nobody else there."""
        transaction = connection.begin()
        if self._file is not None:
            connection.connection.cursor().execute(f"BEGIN {kind}")
            self._identity = self._identity or _identity_of(self._file)
        return transaction

    @contextmanager
    def _connected(self, connect: Callable[[], AbstractContextManager[Connection]]) -> Iterator[Connection]:
        """Give a connection, and say what its errors mean: SQLAlchemy's, and the driver's own of ``Prepared``."""
        try:
            with connect() as connection:
                try:
                    yield connection
                except self._driver.Error as error:  # SQLAlchemy has not seen it, and would go on with what is lost
                    if connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, None):
                        connection.invalidate(error)
                    raise
        except (IntegrityError, self._driver.IntegrityError) as error:
            raise WrongOrder(f"{self.name} refused a change that its rules forbid: {reason_of(error)}.") from error
        except (SQLAlchemyError, self._driver.Error) as error:
            raise LedgerUnavailable(
                f"{self.name} cannot be used: {reason_of(error)}.", remedy=_remedy_for(error)
            ) from error


def _identity_of(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def reason_of(error: Exception) -> str:
    """Give the first line of the database's own words: no statement, no parameters, no row."""
    original = getattr(error, "orig", None) or error
    return str(original).strip().partition("\n")[0].rstrip(".")


_SQLITE_REMEDIES: Final = {
    "SQLITE_NOTADB": "Name a file that does not exist yet, or a ledger; is this URL right?",
    "SQLITE_CORRUPT": "Restore the file, with its -wal, from a backup; then `rotate history NAME` checks it.",
    "SQLITE_READONLY": "The file and its folder must be writable for this user.",
    "SQLITE_CANTOPEN": "The file and its folder must be writable for this user.",
    "SQLITE_FULL": "Make space on the disk. Nothing was changed.",
    "SQLITE_BUSY": "Another process holds it for too long; find it with `fuser`. Nothing was changed.",
    "SQLITE_IOERR": "Look at the disk, and at the system's log.",
}

_POSTGRESQL_REMEDIES: Final = {
    "25006": "This server is a read-only standby: name the primary.",
    "42501": "The user needs CREATE on the schema, and SELECT, INSERT and UPDATE on the ledger's tables.",
    "53100": "Make space on the server's disk. Nothing was changed.",
    "53300": "Raise max_connections, or run fewer processes.",
    "55P03": "Another session holds a lock for too long. Nothing was changed; try again.",
    "57014": "The server is too slow, or another session holds a lock. Nothing was changed; try again.",
}

_UNREACHABLE: Final = (
    "Nothing was changed. See that the server runs and can be reached from here, "
    "that it is no read-only standby, and that user, password and database in the ledger's URL are right."
)
"""For a connection that was refused or lost: neither comes with a code."""


def _remedy_for(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    name = str(getattr(original, "sqlite_errorname", None) or "")
    if name:
        return next((remedy for start, remedy in _SQLITE_REMEDIES.items() if name.startswith(start)), "")
    state = str(getattr(original, "sqlstate", None) or "")
    return next((remedy for start, remedy in _POSTGRESQL_REMEDIES.items() if state.startswith(start)), _UNREACHABLE)
