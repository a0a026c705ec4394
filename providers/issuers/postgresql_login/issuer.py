"""Logins of a PostgreSQL server: a new one for each rotation, all of them members of one role that owns the objects.

DDL is transactional, so a login is made whole or not at all, and only a lost answer to COMMIT leaves anything open.
Then its name tells: it carries the rotation's mark, is the handle, and is never used again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from providers.database_login.value import Address, Dialect, Form, Login, nobodys, read, written
from providers.issuers.postgresql_login import catalogue, changes
from providers.issuers.postgresql_login.catalogue import MARK, Role
from providers.issuers.postgresql_login.server import Server, TurnedAway, begin, commit
from rotator.domain.contracts import (
    Issued,
    IssueRequest,
    IssuerTraits,
    Revocation,
    TokenInfo,
    Verdict,
    Verification,
)
from rotator.domain.errors import NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle, TokenName

if TYPE_CHECKING:
    import psycopg

DIALECT: Final = Dialect("postgresql", ("postgres",), "postgres", "PGUSER", "PGPASSWORD")
_PASSWORD_BYTES: Final = 32
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('rotator:' || %s, 0))"
"""Whoever lists waits for a creation that is under way, also one whose client is gone: none appears after it."""


@dataclass(frozen=True)
class Wishes:
    """What a policy asks of its logins."""

    owner: str
    form: Form
    address: Address
    connection_limit: int | None
    sessions: Literal["end", "wait"]
    drop: bool


class PostgreSQLLogins:
    """Makes, lists, checks and ends the logins of one owner role."""

    def __init__(self, server: Server, wishes: Wishes, traits: IssuerTraits) -> None:
        self._server = server
        self._wishes = wishes
        self.traits = traits

    def issue(self, request: IssueRequest) -> Issued:
        import psycopg

        wishes, what = self._wishes, f"to make the login {request.name}"
        login = Login(request.name, SecretValue(secrets.token_urlsafe(_PASSWORD_BYTES)))
        with self._server.managing(what, stop=Permanent) as connection:
            self._begin(connection)
            now = _now(connection)
            ends_at = request.lifetime.after(now) if request.lifetime is not None else None
            try:
                changes.create(connection, changes.NewLogin(login, wishes.owner, now, ends_at, wishes.connection_limit))
            except psycopg.errors.DuplicateObject as error:
                raise Permanent(
                    f"{self._server.name} has a role {request.name} already; it was not touched.",
                    remedy="Choose another `token_name`.",
                ) from error
            commit(connection, what)
        value = written(login, wishes.form, DIALECT, wishes.address)
        return Issued(Handle(request.name), value, request.name, created_at=now, expires_at=ends_at)

    def tokens(self) -> tuple[TokenInfo, ...]:
        """List the logins that are ours and may log in.

        Raises NeedsOperator, too, for a right that the next step would miss.
        """
        owner = self._wishes.owner
        with self._server.managing(f"to list the logins of {owner}") as connection:
            self._begin(connection)
            self._refuse_what_cannot_work(connection)
            return tuple(
                TokenInfo(Handle(role.name), TokenName(role.name), role.made_at, role.valid_until)
                for role in catalogue.logins(connection, owner)
                if role.may_log_in
            )

    def _refuse_what_cannot_work(self, connection: psycopg.Connection[Any]) -> None:
        """Tell what is missing before anything is touched. An owner that is not there is no empty list."""
        owner, server = self._wishes.owner, self._server.name
        standing = catalogue.standing(connection, owner)
        missing = {
            f"there is no role {owner}": standing.owner_exists,
            "we may not make roles (CREATEROLE)": standing.may_create,
            f"we may not grant the role {owner} (ADMIN OPTION)": standing.may_grant,
            "we may not end sessions (pg_signal_backend), and the policy does not say `sessions: wait`":
                standing.may_end_sessions or self._wishes.sessions == "wait",
        }  # fmt: skip
        problems = [problem for problem, is_well in missing.items() if not is_well]
        if problems:
            raise NeedsOperator(
                f"On {server}, {'; '.join(problems)}.",
                remedy="deploy/permissions/postgresql-login.sql grants what is needed.",
            )

    def verify(self, value: SecretValue) -> Verification:
        """Log in with it. A refusal is a death only where the primary's catalogue, or its own words, say why."""
        login = read(value, DIALECT) or nobodys(value)
        if login is None:
            return _uncertain("It is no login in a form that is known (docs/issuers/postgresql-login.md).")
        try:
            entry = self._server.enter(login)
        except TurnedAway as refusal:
            return self._judged(login, refusal)
        except RotatorError as error:
            return _uncertain(str(error))
        name, owner = entry.session_user, self._wishes.owner
        if not entry.asked_for_password:
            return _uncertain(f"{self._server.name} lets {name} in without a password (pg_hba.conf).")
        if entry.acts_as != owner:
            return _uncertain(f"{name} gets in, but acts as {entry.acts_as}: ALTER ROLE {name} SET role = {owner}.")
        return Verification(Verdict.VALID, Handle(name))

    def _judged(self, login: Login, refusal: TurnedAway) -> Verification:
        """Ask the primary's catalogue about a login that was turned away."""
        try:
            with self._server.managing("to look up a login that was turned away") as connection:
                self._begin(connection)
                role = catalogue.find(connection, self._wishes.owner, login.user)
        except RotatorError as error:
            return _uncertain(str(error))
        why = "There is no such login." if role is None else role.why_closed
        if why is None and refusal.wrong_password:
            why = "It has another password."
        if why is None:
            return _uncertain(f"{self._server.name} turned {login.user} away, and not in words we know.")
        return Verification(Verdict.INVALID, reason=why)

    def revoke(self, handle: Handle) -> Revocation:
        """Close the login, end its sessions, drop it. Whatever comes between, all of it is simply asked for again.

        Dropped last: a session whose role is gone could not be found any more. One that owns objects stays, closed.
        """
        with self._server.managing(f"to end the login {handle}") as connection:
            self._begin(connection)
            role = catalogue.find(connection, self._wishes.owner, handle)
            if role is None:
                return Revocation.ALREADY_GONE
            if not role.is_ours:
                raise NeedsOperator(
                    f"{handle} is no member of {self._wishes.owner} with a comment `{MARK} …`, and was not touched.",
                    remedy="If it is Rotator's to end, see docs/issuers/postgresql-login.md on adopting a login.",
                )
            changes.close(connection, role)
            commit(connection, f"to close {handle}")
            self._see_sessions_end(connection, role)
            if self._wishes.drop:
                self._begin(connection)
                changes.drop(connection, role)
                commit(connection, f"to drop {handle}")
        return Revocation.DONE

    def _see_sessions_end(self, connection: psycopg.Connection[Any], role: Role) -> None:
        """Raise Temporary while sessions are open that were opened with this login: they outlive its password."""
        begin(connection)
        if self._wishes.sessions == "end":
            changes.end_sessions(connection, role)
            commit(connection, f"to end the sessions of {role.name}")
            begin(connection)
        if left := len(catalogue.sessions(connection, role)):
            raise Temporary(
                f"{role.name} lets nobody in any more, but {left} of its sessions are still open.",
                remedy="They end when their clients hang up or are restarted.",
            )
        connection.rollback()

    def _begin(self, connection: psycopg.Connection[Any]) -> None:
        """Begin a transaction on the primary, alone with this owner's logins. Raises Temporary on a standby.

        A standby says that a new login is not there, and that an old one still is.
        """
        begin(connection)
        if catalogue.is_standby(connection):
            raise Temporary(
                f"{self._server.name} is a standby: it may not know yet what its primary knows.",
                remedy="Let the connection's `url` lead to the primary.",
            )
        connection.execute(_ONE_AT_A_TIME, (self._wishes.owner,))


def _now(connection: psycopg.Connection[Any]) -> datetime:
    """Give the server's time: it is the one that will judge whether a login has expired."""
    [(now,)] = connection.execute("SELECT now()").fetchall()
    moment: datetime = now
    return moment


def _uncertain(reason: str) -> Verification:
    return Verification(Verdict.INDETERMINATE, reason=reason)
