"""What the tests of the issuer stand on: a database with the roles that our SQL file makes, and an issuer for it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from providers.database_login.value import Login, read
from providers.issuers.postgresql_login.issuer import DIALECT, PostgreSQLLogins
from providers.issuers.postgresql_login.plugin import PLUGIN
from rotator.domain.contracts import Issued, IssueRequest
from rotator.domain.durations import Duration
from rotator.domain.model import TokenName
from rotator.domain.secret_value import SecretValue
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from tests.canary import CANARY
from tests.servers.postgresql import PostgreSQL

SETUP = Path(__file__).parents[3] / "deploy" / "permissions" / "postgresql-login.sql"


class Database:
    """A server on which our SQL file was run, with names of its own for the roles."""

    def __init__(self, server: PostgreSQL) -> None:
        self.server = server
        self.owner = f"app_owner_{secrets.token_hex(4)}"
        self.rotator = f"rotator_{secrets.token_hex(4)}"
        self.password = CANARY.add(secrets.token_hex(16), for_session=True)
        self.admin = self.connected("admin", server.password)

    def set_up(self) -> None:
        """Do what an administrator does."""
        self.run(SETUP.read_text().replace("app_owner", self.owner).replace("rotator", self.rotator))
        self.set_password(self.rotator, self.password)

    def run(self, statements: str) -> None:
        self.admin.execute(statements.encode())

    def query(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Ask as the superuser."""
        return list(self.admin.execute(statement.encode(), parameters).fetchall())

    def connected(self, user: str, password: str) -> Any:
        import psycopg

        return psycopg.connect(
            host="127.0.0.1", port=self.server.port, user=user, password=password, dbname="postgres", autocommit=True
        )

    def consumer(self, issued: Issued) -> Any:
        """Connect as a consumer does that has read the value."""
        login = login_in(issued.value)
        return self.connected(login.user, login.password.reveal())

    def set_password(self, role: str, password: str) -> None:
        verifier = self.admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        self.run(f"ALTER ROLE {role} PASSWORD '{verifier}'")

    def roles(self) -> dict[str, bool]:
        """Give the members of the owner role, without Rotator's own, and whether each may log in."""
        members = """
            SELECT r.rolname, r.rolcanlogin FROM pg_roles r WHERE r.rolname <> %(rotator)s AND EXISTS (
                SELECT FROM pg_auth_members m JOIN pg_roles o ON o.oid = m.roleid
                WHERE m.member = r.oid AND o.rolname = %(owner)s)"""
        return dict(self.query(members, owner=self.owner, rotator=self.rotator))

    def comment_on(self, role: str) -> str:
        [(comment,)] = self.query(
            "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %(role)s", role=role
        )
        return str(comment)

    def opened(
        self,
        *,
        port: int | None = None,
        connection: Mapping[str, Any] | None = None,
        password: str | None = None,
        **options: Any,
    ) -> PostgreSQLLogins:
        access = DictionaryAccess({"password": password or self.password})
        access.clock = MovingClock(datetime.now(UTC))
        settings = {
            "url": f"postgresql://127.0.0.1:{port or self.server.port}/postgres",
            "user": self.rotator,
            "credentials": {"password": "env:PASSWORD"},
            **(connection or {}),
        }
        issuer = PLUGIN.open(
            PLUGIN.config.model_validate(settings),
            PLUGIN.options.model_validate({"role": self.owner, **options}),
            access,
        )
        assert isinstance(issuer, PostgreSQLLogins)
        return issuer


def request(name: str | None = None, lifetime: str | None = None) -> IssueRequest:
    """Ask for a login; its name is one that no other test takes."""
    wanted = TokenName(name or f"app_{secrets.token_hex(4)}")
    return IssueRequest(wanted, Duration.parse(lifetime) if lifetime else None, datetime.now(UTC))


def login_in(value: SecretValue) -> Login:
    login = read(value, DIALECT)
    assert login is not None
    return login
