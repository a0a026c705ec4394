"""What PostgreSQL's catalogue says: of us and of the owner role, of logins that are ours, of their open sessions.

A login is ours when it is a member of the owner role and its comment begins with our mark. Everybody may read all of
this, so a list is never short for want of a right. Written for PostgreSQL 14 and later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import psycopg

MARK: Final = "rotator:"
"""How the comment on a login of ours begins. Whoever hands a login over to Rotator writes it there."""

_GRANTS_NEED_ADMIN: Final = 160_000
"""Until PostgreSQL 15, CREATEROLE alone may grant any role that is no superuser."""

_STANDING: Final = """
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %(owner)s),
       r.rolcreaterole OR r.rolsuper,
       r.rolsuper OR current_setting('server_version_num')::int < %(admin_since)s OR EXISTS (
           SELECT FROM pg_roles o
           WHERE o.rolname = %(owner)s AND pg_has_role(o.oid, 'MEMBER WITH ADMIN OPTION')),
       r.rolsuper OR pg_has_role('pg_signal_backend', 'USAGE')
FROM pg_roles r WHERE r.rolname = current_user
"""

_LOGINS: Final = """
SELECT r.oid::bigint, r.rolname::text, r.rolcanlogin,
       CASE WHEN isfinite(r.rolvaliduntil) THEN r.rolvaliduntil END, coalesce(r.rolvaliduntil <= now(), false),
       coalesce(shobj_description(r.oid, 'pg_authid'), ''),
       r.rolname <> session_user AND EXISTS (
           SELECT FROM pg_auth_members m JOIN pg_roles o ON o.oid = m.roleid
           WHERE m.member = r.oid AND o.rolname = %(owner)s)
FROM pg_roles r WHERE %(name)s::text IS NULL OR r.rolname = %(name)s
"""

_SESSIONS: Final = "SELECT pid FROM pg_stat_activity WHERE usesysid = %s"


@dataclass(frozen=True)
class Standing:
    """What we are there, and may do."""

    owner_exists: bool
    may_create: bool
    may_grant: bool
    may_end_sessions: bool


@dataclass(frozen=True)
class Role:
    """One login, or a role that was one."""

    oid: int
    name: str
    may_log_in: bool
    valid_until: datetime | None
    has_expired: bool
    comment: str
    belongs: bool
    """It is a member of the owner role, and is not the role that asks."""

    @property
    def is_ours(self) -> bool:
        return self.belongs and self.comment.startswith(MARK)

    @property
    def why_closed(self) -> str | None:
        """Say why nobody gets in with it, or None."""
        if not self.may_log_in:
            return "It may not log in (NOLOGIN)."
        return "It has expired (VALID UNTIL)." if self.has_expired else None

    @property
    def made_at(self) -> datetime | None:
        """When we made it, where its comment says so: the catalogue does not."""
        _, found, moment = self.comment.partition(f"{MARK} made ")
        try:
            return datetime.fromisoformat(moment).astimezone(UTC) if found else None
        except ValueError:
            return None


def is_standby(connection: psycopg.Connection[Any]) -> bool:
    [(answer,)] = connection.execute("SELECT pg_is_in_recovery()").fetchall()
    return bool(answer)


def standing(connection: psycopg.Connection[Any], owner: str) -> Standing:
    parameters = {"owner": owner, "admin_since": _GRANTS_NEED_ADMIN}
    [row] = connection.execute(_STANDING, parameters).fetchall()
    return Standing(*row)


def logins(connection: psycopg.Connection[Any], owner: str) -> Iterator[Role]:
    """Give the roles that are ours, those that may not log in any more, too."""
    rows = connection.execute(_LOGINS, {"owner": owner, "name": None}).fetchall()
    return (role for role in (Role(*row) for row in rows) if role.is_ours)


def find(connection: psycopg.Connection[Any], owner: str, name: str) -> Role | None:
    """Give the role of that name, ours or not; None when there is none."""
    rows = connection.execute(_LOGINS, {"owner": owner, "name": name}).fetchall()
    return Role(*rows[0]) if rows else None


def sessions(connection: psycopg.Connection[Any], role: Role) -> list[int]:
    """Give the process ids of its open sessions."""
    return [pid for (pid,) in connection.execute(_SESSIONS, (role.oid,)).fetchall()]
