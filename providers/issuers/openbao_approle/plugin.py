"""The plug-in ``openbao-approle-secret-id``: what a connection and a policy say, and what Rotator shows of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Self

from pydantic import Field, model_validator

from providers.http.config import HttpConfig
from rotator.domain.contracts import Access, Credential, Issuer, IssuerPlugin, IssuerTraits, NameRules, Options

TRAITS: Final = IssuerTraits(
    binds_value_to_handle=True,
    names=NameRules(max_length=128),
    # Both are immediate on one server. The margin is for one that reads from a standby.
    issue_propagation=timedelta(seconds=5),
    revoke_propagation=timedelta(seconds=10),
)


class AppRoleConfig(HttpConfig):
    """A connection to one server and one mount of the auth method."""

    mount: str = Field(default="approle", pattern=r"^\w[\w-]*(/\w[\w-]*)*$")
    """Where the auth method is mounted, without ``auth/``."""
    namespace: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _has_its_token(self) -> Self:
        if set(self.credentials) != {"token"}:
            raise ValueError("`credentials` takes one reference, and needs it: write for example `token: env:NAME`")
        return self


class AppRoleOptions(Options):
    role: str = Field(pattern=r"^\w([\w.-]*\w)?$", max_length=200)
    """The AppRole whose secret ids these are."""
    end_logins: bool = False
    """End the tokens, too, that were got with a secret id which is dead."""


def _open(config: Any, options: Any, access: Access) -> Issuer:
    from providers.http.client import HttpClient
    from providers.issuers.openbao_approle.calls import Server
    from providers.issuers.openbao_approle.issuer import SecretIdIssuer
    from providers.issuers.openbao_approle.logins import Logins

    client = access.shared("http", lambda: HttpClient(config.url, ca_file=config.ca_file, access=access))
    server = Server(client, access, config.mount, config.namespace)
    logins = Logins(server, options.role) if options.end_logins else None
    return SecretIdIssuer(server, options.role, logins)


_EXAMPLE: Final = """\
connections:
  bao-approles:
    provider: openbao-approle-secret-id
    url: https://bao.example.org:8200
    credentials: {token: file:/run/secrets/openbao-token}
  billing-host: {provider: env-file}

policies:
  - name: billing-secret-id
    issuer: {connection: bao-approles, role: billing, token_name: billing, expires_in: 20 days}
    stores:
      - {connection: billing-host, file: /srv/billing/.env, var: BAO_SECRET_ID}
    schedule: {every: 7 days, before_expiry: 5 days}
    overlap: {for: 2h}
"""

PLUGIN: Final = IssuerPlugin(
    name="openbao-approle-secret-id",
    summary="Secret ids of an AppRole of OpenBao or HashiCorp Vault",
    config=AppRoleConfig,
    options=AppRoleOptions,
    traits=lambda _config, _options: TRAITS,
    open=_open,
    credentials=(Credential("token", "a token that may make, look up and destroy secret ids of the role"),),
    permissions=(
        "`update` and `list` on auth/approle/role/ROLE/secret-id",
        "`update` on auth/approle/role/ROLE/secret-id/lookup, …/secret-id-accessor/lookup and …/destroy",
        "with `end_logins`: `list` and `sudo` on auth/token/accessors",
        "with `end_logins`: `update` on auth/token/lookup-accessor and auth/token/revoke-accessor",
    ),
    example=_EXAMPLE,
    tested="OpenBao 2.7.2, a real server; not HashiCorp Vault",
)
