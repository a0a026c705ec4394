"""HashiCorp Vault and OpenBao, as a store: what a policy file may say of them, and the plug-in.

The work is in ``store`` (the contract), ``kv`` (the two engines), ``session`` and ``wire`` (the connection),
``bearer`` and ``login`` (who we are), ``failures`` and ``health`` (errors). This module imports no SDK.
"""

from __future__ import annotations

import os
from typing import Any, Final, Self

from pydantic import Field, field_validator, model_validator

from providers.http.config import HttpConfig
from providers.stores.vault.auth import Auth, VaultPath, credentials_of_all_methods, problems_with_credentials
from rotator.domain.contracts import Access, Place, Store, StorePlugin, Where

_ENVIRONMENT: Final = {"url": "ADDR", "namespace": "NAMESPACE", "ca_file": "CACERT"}
"""What is taken from BAO_… or VAULT_…, as their command lines do."""


class VaultConfig(HttpConfig):
    """A connection to one Vault, in one namespace."""

    url: str = Field(default_factory=str, validate_default=True)
    """Unset: where BAO_ADDR or VAULT_ADDR leads, and with it their namespace and authority, if those are set."""
    namespace: VaultPath | None = None
    mount: VaultPath = "secret"
    """Where the key-value engine is mounted, unless a place says otherwise."""
    auth: Auth = Auth()

    @model_validator(mode="before")
    @classmethod
    def _else_as_the_environment_says(cls, settings: Any) -> Any:
        """Take all of it from there or, where ``url`` is written, nothing: half of it would lead somewhere else."""
        if not isinstance(settings, dict) or "url" in settings:
            return settings
        named = {field: os.environ.get(f"BAO_{name}") or os.environ.get(f"VAULT_{name}")
                 for field, name in _ENVIRONMENT.items()}  # fmt: skip
        return {field: value for field, value in named.items() if value} | settings

    @field_validator("url", mode="before")
    @classmethod
    def _is_there(cls, url: object) -> object:
        if url == "":
            raise ValueError("url is missing; add it, or set BAO_ADDR or VAULT_ADDR")
        if isinstance(url, str) and url.rstrip("/").endswith("/v1"):
            raise ValueError("leave /v1 out of the url; it is added to every call")
        return url

    @model_validator(mode="after")
    def _fits_its_method(self) -> Self:
        for problem in problems_with_credentials(self.auth.method, frozenset(self.credentials)):
            raise ValueError(problem)
        if self.auth.method == "cert" and not self.url.startswith("https://"):
            raise ValueError("auth method cert shows a certificate, and only a connection by https can: check `url`")
        return self


class VaultPlace(Place):
    """One field of one document."""

    path: VaultPath
    """As ``vault kv get`` takes it: without the mount, without ``data/``."""
    field: str = Field(min_length=1)
    mount: VaultPath | None = None
    create: bool = True
    """Make the document where there is none. A path with a typing error is then a new document."""


def _open(config: Any, access: Access) -> Store[Any]:
    from providers.stores.vault.session import VaultSession
    from providers.stores.vault.store import VaultStore

    session = access.shared("vault-session", lambda: VaultSession(config, access))
    return VaultStore(session, config.mount)


def _where(config: VaultConfig, place: VaultPlace) -> Where:
    """One field of one document: its mount may be said or not, and whoever logs in, it is the same."""
    return Where([config.url, config.namespace, place.mount or config.mount, place.path], place.field)


_EXAMPLE: Final = """\
connections:
  vault-prod:
    provider: vault
    url: https://vault.example.com:8200
    auth: {method: approle}
    credentials:
      role_id: env:VAULT_ROLE_ID
      secret_id: file:/run/secrets/vault-secret-id

  hub:
    provider: jupyterhub
    url: https://hub.example.com
    credentials: {token: env:JUPYTERHUB_ADMIN_TOKEN}

policies:
  - name: hub-reports
    issuer: {connection: hub, user: reports, token_name: reports}
    stores:
      - {connection: vault-prod, path: prod/hub, field: token}
    schedule: {every: 90 days}
"""

PLUGIN: Final = StorePlugin(
    name="vault",
    summary="HashiCorp Vault and OpenBao: one field of a document in a key-value mount (KV v2 and v1)",
    config=VaultConfig,
    place=VaultPlace,
    open=_open,
    where=_where,
    needs=("hvac",),
    credentials=credentials_of_all_methods(),
    permissions=(
        "KV v2: read, update and (for places it may make) create on <mount>/data/<path>",
        "KV v1: read, update and (for places it may make) create on <mount>/<path>",
        "read on auth/token/lookup-self (it is in Vault's `default` policy, and so are the next two)",
        "update on auth/token/renew-self, where the token is to be renewed",
        "update on sys/capabilities-self, to name what is missing before anything is touched",
    ),
    example=_EXAMPLE,
    tested="OpenBao 2.7.2, a real server; auth method aws against a fake; HashiCorp Vault itself was not at hand",
)
