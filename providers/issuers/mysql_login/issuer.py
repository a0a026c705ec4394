"""Logins of a MariaDB or MySQL server: a new account for each rotation, all of them with one role.

Each statement is final at once, so a login whose making broke off is found by its name: it carries the rotation's mark,
and is never used again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from providers.database_login.value import Address, Form, Login, nobodys, read, written
from providers.database_login.value import Dialect as ValueDialect
from providers.issuers.mysql_login import accounts
from providers.issuers.mysql_login.accounts import Account
from providers.issuers.mysql_login.dialects import Dialect, dialect_of
from providers.issuers.mysql_login.server import Conversation, Refused, Server, TurnedAway, Untrusted
from rotator.domain.contracts import (
    Issued,
    IssueRequest,
    IssuerTraits,
    Revocation,
    TokenInfo,
    Verdict,
    Verification,
)
from rotator.domain.durations import Duration
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle, TokenName

VALUE: Final = ValueDialect("mysql", ("mariadb",), "mysql", "MYSQL_USER", "MYSQL_PASSWORD")
_PASSWORD_BYTES: Final = 32
_EXISTS_ALREADY: Final = 1396
_EVERYWHERE: Final = "%"


@dataclass(frozen=True)
class Wishes:
    """What a policy asks of its logins."""

    role: str
    host: str
    form: Form
    address: Address
    connection_limit: int | None
    sessions: Literal["end", "wait"]
    drop: bool


@dataclass(frozen=True)
class Turn:
    """A conversation in which nobody else touches the accounts of our role, with a server that may change them."""

    conversation: Conversation
    dialect: Dialect


class MySQLLogins:
    """Makes, lists, checks and ends the logins with one role."""

    def __init__(self, server: Server, wishes: Wishes, traits: IssuerTraits) -> None:
        self._server = server
        self._wishes = wishes
        self.traits = traits

    def issue(self, request: IssueRequest) -> Issued:
        wishes, name = self._wishes, str(request.name)
        days = _whole_days(request.lifetime) if request.lifetime is not None else None
        login = Login(name, SecretValue(secrets.token_urlsafe(_PASSWORD_BYTES)))
        with self._turn(f"to make the login {name}", stop=Permanent) as turn:
            try:
                accounts.create(turn.conversation, turn.dialect, login, wishes.host, days, wishes.connection_limit)
            except Refused as refused:
                if refused.number == _EXISTS_ALREADY:
                    raise Permanent(
                        f"{self._server.name} has an account {name} already; it was not touched.",
                        remedy="Choose another `token_name`.",
                    ) from refused
                raise
            made = self._finished(turn, login)
        value = written(login, wishes.form, VALUE, wishes.address)
        return Issued(made.handle, value, request.name, created_at=made.made_at, expires_at=made.ends_at)

    def _finished(self, turn: Turn, login: Login) -> Account:
        """Give a new login its role; one that cannot have it goes again. Ambiguous when that is not certain."""
        try:
            self._give_role(turn, login)
            made = [each for each in self._every(turn) if (each.name, each.host) == (login.user, self._wishes.host)]
        except Temporary as error:
            raise Ambiguous(f"The login {login.user} was made, and perhaps has no role yet. {error.what}") from error
        except (Refused, TurnedAway, Untrusted) as refusal:
            self._take_back(turn, login)
            if isinstance(refusal, Refused):
                raise
            raise Permanent(
                f"{self._server.name} did not let the new login {login.user} in. {refusal} It was dropped again.",
                remedy=f"Let the policy's `host` ({self._wishes.host}) include this machine.",
            ) from refusal
        if not made:
            raise Ambiguous(f"{self._server.name} made the login {login.user}, and does not list it.")
        return made[0]

    def _give_role(self, turn: Turn, login: Login) -> None:
        """Grant the role, and have it active from the first moment of a session."""
        role = self._wishes.role
        accounts.grant(turn.conversation, role, login.user, self._wishes.host)
        if turn.dialect.sets_role_for_others:
            accounts.set_default_role(turn.conversation, role, login.user, self._wishes.host)
        else:
            with self._server.acting_as(login) as itself:
                accounts.set_own_default_role(itself, role)

    def _take_back(self, turn: Turn, login: Login) -> None:
        try:
            accounts.drop(turn.conversation, login.user, self._wishes.host)
        except Refused as refused:
            raise Ambiguous(f"The login {login.user} was made without its role, and cannot be dropped.") from refused

    def tokens(self) -> tuple[TokenInfo, ...]:
        """List the logins that are ours and not locked.

        Raises NeedsOperator, too, for a right that the next step would miss.
        """
        with self._turn(f"to list the logins of {self._wishes.role}") as turn:
            self._refuse_what_cannot_work(turn)
            return tuple(
                TokenInfo(account.handle, TokenName(account.name), account.made_at, account.ends_at)
                for account in self._every(turn)
                if account.is_ours and not account.is_locked
            )

    def _refuse_what_cannot_work(self, turn: Turn) -> None:
        """Tell what is missing before anything is touched. A role that is not there is no empty list."""
        role = self._wishes.role
        held = {
            str(right)
            for (right,) in turn.conversation.ask(
                "SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES"
                " WHERE REPLACE(GRANTEE, '''', '') = CURRENT_USER()"
            )
        }
        grantable = turn.conversation.ask(
            "SELECT 1 FROM information_schema.APPLICABLE_ROLES WHERE ROLE_NAME = %s AND IS_GRANTABLE = 'YES'", role
        )
        ends = self._wishes.sessions == "end"
        missing = {
            f"we may not grant the role {role} (WITH ADMIN OPTION), or there is none": bool(grantable),
            "we may not make accounts (CREATE USER)": "CREATE USER" in held,
            "we do not see sessions (PROCESS)": "PROCESS" in held,
            f"we may not end sessions ({turn.dialect.kills[0]}), and the policy does not say `sessions: wait`":
                not ends or bool(held & set(turn.dialect.kills)),
        }  # fmt: skip
        problems = [problem for problem, is_well in missing.items() if not is_well]
        if problems:
            raise NeedsOperator(
                f"On {self._server.name}, {'; '.join(problems)}.",
                remedy="deploy/permissions/mysql-login.sql grants what is needed.",
            )

    def verify(self, value: SecretValue) -> Verification:
        """Log in with it. A refusal is a death only where the primary's list of accounts agrees."""
        login = read(value, VALUE) or nobodys(value)
        if login is None:
            return _uncertain("It is no login in a form that is known (docs/issuers/mysql-login.md).")
        try:
            entry = self._server.enter(login)
        except TurnedAway as refusal:
            return self._judged(login, refusal)
        except RotatorError as error:
            return _uncertain(str(error))
        if entry.role != self._wishes.role:
            return _uncertain(f"{entry.account} gets in, but without the role {self._wishes.role}.")
        return Verification(Verdict.VALID, Handle(entry.account))

    def _judged(self, login: Login, refusal: TurnedAway) -> Verification:
        """Ask the primary about a login that was turned away."""
        try:
            with self._turn("to look up a login that was turned away") as turn:
                found = [account for account in self._every(turn) if account.name == login.user]
        except RotatorError as error:
            return _uncertain(str(error))
        elsewhere = [account for account in found if not account.is_locked and account.host != _EVERYWHERE]
        if elsewhere and refusal.why_closed is None:
            handles = ", ".join(account.handle for account in elsewhere)
            return _uncertain(f"Access is denied from this machine; {handles} may be accepted from others.")
        why = refusal.why_closed or ("It has another password." if found else "There is no such login.")
        return Verification(Verdict.INVALID, reason=why)

    def revoke(self, handle: Handle) -> Revocation:
        """Lock the account, end its sessions, drop it if that is wished. All of it may be asked for again."""
        with self._turn(f"to end the login {handle}") as turn:
            everybody = self._every(turn)
            account = next((account for account in everybody if account.handle == handle), None)
            if account is None:
                return Revocation.ALREADY_GONE
            if not account.is_ours:
                raise NeedsOperator(
                    f"{handle} does not hold the role {self._wishes.role}, or may grant it, and was not touched.",
                    remedy="If it is Rotator's to end, see docs/issuers/mysql-login.md on adopting a login.",
                )
            accounts.close(turn.conversation, account)
            self._refuse_what_cannot_work(turn)  # without PROCESS, it would seem to have no sessions
            namesakes = [other for other in everybody if other.name == account.name and other != account]
            self._see_sessions_end(turn, account, tell_apart=not namesakes)
            if self._wishes.drop or account.is_half_made:
                accounts.drop(turn.conversation, account.name, account.host)
        return Revocation.DONE

    def _see_sessions_end(self, turn: Turn, account: Account, *, tell_apart: bool) -> None:
        """Raise Temporary while sessions are open that were opened with this login: they outlive it.

        The server tells only a session's name. Where two accounts have the same, none is ended by us.
        """
        if self._wishes.sessions == "end" and tell_apart:
            accounts.end_sessions(turn.conversation, account)
        if left := len(accounts.sessions(turn.conversation, account)):
            whose = "its sessions are" if tell_apart else "the sessions of that name are"
            raise Temporary(
                f"{account.handle} is locked, but {left} of {whose} still open.",
                remedy="They end when their clients hang up or are restarted.",
            )

    def _every(self, turn: Turn) -> list[Account]:
        return accounts.every(turn.conversation, turn.dialect, self._wishes.role)

    @contextmanager
    def _turn(self, what: str, stop: type[RotatorError] = NeedsOperator) -> Iterator[Turn]:
        """Have the accounts to ourselves, on the primary. Raises Temporary where the server only reads.

        A replica says that a new login is not there, and that an old one still is.
        """
        with self._server.managing(what, stop) as conversation:
            [(version, only_reads)] = conversation.ask("SELECT VERSION(), @@global.read_only")
            if str(only_reads).upper() not in ("0", "OFF"):
                raise Temporary(
                    f"{self._server.name} only reads: it may be a replica, and not know yet what its primary knows.",
                    remedy="Let the connection's `url` lead to the primary.",
                )
            accounts.take_turns(conversation, self._wishes.role)
            yield Turn(conversation, dialect_of(str(version)))


def _whole_days(lifetime: Duration) -> int:
    """Give a lifetime in days, as these servers count it. Months are taken at their shortest: never too long."""
    length = lifetime.shortest
    if length % timedelta(days=1) or not length:
        raise Permanent(
            f"A login cannot live {lifetime}: the server counts whole days.", remedy="Write `expires_in` in days."
        )
    return length.days


def _uncertain(reason: str) -> Verification:
    return Verification(Verdict.INDETERMINATE, reason=reason)
