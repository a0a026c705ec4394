"""The plug-in ``mysql-login``: what a connection and a policy say, and what Rotator shows of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import Field, field_validator

from providers.database_login.options import LoginOptions
from providers.database_login.value import Address
from providers.issuers.mysql_login.issuer import MySQLLogins, Wishes
from providers.issuers.mysql_login.server import Identity, Server, TlsMode
from rotator.domain.contracts import (
    Access,
    Config,
    Credential,
    IssuerPlugin,
    IssuerTraits,
    NameRules,
)
from rotator.domain.loopback import is_loopback

_PORT: Final = 3306
_SCHEMES: Final = ("mysql://", "mariadb://")


class MySQLConfig(Config):
    """A connection to the primary of one server or cluster."""

    url: str
    """``mysql://host:port/database``: the database is the one that consumers are told."""
    user: str = Field(min_length=1, max_length=80)
    """Rotator's own account, by its name."""
    tls: bool = True
    """False: send everything unencrypted, to whoever answers. To this machine itself, TLS is used where offered."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        scheme = next((scheme for scheme in _SCHEMES if url.startswith(scheme)), None)
        if scheme is None:
            raise ValueError("write a URL as mysql://host:port/database")
        if Address.parse(url.removeprefix(scheme), _PORT).query:
            raise ValueError("a connection's URL has no query; `tls` and `ca_file` are keys of the connection")
        return url

    @property
    def address(self) -> Address:
        return Address.parse(self.url.partition("://")[2], _PORT)

    @property
    def identity(self) -> Identity:
        default: TlsMode = "prefer" if is_loopback(self.address.host) and not self.ca_file else "verify-full"
        tls: TlsMode = default if self.tls else "disable"
        return Identity(self.address.host, self.address.port, self.user, tls, self.ca_file)


class MySQLOptions(LoginOptions):
    role: str = Field(pattern=r"^[A-Za-z_][\w$-]{0,31}$")
    """The role that holds the rights. Every login has it, and nobody but Rotator's logins may."""
    host: str = Field(default="%", pattern=r"^[\w.%:/-]{1,60}$")
    """From where the logins may come, as an account's host: ``%`` is everywhere."""
    drop: bool = False
    """Drop an old login; or keep it, locked, for the views, triggers and routines that it defined."""


def _traits(_config: MySQLConfig, options: MySQLOptions) -> IssuerTraits:
    return IssuerTraits(
        max_active=options.at_most,
        binds_value_to_handle=True,
        # MySQL allows 32 characters, MariaDB 80. What needs no quotes, and hyphens.
        names=NameRules(max_length=32, pattern=r"[a-z_][a-z0-9_-]*", separator="_"),
        issue_propagation=timedelta(seconds=5),
        revoke_propagation=timedelta(seconds=10),
    )


def _open(config: MySQLConfig, options: MySQLOptions, access: Access) -> MySQLLogins:
    wishes = Wishes(
        role=options.role,
        host=options.host,
        form=options.format,
        address=Address.parse(options.address, _PORT) if options.address else config.address,
        connection_limit=options.connection_limit,
        sessions=options.sessions,
        drop=options.drop,
    )
    return MySQLLogins(Server(config.identity, access), wishes, _traits(config, options))


_EXAMPLE: Final = """\
connections:
  database:
    provider: mysql-login
    url: mysql://db.example.org/app
    user: rotator
    credentials: {password: "file:/run/secrets/rotator-mysql"}
  app-env: {provider: env-file}

policies:
  - name: app-database
    issuer: {connection: database, role: app_role, token_name: app}
    stores:
      - {connection: app-env, file: /srv/app/.env, var: DATABASE_URL}
    schedule: {every: 30 days}
    overlap: {for: 24h}
"""

PLUGIN: Final = IssuerPlugin(
    name="mysql-login",
    summary="Logins of a MariaDB or MySQL server with one role, as one value that holds name and password.",
    config=MySQLConfig,
    options=MySQLOptions,
    traits=_traits,
    open=_open,
    needs=("pymysql",),
    credentials=(Credential("password", "password of Rotator's own account"),),
    permissions=(
        "CREATE USER",
        "the role WITH ADMIN OPTION",
        "SELECT on the tables of accounts and roles",
        "PROCESS",
        "CONNECTION ADMIN, unless `sessions: wait`",
    ),
    example=_EXAMPLE,
    tested="MariaDB 10.11.19; never MySQL",
)
