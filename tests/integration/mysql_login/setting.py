"""What the tests of the issuer stand on: a server with the accounts that our SQL file makes, and an issuer for it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from providers.database_login.value import Login, read
from providers.issuers.mysql_login.issuer import VALUE, MySQLLogins
from providers.issuers.mysql_login.plugin import PLUGIN
from rotator.domain.contracts import Issued, IssueRequest
from rotator.domain.durations import Duration
from rotator.domain.model import TokenName
from rotator.domain.secret_value import SecretValue
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from tests.canary import CANARY
from tests.servers.mariadb import MariaDB

SETUP = Path(__file__).parents[3] / "deploy" / "permissions" / "mysql-login.sql"


class Database:
    """A server on which our SQL file was run, with names of its own."""

    def __init__(self, server: MariaDB) -> None:
        self.server = server
        self.schema = f"app_{secrets.token_hex(4)}"
        self.role = f"role_{secrets.token_hex(4)}"
        self.rotator = f"rotator_{secrets.token_hex(4)}"
        self.password = CANARY.add(secrets.token_hex(16), for_session=True)
        self.admin = server.connected()

    def set_up(self) -> None:
        """Do what an administrator does."""
        self.run(f"CREATE DATABASE {self.schema}")
        named = {
            "app_role": self.role, "app.*": f"{self.schema}.*", "rotator@": f"{self.rotator}@",
            "192.0.2.10": "127.0.0.1", f"*{'0' * 40}": hashed(self.password),
        }  # fmt: skip
        self.run_all(SETUP.read_text(), named)

    def run_all(self, statements: str, named: Mapping[str, str]) -> None:
        """Run statements one by one, as the command line does, with other names in place of these."""
        for old, new in named.items():
            statements = statements.replace(old, new)
        lines = (line.partition("--")[0] for line in statements.splitlines())
        for statement in "\n".join(lines).split(";"):
            if statement.strip():
                self.run(statement)

    def run(self, statement: str) -> None:
        self.query(statement)

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask as the administrator."""
        with self.admin.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return list(cursor.fetchall())

    def consumer(self, issued: Issued) -> Any:
        """Connect as a consumer does that has read the value."""
        login = login_in(issued.value)
        return self.server.connected(login.user, login.password.reveal())

    def accounts(self) -> dict[str, bool]:
        """Give the accounts that hold the role and may not grant it, and whether each is locked."""
        members = """
            SELECT CONCAT(g.User, '@', g.Host), JSON_VALUE(g.Priv, '$.account_locked') = 1
            FROM mysql.global_priv g JOIN mysql.roles_mapping m ON m.User = g.User AND m.Host = g.Host
            WHERE m.Role = %s AND m.Admin_option = 'N'"""
        return {str(handle): bool(locked) for handle, locked in self.query(members, self.role)}

    def exists(self, name: str) -> bool:
        return bool(self.query("SELECT 1 FROM mysql.global_priv WHERE User = %s", name))

    def opened(
        self,
        *,
        port: int | None = None,
        connection: Mapping[str, Any] | None = None,
        password: str | None = None,
        **options: Any,
    ) -> MySQLLogins:
        access = DictionaryAccess({"password": password or self.password})
        access.clock = MovingClock(datetime.now(UTC))
        settings = {
            "url": f"mysql://127.0.0.1:{port or self.server.port}/{self.schema}",
            "user": self.rotator,
            "ca_file": self.server.ca_file,
            "credentials": {"password": "env:PASSWORD"},
            **(connection or {}),
        }
        issuer = PLUGIN.open(
            PLUGIN.config.model_validate(settings),
            PLUGIN.options.model_validate({"role": self.role, **options}),
            access,
        )
        assert isinstance(issuer, MySQLLogins)
        return issuer


def hashed(password: str) -> str:
    """Give what the server keeps of a password."""
    return f"*{hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()}"


def request(name: str | None = None, lifetime: str | None = None) -> IssueRequest:
    """Ask for a login; its name is one that no other test takes."""
    wanted = TokenName(name or f"app_{secrets.token_hex(4)}")
    return IssueRequest(wanted, Duration.parse(lifetime) if lifetime else None, datetime.now(UTC))


def login_in(value: SecretValue) -> Login:
    login = read(value, VALUE)
    assert login is not None
    return login
