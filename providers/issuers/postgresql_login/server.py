"""How we connect to PostgreSQL: as Rotator, or with a login that is to be tried; and what a refusal means.

libpq reads much from its surroundings (``PG*`` variables, ~/.pgpass, ~/.postgresql). Everything that decides where a
password goes is said here instead. It gives no SQLSTATE for a connection that was refused, only the server's text in
the server's language; so that text is a hint, and the catalogue decides (measured on psycopg 3.3.9, libpq 18).
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from providers.database_login.value import Address, Login
from rotator.domain.contracts import Access
from rotator.domain.errors import Ambiguous, NeedsOperator, RotatorError, Temporary

if TYPE_CHECKING:
    import psycopg

SslMode = Literal["verify-full", "verify-ca", "require", "prefer", "disable"]

PATIENCE: Final = 60.0
"""Seconds after which a conversation is cut off, however it goes. The server's own timeouts are shorter."""
_CONNECT_SECONDS: Final = 10
_SETTINGS: Final = {
    # The role is powerful: nobody's function in a schema of theirs may run in place of the one that is meant.
    "search_path": "pg_catalog",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "client_min_messages": "error",
    "TimeZone": "UTC",
}
_WRONG_PASSWORD: Final = "password authentication failed"  # noqa: S105 -- the server's words, no password
_FULL: Final = ("too many connections", "too many clients", "connection slots are reserved")
_SAYS_NO: Final = {
    _WRONG_PASSWORD: "it does not accept the connection's `user` and password",
    "is not permitted to log in": "the connection's `user` may not log in",
    "no pg_hba.conf entry": "its pg_hba.conf has no line for this user from this machine",
    "pg_hba.conf rejects": "its pg_hba.conf rejects this user from this machine",
    "does not exist": "it knows no such database or user",
    "permission denied for database": "the connection's `user` may not connect to this database",
    "certificate verify failed": "its certificate is not trusted; set `ca_file`",
    "does not match host name": "its certificate is for another name than the one in `url`",
    "does not support ssl": "it does not offer TLS, and `sslmode` asks for it",
    "root certificate file": "the file of trusted certificates cannot be read; set `ca_file`",
}
"""What libpq's texts mean, in lower case. In another language than English, a wrong password is told as Temporary."""
_BUSY: Final = ("08", "40", "53", "57", "55P03", "25006", "XX000")
"""Beginnings of SQLSTATEs that pass: connection, serialization, resources, intervention, locks, standby."""
_DENIED: Final = "42501"


@dataclass(frozen=True)
class Identity:
    """Where to connect to, and as whom."""

    address: Address
    user: str
    sslmode: SslMode
    ca_file: Path | None


@dataclass(frozen=True)
class Entry:
    """What a server said of a login that it let in."""

    session_user: str
    acts_as: str
    asked_for_password: bool
    """False: it lets anybody in (``trust``, a certificate, an operating system's user)."""


class TurnedAway(Exception):
    """The server asked for the password, and did not let it in. ``wrong_password``: that is what it says."""

    def __init__(self, *, wrong_password: bool) -> None:
        super().__init__("turned away")
        self.wrong_password = wrong_password


