"""The plug-in ``gcp-service-account-key``: what a connection and a policy say, and what Rotator shows of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from providers.http.config import HttpConfig, problem_with
from providers.issuers.gcp_service_account.key_file import Form
from rotator.domain.contracts import Access, Credential, ExpiryRules, Issuer, IssuerPlugin, IssuerTraits, Options
from rotator.domain.durations import Duration

TRAITS: Final = IssuerTraits(
    max_active=10,
    names_tokens=False,
    binds_value_to_handle=True,
    expiry=ExpiryRules(maximum=Duration()),
    # "After you create a key, you might need to wait for 60 seconds or more before you use the key" (Google's guide).
    issue_propagation=timedelta(minutes=3),
    revoke_propagation=timedelta(minutes=5),
)


class GcpKeyConfig(HttpConfig):
    """A connection to Google's IAM API."""

    url: str = "https://iam.googleapis.com"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
    """Where keys are exchanged for access tokens. What a key itself says of this is never followed."""
    auth: Literal["key", "metadata"]
    """Who asks: the service account of a key, or the one that the machine has (GKE, Compute Engine, Cloud Run)."""
    metadata_url: str = "http://metadata.google.internal"
    propagation: Duration = Duration.parse("60s")
    """How old a new key must be before consumers get it."""

    @field_validator("token_url", "metadata_url")
    @classmethod
    def _is_an_address_too(cls, url: str, info: ValidationInfo) -> str:
        is_local = info.field_name == "metadata_url"  # link-local, and what it gives is no credential of ours yet
        problem = problem_with(url, allow_plain_http=is_local or bool(info.data.get("allow_plain_http")))
        if problem:
            raise ValueError(problem)
        return url.rstrip("/")

    @field_validator("propagation")
    @classmethod
    def _is_shorter_than_the_patience(cls, propagation: Duration) -> Duration:
        if propagation.roughly >= TRAITS.issue_propagation:
            raise ValueError("a new key is waited for no longer than 3 minutes; write for example '60s'")
        return propagation

    @model_validator(mode="after")
    def _has_its_credentials(self) -> Self:
        wanted = {"service_account_key"} if self.auth == "key" else set()
        if set(self.credentials) != wanted:
            takes = "needs a reference `service_account_key`" if wanted else "takes none"
            raise ValueError(f"with `auth: {self.auth}`, `credentials` {takes}")
        return self


class GcpKeyOptions(Options):
    service_account: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{2,62}@[a-z0-9][a-z0-9.-]{2,200}$")
    """The email of the service account whose keys these are."""
    format: Form = Form.JSON
    """How the key file is written as one value."""


def _open(config: Any, options: Any, access: Access) -> Issuer:
    from providers.issuers.gcp_service_account.iam import Iam
    from providers.issuers.gcp_service_account.issuer import ServiceAccountKeyIssuer
    from providers.issuers.gcp_service_account.token_endpoint import TokenEndpoint

    endpoint = access.shared("token-endpoint", lambda: TokenEndpoint(config, access))
    iam = access.shared("iam", lambda: Iam(config, access, endpoint))
    propagation = config.propagation.roughly
    return ServiceAccountKeyIssuer(iam, endpoint, options.service_account, options.format, propagation, access.clock)


_EXAMPLE: Final = """\
connections:
  gcp-keys:
    provider: gcp-service-account-key
    auth: metadata
  reports-host: {provider: env-file}

policies:
  - name: reports-gcp
    issuer: {connection: gcp-keys, service_account: reports@acme-prod.iam.gserviceaccount.com}
    stores:
      - {connection: reports-host, file: /srv/reports/.env, var: GCP_KEY}
    schedule: {every: 90 days}
    overlap: {for: 24h}
"""

PLUGIN: Final = IssuerPlugin(
    name="gcp-service-account-key",
    summary="Keys of a Google Cloud service account: the whole key file as one value",
    config=GcpKeyConfig,
    options=GcpKeyOptions,
    traits=lambda _config, _options: TRAITS,
    open=_open,
    needs=("cryptography",),
    credentials=(
        Credential("service_account_key", "a key file (JSON) of another service account; for `auth: key`", False),
    ),
    permissions=(
        "iam.serviceAccountKeys.create, .list and .delete on the service account (role Service Account Key Admin)",
    ),
    example=_EXAMPLE,
    tested="a fake of Google's IAM and token endpoint that checks signatures; never a real project",
)
