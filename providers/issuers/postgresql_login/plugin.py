"""The plug-in ``postgresql-login``: what a connection and a policy say, and what Rotator shows of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, field_validator, model_validator

from providers.database_login.options import LoginOptions
from providers.database_login.value import Address
from providers.issuers.postgresql_login.issuer import PostgreSQLLogins, Wishes
from providers.issuers.postgresql_login.server import Identity, Server, SslMode
from rotator.domain.contracts import (
    Access,
    Config,
    Credential,
    IssuerPlugin,
    IssuerTraits,
    NameRules,
)
from rotator.domain.loopback import is_loopback

_PORT: Final = 5432
_SCHEMES: Final = ("postgresql://", "postgres://")


class PostgreSQLConfig(Config):
    """A connection to the primary of one server (one cluster, in PostgreSQL's words)."""

    url: str
    """``postgresql://host:port/database``: the database in which new logins are tried."""
    user: str = Field(min_length=1, max_length=63)
    """Rotator's own role."""
    sslmode: Literal["verify-full", "verify-ca", "require", "disable"] | None = None
    """libpq's word. Left out: ``verify-full``; to this machine itself, TLS where the server offers it."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        scheme = next((scheme for scheme in _SCHEMES if url.startswith(scheme)), None)
        if scheme is None:
            raise ValueError("write a URL as postgresql://host:port/database")
        if Address.parse(url.removeprefix(scheme), _PORT).query:
            raise ValueError("a connection's URL has no query; `sslmode` and `ca_file` are keys of the connection")
        return url

    @model_validator(mode="after")
    def _uses_its_certificates(self) -> PostgreSQLConfig:
        if self.ca_file and self.sslmode not in (None, "verify-full", "verify-ca"):
            raise ValueError("`ca_file` means nothing with this `sslmode`: only verify-full and verify-ca look at it")
        return self

    @property
    def address(self) -> Address:
        return Address.parse(self.url.partition("://")[2], _PORT)

    @property
    def identity(self) -> Identity:
        default: SslMode = "prefer" if is_loopback(self.address.host) and not self.ca_file else "verify-full"
        return Identity(self.address, self.user, self.sslmode or default, self.ca_file)


class PostgreSQLOptions(LoginOptions):
    role: str = Field(min_length=1, max_length=63)
    """The role that owns the objects. It may not log in itself; every login is a member of it, and acts as it."""
    drop: bool = True
    """Drop an old login; or keep it, closed."""


def _traits(_config: PostgreSQLConfig, options: PostgreSQLOptions) -> IssuerTraits:
    return IssuerTraits(
        max_active=options.at_most,
        binds_value_to_handle=True,
        # What `psql` takes without quotes, and hyphens. Names that begin with pg_ are the server's own.
        names=NameRules(max_length=63, pattern=r"[a-z_][a-z0-9_-]*", forbid="^pg_", separator="_"),
        issue_propagation=timedelta(seconds=5),
        revoke_propagation=timedelta(seconds=10),
    )


def _open(config: PostgreSQLConfig, options: PostgreSQLOptions, access: Access) -> PostgreSQLLogins:
    wishes = Wishes(
        owner=options.role,
        form=options.format,
        address=Address.parse(options.address, _PORT) if options.address else config.address,
        connection_limit=options.connection_limit,
        sessions=options.sessions,
        drop=options.drop,
    )
    return PostgreSQLLogins(Server(config.identity, access), wishes, _traits(config, options))


_EXAMPLE: Final = """\
connections:
  database:
    provider: postgresql-login
    url: postgresql://db.example.org/app
    user: rotator
    credentials: {password: "file:/run/secrets/rotator-postgresql"}
  app-env: {provider: env-file}

policies:
  - name: app-database
    issuer: {connection: database, role: app_owner, token_name: app}
    stores:
      - {connection: app-env, file: /srv/app/.env, var: DATABASE_URL}
    schedule: {every: 30 days}
    overlap: {for: 24h}
"""

PLUGIN: Final = IssuerPlugin(
    name="postgresql-login",
    summary="Logins of a PostgreSQL server under one owner role, as one value that holds name and password.",
    config=PostgreSQLConfig,
    options=PostgreSQLOptions,
    traits=_traits,
    open=_open,
    needs=("psycopg",),
    credentials=(Credential("password", "password of Rotator's own role"),),
    permissions=(
        "CREATEROLE",
        "ADMIN OPTION on the owner role (PostgreSQL 16 and later)",
        "membership of pg_signal_backend, unless `sessions: wait`",
        "CONNECT on the connection's database",
    ),
    example=_EXAMPLE,
    tested="PostgreSQL 15.18, with every test; PostgreSQL 18.6, with the same tests by hand",
)
