"""The plug-in ``azure-app-secret``: what a connection and a policy say, and what Rotator shows of it.

This module imports no SDK.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from providers.azure.auth import METHODS, Auth, problems_with_credentials
from providers.http.config import HttpConfig, problem_with
from rotator.domain.contracts import (
    Access,
    Credential,
    ExpiryRules,
    Issuer,
    IssuerPlugin,
    IssuerTraits,
    NameRules,
    Options,
)
from rotator.domain.durations import Duration

_GUID: Final = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
_AUTHORITIES: Final = {
    "graph.microsoft.com": "https://login.microsoftonline.com",
    "graph.microsoft.us": "https://login.microsoftonline.us",
    "dod-graph.microsoft.us": "https://login.microsoftonline.us",
    "microsoftgraph.chinacloudapi.cn": "https://login.chinacloudapi.cn",
}
"""Where one signs in for the Microsoft Graph of each national cloud (Graph's documentation, "National clouds")."""

TRAITS: Final = IssuerTraits(
    # Graph shortens the name of a certificate to 90 characters; for that of a password it says nothing.
    names=NameRules(max_length=90),
    expiry=ExpiryRules(never_means=Duration(months=24)),
    # New ones were seen to be refused for 4 to 18 seconds (microsoftgraph/microsoft-graph-docs-contrib#1921), and the
    # directory to lag by two minutes (Azure/ARO-HCP#2723).
    issue_propagation=timedelta(minutes=3),
    revoke_propagation=timedelta(minutes=5),
)


class AzureAppConfig(HttpConfig):
    """A connection to one cloud's Microsoft Graph, and to the applications of one tenant."""

    url: str = "https://graph.microsoft.com"
    auth: Auth
    authority: str | None = None
    """Where to sign in. By default, that of the cloud that ``url`` is in."""
    tenant_id: str | None = Field(default=None, pattern=r"^[0-9A-Za-z.-]+$")
    """The tenant that the applications sign in to. By default ``auth.tenant_id``."""
    propagation: Duration = Duration.parse("30s")
    """How old a new secret must be before consumers get it."""

    @field_validator("url", "authority")
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

    @field_validator("propagation")
    @classmethod
    def _is_shorter_than_the_patience(cls, propagation: Duration) -> Duration:
        if propagation.roughly >= TRAITS.issue_propagation:
            raise ValueError("a new secret is waited for no longer than 3 minutes; write for example '30s'")
        return propagation

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        for problem in problems_with_credentials(self.auth.method, frozenset(self.credentials)):
            raise ValueError(problem)
        if self.sign_in_at is None:
            raise ValueError(f"`url` is in none of the clouds {', '.join(sorted(_AUTHORITIES))}; add `authority`")
        if self.tenant is None:
            raise ValueError("add `tenant_id`: a new secret is tried by signing in to its application's tenant")
        return self

    @property
    def sign_in_at(self) -> str | None:
        """Give the authority, written or known."""
        return self.authority or _AUTHORITIES.get(urlsplit(self.url).hostname or "")

    @property
    def audience(self) -> str:
        return self.url

    @property
    def tenant(self) -> str | None:
        return self.tenant_id or self.auth.tenant_id


class AzureAppOptions(Options):
    application: str = Field(pattern=_GUID)
    """The application (client) id of the app registration whose secrets these are."""


def _open(config: Any, options: Any, access: Access) -> Issuer:
    from providers.issuers.azure_app.graph import Graph
    from providers.issuers.azure_app.issuer import AppSecretIssuer
    from providers.issuers.azure_app.signing_in import SignIn

    graph = access.shared("graph", lambda: Graph(config, access))
    sign_in = access.shared("sign-in", lambda: SignIn(config, access))
    return AppSecretIssuer(graph, sign_in, options.application.lower(), config.propagation.roughly, access.clock)


_EXAMPLE: Final = """\
connections:
  entra:
    provider: azure-app-secret
    auth: {method: workload_identity}
    tenant_id: contoso.onmicrosoft.com
  azure-prod:
    provider: azure-key-vault
    url: https://contoso-prod.vault.azure.net
    auth: {method: workload_identity}

policies:
  - name: billing-app
    issuer:
      connection: entra
      application: 11111111-2222-3333-4444-555555555555
      token_name: billing
      expires_in: 180 days
    stores:
      - {connection: azure-prod, secret: billing-client-secret}
    schedule: {every: 90 days, before_expiry: 30 days}
"""

PLUGIN: Final = IssuerPlugin(
    name="azure-app-secret",
    summary="Client secrets of an app registration in Microsoft Entra ID",
    config=AzureAppConfig,
    options=AzureAppOptions,
    traits=lambda _config, _options: TRAITS,
    open=_open,
    needs=("azure.identity",),
    credentials=tuple(
        Credential(credential.name, f"{credential.what} (auth method {name})", required=False)
        for name, method in METHODS.items()
        for credential in method.credentials
    ),
    permissions=(
        "Microsoft Graph, application permission Application.ReadWrite.OwnedBy",
        "our identity's service principal is an owner of each app registration",
    ),
    example=_EXAMPLE,
    tested="fakes of Graph and Entra ID, through azure-identity 1.27.0; never a real tenant",
)
