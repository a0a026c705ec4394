"""How we connect to MariaDB or MySQL, as Rotator or with a login that is to be tried; and what an error's number means.

Servers of this family say why they refuse by a number, in whatever language the text is. Each statement that changes an
account is final at once: there is nothing to commit, and none to take back.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from providers.database_login.value import Login
from rotator.domain.contracts import Access
from rotator.domain.errors import Ambiguous, NeedsOperator, RotatorError, Temporary

TlsMode = Literal["verify-full", "prefer", "disable"]

_CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 30.0
_ACCESS_DENIED: Final = 1045
_CLOSED: Final = {4151: "It is locked.", 3118: "It is locked.", 1862: "It has expired.", 1820: "It has expired."}
"""Locked: MariaDB, MySQL. Expired: a server that hangs up then, and one that lets in and does nothing."""
_FULL: Final = {1040, 1203, 1226}
_STANDBY: Final = {1290, 1836}
_INTERRUPTED: Final = {1053, 1317, 1927, 3024, 3169}
"""Shut down, killed, out of time: in the middle of it, or before."""
_BUSY: Final = {1047, 1205, 1213, *_INTERRUPTED}
"""A cluster's node that is not ready, a lock that somebody else has."""
_DENIED: Final = {1044, 1142, 1143, 1227, 1410, 1698, 1959, 3523, 3530}
_WHY_NOT: Final = {
    _ACCESS_DENIED: "It does not accept the name and the password from this machine.",
    1129: "It has blocked this machine after too many failures (FLUSH HOSTS).",
    1130: "No account may connect from this machine.",
    **_CLOSED,
}
_OF_THE_CLIENT: Final = range(2000, 3000)
"""Numbers that the client made up itself: there was no answer."""


@dataclass(frozen=True)
class Identity:
    """Where to connect to, and as whom."""

    host: str
    port: int
    user: str
    tls: TlsMode
    ca_file: Path | None


@dataclass(frozen=True)
class Entry:
    """What a server said of a login that it let in."""

    account: str
    """``name@host``, by the account that it found for the login."""
    role: str


class TurnedAway(Exception):
    """The server did not let a login in."""

    def __init__(self, number: int) -> None:
        super().__init__(_WHY_NOT[number])
        self.why_closed = _CLOSED.get(number)
        """What is wrong with the login, where the server says so: nobody can get in with it."""
        self.may_be_the_login = number == _ACCESS_DENIED or number in _CLOSED


class Untrusted(Exception):
    """The server could not prove who it is. Nothing was sent to it."""


class Refused(Exception):
    """The server answered a statement with an error: it did nothing."""

    def __init__(self, number: int) -> None:
        super().__init__(f"error {number}")
        self.number = number