class Server:
    """Opens connections, one for each conversation. Safe to use from several threads."""

    def __init__(self, identity: Identity, access: Access) -> None:
        self._identity = identity
        self._access = access
        where = identity.address
        self.name = f"{where.host}:{where.port}"

    @contextmanager
    def managing(self, what: str, stop: type[RotatorError] = NeedsOperator) -> Iterator[psycopg.Connection[Any]]:
        """Open a connection as Rotator, ``what`` ("to do this"). Its errors become ours: ``stop`` for those that stay.

        Nothing is done until ``commit``, so whatever ends it before that has changed nothing.
        """
        import psycopg

        with self._access.budget.request():
            password = self._access.credential("password")
            connection = self._opened(Login(self._identity.user, password), what, stop)
            try:
                with _cut_off_in_time(connection):
                    yield connection
            except psycopg.Error as error:
                raise self._family(error, what, stop) from error
            finally:
                connection.close()

    def enter(self, login: Login) -> Entry:
        """Connect with a login that is to be tried. Raises TurnedAway, or Temporary where that says nothing of it."""
        import psycopg

        with self._access.budget.request():
            try:
                connection = psycopg.connect(**self._parameters(login))
            except psycopg.Error as error:
                said = str(error).lower()
                # Not before it asked for the password, and not for want of room: either could happen to anybody.
                if error.pgconn is None or not error.pgconn.used_password or _is_any_of(_FULL, said):
                    raise Temporary(f"{self.name} did not let the login in for a reason of its own.") from error
                raise TurnedAway(wrong_password=_WRONG_PASSWORD in said) from error
            try:
                with _cut_off_in_time(connection):
                    [row] = connection.execute("SELECT session_user::text, current_user::text").fetchall()
                    return Entry(row[0], row[1], bool(connection.pgconn.used_password))
            except psycopg.Error as error:
                raise Temporary(f"{self.name} let the login in, and hung up.") from error
            finally:
                connection.close()

    def _opened(self, login: Login, what: str, stop: type[RotatorError]) -> psycopg.Connection[Any]:
        import psycopg

        try:
            return psycopg.connect(**self._parameters(login))
        except psycopg.Error as error:
            said = str(error).lower()
            if _is_any_of(_FULL, said):
                self._access.budget.throttled(None)
                raise Temporary(f"{self.name} has no connection free {what}.") from error
            for words, meaning in _SAYS_NO.items():
                if words in said:
                    raise stop(f"{self.name} did not let us in {what}: {meaning}.", remedy=_WHERE_TO_LOOK) from error
            raise Temporary(
                f"There is no connection to {self.name} {what}.",
                remedy="Check that it runs, can be reached from here, and accepts the connection's password.",
            ) from error

    def _parameters(self, login: Login) -> dict[str, Any]:
        """Give all that libpq would else take from its surroundings. Empty means: none, and do not look for one."""
        where, checks = self._identity.address, self._identity.sslmode.startswith("verify")
        return {
            "host": where.host.strip("[]"), "hostaddr": "", "port": where.port, "dbname": where.database,
            "user": login.user, "password": login.password.reveal(), "passfile": os.devnull,
            "sslmode": self._identity.sslmode, "sslrootcert": _trusted(self._identity.ca_file) if checks else "",
            "sslcert": "", "sslkey": "", "gssencmode": "disable", "options": "", "target_session_attrs": "any",
            "application_name": "rotator", "connect_timeout": _CONNECT_SECONDS, "keepalives_idle": 10,
            "tcp_user_timeout": 30_000,
        }  # fmt: skip

    def _family(self, error: psycopg.Error, what: str, stop: type[RotatorError]) -> RotatorError:
        state = error.sqlstate
        if state is None:
            return Temporary(f"{self.name} hung up when it was asked {what}.")
        about = f"{self.name} refused {what} ({state} {type(error).__name__})"
        if state == "25006":
            return Temporary(f"{about}: it is a standby.", remedy="Let the connection's `url` lead to the primary.")
        if state.startswith(_BUSY):
            return Temporary(f"{about}.")
        if state == _DENIED:
            return stop(f"{about}: a right is missing.", remedy=_RIGHTS)
        return stop(f"{about}.", remedy="Look the code up in PostgreSQL's documentation, and into the server's log.")


_WHERE_TO_LOOK: Final = "Mend the connection; docs/issuers/postgresql-login.md says what it needs."
_RIGHTS: Final = "Run deploy/permissions/postgresql-login.sql again; for an adopted login, grant it WITH ADMIN OPTION."


def begin(connection: psycopg.Connection[Any]) -> None:
    """Begin a transaction, with our settings for as long as it lasts."""
    for name, value in _SETTINGS.items():
        connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))


def commit(connection: psycopg.Connection[Any], what: str) -> None:
    """Make it so. Ambiguous when the answer was lost: it may have been made so."""
    import psycopg

    try:
        connection.commit()
    except psycopg.Error as error:
        raise Ambiguous(f"PostgreSQL was asked {what}, and its answer to COMMIT was lost.") from error


@contextmanager
def _cut_off_in_time(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Hang up when it takes too long: libpq itself waits for ever for a server that went silent."""

    def cut_off() -> None:
        with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(PATIENCE, cut_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # before the connection is closed: its number may soon be another's


def _trusted(ca_file: Path | None) -> str:
    """Give the certificates to trust: the system's unless told. psycopg's own OpenSSL does not know where they are."""
    paths = ssl.get_default_verify_paths()
    return str(ca_file or paths.cafile or paths.openssl_cafile)


def _is_any_of(words: tuple[str, ...], said: str) -> bool:
    return any(word in said for word in words)
