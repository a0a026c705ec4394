"""What is changed at the server, statement by statement. Each function leaves the commit to its caller.

The statements are utility commands, which take no parameters: names and texts are quoted by psycopg.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from providers.database_login.value import Login
from providers.issuers.postgresql_login.catalogue import MARK, Role, sessions

if TYPE_CHECKING:
    import psycopg

_ENDS_WITHIN_MS: Final = 5000
_STAYS: Final = f"{MARK} closed; it owns objects or has rights of its own: REASSIGN OWNED, DROP OWNED, then DROP ROLE"


@dataclass(frozen=True)
class NewLogin:
    """One that is to be made."""

    login: Login
    owner: str
    made_at: datetime
    ends_at: datetime | None
    connection_limit: int | None


def create(connection: psycopg.Connection[Any], new: NewLogin) -> None:
    """Make a login that acts as its owner. The server gets a verifier: neither it nor its log sees the password."""
    from psycopg.sql import SQL, Identifier, Literal

    name, password = Identifier(new.login.user), new.login.password.reveal().encode()
    verifier = connection.pgconn.encrypt_password(password, new.login.user.encode(), b"scram-sha-256").decode()
    options = []
    if new.ends_at is not None:
        options.append(SQL("VALID UNTIL {}").format(Literal(new.ends_at.isoformat())))
    if new.connection_limit is not None:
        options.append(SQL("CONNECTION LIMIT {}").format(Literal(new.connection_limit)))
    create = SQL("CREATE ROLE {} LOGIN PASSWORD {} {}")
    connection.execute(create.format(name, Literal(verifier), SQL(" ").join(options)))
    connection.execute(SQL("GRANT {} TO {}").format(Identifier(new.owner), name))
    # What the application makes belongs to the owner at once, and stays when the login goes.
    connection.execute(SQL("ALTER ROLE {} SET role TO {}").format(name, Literal(new.owner)))
    made = f"{MARK} made {new.made_at.isoformat(timespec='seconds')}"
    connection.execute(SQL("COMMENT ON ROLE {} IS {}").format(name, Literal(made)))


def close(connection: psycopg.Connection[Any], role: Role) -> None:
    """Let nobody in with it any more. Its open sessions go on."""
    from psycopg.sql import SQL, Identifier

    connection.execute(SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(Identifier(role.name)))


def end_sessions(connection: psycopg.Connection[Any], role: Role) -> None:
    """Ask its sessions to end, and wait for each a little. Their clients get SQLSTATE 57P01."""
    for pid in sessions(connection, role):
        connection.execute("SELECT pg_terminate_backend(%s, %s)", (pid, _ENDS_WITHIN_MS))


def drop(connection: psycopg.Connection[Any], role: Role) -> None:
    """Drop it; one that something depends on stays, closed, and its comment tells a person why."""
    import psycopg
    from psycopg.sql import SQL, Identifier, Literal

    name = Identifier(role.name)
    try:
        with connection.transaction():  # a savepoint: the transaction survives the refusal
            connection.execute(SQL("DROP ROLE {}").format(name))
    except psycopg.errors.UndefinedObject:
        return
    except psycopg.errors.DependentObjectsStillExist:
        connection.execute(SQL("COMMENT ON ROLE {} IS {}").format(name, Literal(_STAYS)))
