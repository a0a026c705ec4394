"""Azure Key Vault as a store: what a policy file may say of it, and the plug-in.

The work is in ``store`` (the contract), ``versions`` (what a new version takes over from the one before),
``writing`` (without compare-and-set), ``key_vault`` (the calls) and ``failures`` (errors); ``providers.azure.login``
gets the tokens.
This module imports no SDK.
"""

from __future__ import annotations

from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from providers.azure.auth import METHODS, Auth, problems_with_credentials
from providers.http.config import HttpConfig, problem_with
from rotator.domain.contracts import Access, Credential, Place, Store, StorePlugin, Where
from rotator.domain.durations import Duration

_AUTHORITIES: Final = {
    "vault.azure.net": "https://login.microsoftonline.com",
    "vault.azure.cn": "https://login.chinacloudapi.cn",
    "vault.usgovcloudapi.net": "https://login.microsoftonline.us",
}
"""Where one signs in for the vaults of each public cloud (azure-identity's ``AzureAuthorityHosts``)."""


class AzureConfig(HttpConfig):
    """A connection to one vault."""

    url: str
    """The vault's own address, ``https://NAME.vault.azure.net``; or the name that a private endpoint has."""
    auth: Auth
    authority: str | None = None
    """Where to sign in. By default, that of the cloud that ``url`` is in."""
    resource: str | None = None
    """What tokens are asked for, and nothing else. By default, ``url`` without the vault's name."""
    api_version: str | None = Field(default=None, pattern=r"^[0-9A-Za-z.-]+$")
    """For a service that does not know the SDK's newest."""

    @field_validator("url", "authority", "resource")
    @classmethod
    def _is_https(cls, url: str | None) -> str | None:
        if url is None:
            return None
        problem = problem_with(url, allow_plain_http=False)
        if problem:
            raise ValueError(problem)
        if urlsplit(url).scheme != "https":
            raise ValueError("Azure is spoken to over https only, on this machine too")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        for problem in problems_with_credentials(self.auth.method, frozenset(self.credentials)):
            raise ValueError(problem)
        if urlsplit(self.url).path:
            raise ValueError("leave the path out of `url`: it is the vault's address, https://NAME.vault.azure.net")
        if METHODS[self.auth.method].asks_authority and self.sign_in_at is None:
            known = ", ".join(sorted(_AUTHORITIES))
            raise ValueError(f"`url` is in none of the clouds {known}; add `authority`, where to sign in for it")
        if "." not in urlsplit(self.audience).netloc:
            raise ValueError("`url` does not tell what tokens to ask for; add `resource`: https://vault.azure.net")
        return self

    @property
    def sign_in_at(self) -> str | None:
        """Give the authority, written or known."""
        return self.authority or _AUTHORITIES.get(_parent(self.url))

    @property
    def audience(self) -> str:
        return self.resource or f"https://{_parent(self.url)}"


def _parent(url: str) -> str:
    return (urlsplit(url).hostname or "").partition(".")[2]


class AzurePlace(Place):
    """One secret of the vault, or one field of the JSON object in it."""

    secret: str = Field(pattern=r"^[0-9A-Za-z-]{1,127}$")
    """Its name: letters, digits and hyphens."""
    field: str | None = Field(default=None, min_length=1)
    """One field of the JSON object that the secret holds. Unset: the whole value."""
    create: bool = False
    expires_in: Duration | Literal["never"] | None = Field(default=None, union_mode="left_to_right")
    """When the new version expires. Unset: after as long as the version before it, if that had an expiry."""

    @field_validator("expires_in", mode="before")
    @classmethod
    def _is_never_or_a_duration(cls, value: Any) -> Any:
        return value if value in (None, "never") or isinstance(value, Duration) else _duration(value)


def _duration(value: Any) -> Duration:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration: write '90 days', or 'never'")  # noqa: TRY004  for pydantic
    duration = Duration.parse(value)
    if not duration:
        raise ValueError("a version that expires at once is of no use: write '90 days', or 'never'")
    return duration


def _open(config: Any, access: Access) -> Store[Any]:
    from providers.stores.azure_key_vault.key_vault import KeyVault
    from providers.stores.azure_key_vault.store import KeyVaultStore

    return KeyVaultStore(access.shared("azure-key-vault", lambda: KeyVault(config, access)), access.clock)


def _where(config: AzureConfig, place: AzurePlace) -> Where:
    """One field of one secret of a vault, whoever signs in there."""
    return Where([config.url, place.secret], place.field)


_EXAMPLE: Final = """\
connections:
  sandbox: {provider: sandbox, url: "http://127.0.0.1:8931", credentials: {admin: "env:SANDBOX_ADMIN"}}
  azure-prod:
    provider: azure-key-vault
    url: https://contoso-prod.vault.azure.net
    auth: {method: client_secret, tenant_id: contoso.onmicrosoft.com, client_id: 11111111-2222-3333-4444-555555555555}
    credentials: {client_secret: env:AZURE_CLIENT_SECRET}

policies:
  - name: documenso-production
    issuer: {connection: sandbox, token_name: production-api}
    stores:
      - {connection: azure-prod, secret: documenso-production}
    schedule: {every: 90 days}
"""

PLUGIN: Final = StorePlugin(
    name="azure-key-vault",
    summary="A secret in Azure Key Vault: its whole value, or one field of the JSON object in it",
    config=AzureConfig,
    place=AzurePlace,
    open=_open,
    where=_where,
    needs=("azure.keyvault.secrets", "azure.identity"),
    credentials=tuple(
        Credential(credential.name, f"{credential.what} (auth method {name})", required=False)
        for name, method in METHODS.items()
        for credential in method.credentials
    ),
    permissions=(
        "RBAC: Microsoft.KeyVault/vaults/secrets/getSecret/action, …/setSecret/action, …/readMetadata/action",
        "or, in a vault with access policies: the secret permissions get, set and list",
    ),
    example=_EXAMPLE,
    tested="a fake that the Azure SDK (azure-keyvault-secrets 4.12.0, azure-identity 1.27.0) takes for a vault; "
    "never a real vault",
)