class Conversation:
    """One connection, as Rotator or as a login."""

    def __init__(self, connection: Any, name: str) -> None:
        self._connection = connection
        self._name = name

    def ask(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Give the rows of a question. Raises Refused, or Temporary when there was no answer."""
        return self._send(statement, parameters, lost=Temporary)

    def change(self, statement: str, *parameters: Any) -> None:
        """Have something changed. Raises Refused, or Ambiguous when there was no answer."""
        self._send(statement, parameters, lost=Ambiguous)

    def _send(self, statement: str, parameters: tuple[Any, ...], lost: type[Temporary]) -> list[tuple[Any, ...]]:
        import pymysql

        number = None
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, parameters or None)
                return list(cursor.fetchall())
        except pymysql.err.MySQLError as error:
            number = number_of(error)
        if number is None or (number in _INTERRUPTED and lost is Ambiguous):
            raise lost(f"{self._name} broke off before it answered.")
        raise Refused(number)  # out here: the cause quotes the statement, or part of it


class Server:
    """Opens connections, one for each conversation. Safe to use from several threads."""

    def __init__(self, identity: Identity, access: Access) -> None:
        self._identity = identity
        self._access = access
        self.name = f"{identity.host}:{identity.port}"

    @contextmanager
    def managing(self, what: str, stop: type[RotatorError] = NeedsOperator) -> Iterator[Conversation]:
        """Open a connection as Rotator, ``what`` ("to do this"). A Refused becomes ours: ``stop`` if it would stay."""
        with self._access.budget.request():
            login = Login(self._identity.user, self._access.credential("password"))
            try:
                with self._connected(login) as conversation:
                    yield conversation
            except TurnedAway as refusal:
                raise stop(f"{self.name} did not let us in {what}. {refusal}", remedy=_WHERE_TO_LOOK) from refusal
            except Untrusted as error:
                raise stop(f"{self.name} was not asked {what}. {error}", remedy=_WHERE_TO_LOOK) from error
            except Refused as refused:
                raise self.family(refused.number, what, stop) from refused

    def enter(self, login: Login) -> Entry:
        """Connect with a login that is to be tried. Raises TurnedAway, or Temporary where that says nothing of it."""
        with self._access.budget.request():
            try:
                with self._connected(login) as conversation:
                    [(account, role)] = conversation.ask("SELECT CURRENT_USER(), CURRENT_ROLE()")
            except Refused as refused:
                if refused.number in _CLOSED:
                    raise TurnedAway(refused.number) from refused
                raise Temporary(f"{self.name} let the login in, and answered with error {refused.number}.") from refused
            except TurnedAway as refusal:
                if refusal.may_be_the_login:
                    raise
                raise Temporary(f"{self.name} did not let us in. {refusal}") from refusal
            except Untrusted as error:
                raise Temporary(f"{self.name} was not tried. {error}") from error
        return Entry(str(account), str(role or "").replace("`", "").partition("@")[0])

    @contextmanager
    def acting_as(self, login: Login) -> Iterator[Conversation]:
        """Open a connection as a login that was just made."""
        with self._access.budget.request(), self._connected(login) as conversation:
            yield conversation

    @contextmanager
    def _connected(self, login: Login) -> Iterator[Conversation]:
        connection = self._opened(login)
        try:
            yield Conversation(connection, self.name)
        finally:
            connection.close()

    def _opened(self, login: Login) -> Any:
        import pymysql

        untrusted, number = "", None
        try:
            return pymysql.connect(
                host=self._identity.host.strip("[]"), port=self._identity.port, user=login.user,
                password=login.password.reveal().encode(), autocommit=True, charset="utf8mb4", local_infile=False,
                connect_timeout=_CONNECT_SECONDS, read_timeout=ANSWER_SECONDS, write_timeout=ANSWER_SECONDS,
                program_name="rotator", **self._tls(),
            )  # fmt: skip
        except pymysql.err.MySQLError as error:
            number, untrusted = number_of(error), _why_untrusted(error)
        if untrusted:
            raise Untrusted(untrusted)
        if number in _FULL:
            self._access.budget.throttled(None)
            raise Temporary(f"{self.name} has no connection free for us.")
        if number in _WHY_NOT:
            raise TurnedAway(number)
        raise Temporary(
            f"There is no connection to {self.name}{f' (error {number})' if number else ''}.",
            remedy="Check that it runs and can be reached from here.",
        )

    def _tls(self) -> dict[str, Any]:
        """Give what PyMySQL needs to insist on TLS; it falls back to none, unchecked, when it is told nothing."""
        if self._identity.tls == "disable":
            return {"ssl_disabled": True}
        if self._identity.tls == "prefer":
            return {}
        return {"ssl": ssl.create_default_context(cafile=self._identity.ca_file)}

    def family(self, number: int, what: str, stop: type[RotatorError]) -> RotatorError:
        """Give the error for a statement that the server answered with this number."""
        about = f"{self.name} refused {what} (error {number})"
        if number in _STANDBY:
            return Temporary(f"{about}: it only reads.", remedy="Let the connection's `url` lead to the primary.")
        if number in _BUSY or number in _FULL:
            return Temporary(f"{about}.")
        if number in _DENIED or number == _ACCESS_DENIED:
            return stop(f"{about}: a right is missing.", remedy=_RIGHTS)
        return stop(f"{about}.", remedy="Look the number up in the server's documentation.")


_WHERE_TO_LOOK: Final = "Mend the connection; docs/issuers/mysql-login.md says what it needs."
_RIGHTS: Final = "Run deploy/permissions/mysql-login.sql again."


def number_of(error: Any) -> int | None:
    """Give the server's number; None when there was no answer, or one that could not be read."""
    number = error.args[0] if error.args else None
    if not isinstance(number, int) or number == 0 or number in _OF_THE_CLIENT:
        return None
    return number


_NO_TLS: Final = 2026


def _why_untrusted(error: BaseException) -> str:
    if error.args and error.args[0] == _NO_TLS:
        return "It does not offer TLS."
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "Its certificate is not trusted, or for another name."
        cause = cause.__cause__ or cause.__context__
    return ""
