"""The accounts of a server: which are ours, and every change that is made to one.

An account is ours when it holds the role that the policy names, which is for Rotator's logins alone; or when its name
carries a rotation's mark and it holds no role at all: one whose making broke off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from providers.database_login.value import Login
from providers.issuers.mysql_login.dialects import Dialect, identified
from providers.issuers.mysql_login.server import Conversation, Refused
from rotator.domain.errors import Temporary
from rotator.domain.naming import MARK_LENGTH
from rotator.domain.terms import Handle

_MARKED: Final = re.compile(rf".*_[a-z2-7]{{{MARK_LENGTH}}}")
_LOCK_SECONDS: Final = 10
_LOOKS: Final = 40
_IS_GONE: Final = 1396
_NO_SUCH_THREAD: Final = 1094
_IS_A_DEFINER: Final = 4006


@dataclass(frozen=True)
class Account:
    """One account, by its full name."""

    name: str
    host: str
    is_locked: bool
    made_at: datetime | None
    ends_at: datetime | None
    is_member: bool
    """It holds the policy's role, and may not pass it on."""
    is_half_made: bool

    @property
    def handle(self) -> Handle:
        return Handle(f"{self.name}@{self.host}")

    @property
    def is_ours(self) -> bool:
        return self.is_member or self.is_half_made


def take_turns(conversation: Conversation, role: str) -> None:
    """Wait until nobody else makes or ends an account of this role; for as long as the connection lasts.

    Also for a statement whose client is gone: the server finishes it, and only then sees that nobody listens.
    """
    [(taken,)] = conversation.ask("SELECT GET_LOCK(CONCAT('rotator:', SHA1(%s)), %s)", role, _LOCK_SECONDS)
    if taken != 1:
        raise Temporary(f"Another change to the logins of {role} is under way.")


def every(conversation: Conversation, dialect: Dialect, role: str) -> list[Account]:
    """Give all accounts of the server, ours and everybody's."""
    [(days, me)] = conversation.ask("SELECT @@default_password_lifetime, CURRENT_USER()")
    rows = conversation.ask(dialect.accounts, role)
    return [_account(row, int(days or 0), str(me)) for row in rows]


def _account(row: tuple[Any, ...], default_days: int, me: str) -> Account:
    name, host, locked, changed, lifetime, admin, has_roles = row
    made_at = datetime.fromtimestamp(int(changed), UTC) if changed else None
    days = default_days if lifetime is None or int(lifetime) < 0 else int(lifetime)
    is_me = f"{name}@{host}" == me
    return Account(
        name=str(name),
        host=str(host),
        is_locked=bool(locked),
        made_at=made_at,
        ends_at=made_at + timedelta(days=days) if made_at and days else None,
        is_member=admin == "N" and not is_me,
        is_half_made=bool(_MARKED.fullmatch(str(name))) and not has_roles and not is_me,
    )


def create(
    conversation: Conversation, dialect: Dialect, login: Login, host: str, days: int | None, most: int | None
) -> None:
    clause, secret = identified(dialect, login)
    limits = " WITH MAX_USER_CONNECTIONS %s" if most is not None else ""
    ends = " PASSWORD EXPIRE INTERVAL %s DAY" if days is not None else ""
    parameters = [number for number in (most, days) if number is not None]
    conversation.change(f"CREATE USER %s@%s {clause}{limits}{ends}", login.user, host, secret, *parameters)


def grant(conversation: Conversation, role: str, name: str, host: str) -> None:
    conversation.change(f"GRANT {quoted(role)} TO %s@%s", name, host)


def set_default_role(conversation: Conversation, role: str, name: str, host: str) -> None:
    conversation.change(f"ALTER USER %s@%s DEFAULT ROLE {quoted(role)}", name, host)


def set_own_default_role(conversation: Conversation, role: str) -> None:
    """Set it for whoever speaks: for others, MariaDB wants the right to write into its own tables."""
    conversation.change(f"SET DEFAULT ROLE {quoted(role)}")


def close(conversation: Conversation, account: Account) -> None:
    """Let nobody in with it any more. Its open sessions go on, and so does what it defined."""
    conversation.change("ALTER USER %s@%s ACCOUNT LOCK", account.name, account.host)


def drop(conversation: Conversation, name: str, host: str) -> None:
    """Drop it; one that is gone is fine, and so is one that MySQL keeps because it defined something."""
    try:
        conversation.change("DROP USER %s@%s", name, host)
    except Refused as refused:
        if refused.number not in (_IS_GONE, _IS_A_DEFINER):
            raise


def sessions(conversation: Conversation, account: Account) -> list[int]:
    """Give the ids of the open sessions of this name. The server tells a session's name, not its account."""
    rows = conversation.ask("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = %s", account.name)
    return [int(number) for (number,) in rows]


def end_sessions(conversation: Conversation, account: Account) -> None:
    """Kill them, and wait a little until they are gone: a thread sees that it was killed when it comes to it."""
    for number in sessions(conversation, account):
        try:
            conversation.change("KILL CONNECTION %s", number)
        except Refused as refused:
            if refused.number != _NO_SUCH_THREAD:
                raise
    for _ in range(_LOOKS):
        if not sessions(conversation, account):
            return
        conversation.ask("SELECT SLEEP(0.05)")


def quoted(name: str) -> str:
    """Give an identifier in the quotes of these servers."""
    return f"`{name.replace('`', '``')}`"
