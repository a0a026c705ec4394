"""HashiCorp Vault and OpenBao, as a store: what a policy file may say of them, and the plug-in.

The work is in ``store`` (the contract), ``kv`` (the two engines), ``session`` (the connection),
``login`` (auth methods) and ``failures`` (errors). This module imports no SDK.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from providers.http import HttpConfig
from providers.stores.vault.login import METHODS
from rotator.domain.contracts import Access, Credential, Place, Store, StorePlugin


def _path_below_v1(text: str) -> str:
    """Give a mount or path without slashes around it. Refuses what an HTTP client would fold: ``//``, ``..``."""
    path = text.strip("/")
    if not path:
        raise ValueError("it is empty; name something below Vault's /v1/")
    if any(part in ("", ".", "..") or part != part.strip() for part in path.split("/")) or not path.isprintable():
        raise ValueError("it has an empty, dotted or blank part, or an unprintable character; write it plainly: a/b/c")
    return path


VaultPath = Annotated[str, AfterValidator(_path_below_v1)]


class Auth(BaseModel):
    """How to sign in. Each method takes its own credentials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str = Field(default="token", json_schema_extra={"enum": [*METHODS]})
    mount: VaultPath | None = None
    """Where the method is mounted; by default, at its own name."""

    @field_validator("method")
    @classmethod
    def _is_known(cls, method: str) -> str:
        if method not in METHODS:
            raise ValueError(f"unknown auth method; known are {', '.join(sorted(METHODS))}")
        return method


class VaultConfig(HttpConfig):
    """A connection to one Vault, in one namespace."""

    url: str = Field(
        default_factory=lambda: os.environ.get("BAO_ADDR") or os.environ.get("VAULT_ADDR") or "", validate_default=True
    )
    """By default what BAO_ADDR or VAULT_ADDR says."""
    namespace: VaultPath | None = None
    mount: VaultPath = "secret"
    """Where the key-value engine is mounted, unless a place says otherwise."""
    auth: Auth = Auth()

    @field_validator("url", mode="before")
    @classmethod
    def _is_there(cls, url: object) -> object:
        if url == "":
            raise ValueError("url is missing; add it, or set BAO_ADDR or VAULT_ADDR")
        if isinstance(url, str) and url.rstrip("/").endswith("/v1"):
            raise ValueError("leave /v1 out of the url; it is added to every call")
        return url

    @model_validator(mode="after")
    def _has_the_credentials_of_its_method(self) -> Self:
        needed = {credential.name for credential in METHODS[self.auth.method].credentials}
        if missing := sorted(needed - self.credentials.keys()):
            raise ValueError(f"auth method {self.auth.method} needs credentials: {', '.join(missing)}; add references")
        if surplus := sorted(self.credentials.keys() - needed):
            raise ValueError(f"auth method {self.auth.method} has no credentials {', '.join(surplus)}; remove them")
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
    needs=("hvac",),
    credentials=tuple(
        Credential(credential.name, f"{credential.what} (auth method {name})", required=False)
        for name, method in METHODS.items()
        for credential in method.credentials
    ),
    permissions=(
        "KV v2: read, update and (for places it may make) create on <mount>/data/<path>",
        "KV v1: read, update and (for places it may make) create on <mount>/<path>",
        "read on auth/token/lookup-self, update on sys/capabilities-self (both are in Vault's `default` policy)",
    ),
    example=_EXAMPLE,
    tested="OpenBao 2.7.2, a real server; HashiCorp Vault itself was not at hand",
)
