"""The plug-in ``aws-secrets-manager``: what a policy may say of it. The work is done in ``store``."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from providers.aws.client import CREDENTIALS, AwsConfig
from rotator.domain.contracts import Access, Place, Store, StorePlugin, Where


class AwsPlace(Place):
    secret: str = Field(min_length=1, max_length=2048)
    """Its name or ARN."""
    field: str | None = None
    """One field of the JSON object that the secret holds. Unset: the whole string."""
    create: bool = False
    kms_key: str | None = None
    """The key to create it with; unset: the account's aws/secretsmanager."""


def _open(config: AwsConfig, access: Access) -> Store[AwsPlace]:
    from providers.stores.aws_secrets_manager.store import SecretsManagerStore

    return SecretsManagerStore(config, access)


def _where(config: AwsConfig, place: AwsPlace) -> Where:
    """One field of one secret of one account; and which account that is, only the identity tells."""
    identity = config.credentials, config.profile, config.role_arn
    return Where([config.region, config.url, identity, place.secret], place.field)


_EXAMPLE: Final = """\
connections:
  sandbox: {provider: sandbox, url: "http://127.0.0.1:8931", credentials: {admin: "env:SANDBOX_ADMIN"}}
  aws-prod: {provider: aws-secrets-manager, region: eu-west-1}

policies:
  - name: documenso-production
    issuer: {connection: sandbox, token_name: production-api}
    stores:
      - {connection: aws-prod, secret: prod/documenso, field: token}
    schedule: {every: 90 days}
"""

PLUGIN: Final = StorePlugin(
    name="aws-secrets-manager",
    summary="A secret in AWS Secrets Manager: its whole string, or one field of its JSON object.",
    config=AwsConfig,
    place=AwsPlace,
    open=_open,
    where=_where,
    needs=("boto3",),
    credentials=CREDENTIALS,
    permissions=(
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
        "secretsmanager:CreateSecret, only with `create: true`",
        "kms:Decrypt and kms:GenerateDataKey, only with a KMS key of your own",
    ),
    example=_EXAMPLE,
    tested="moto 5.2.5 through boto3 1.44.5, and a fake where moto differs from AWS; never a real account",
)
