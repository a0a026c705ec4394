"""The plug-in ``aws-iam-access-key``: what a connection and a policy say, and what Rotator shows of it."""

from __future__ import annotations

from typing import Final

from pydantic import Field, field_validator

from providers.aws.client import CREDENTIALS, AwsConfig
from providers.issuers.aws_iam.calls import Calls
from providers.issuers.aws_iam.forms import Form
from providers.issuers.aws_iam.issuer import TRAITS, AccessKeyIssuer
from rotator.domain.contracts import Access, IssuerPlugin, Options
from rotator.domain.durations import Duration


class AccessKeyConfig(AwsConfig):
    """``region`` says which partition IAM is asked in, and which STS. ``url`` is for IAM and STS alike."""

    propagation: Duration = Duration.parse("15s")
    """How old a new key must be before consumers get it."""

    @field_validator("propagation")
    @classmethod
    def _is_shorter_than_the_patience(cls, propagation: Duration) -> Duration:
        if propagation.roughly >= TRAITS.issue_propagation:
            raise ValueError("a new key is waited for no longer than a minute; write for example '15s'")
        return propagation


class AccessKeyOptions(Options):
    user: str = Field(pattern=r"^[\w+=,.@-]{1,128}$")
    """The IAM user whose keys these are: its name, without a path."""
    format: Form = Form.JSON
    """How the pair is written as one value."""


def _open(config: AccessKeyConfig, options: AccessKeyOptions, access: Access) -> AccessKeyIssuer:
    calls = Calls(config, options.user, access)
    return AccessKeyIssuer(calls, options.user, options.format, config.propagation.roughly, access.clock)


_EXAMPLE: Final = """\
connections:
  aws-keys: {provider: aws-iam-access-key, region: eu-west-1}
  aws-prod: {provider: aws-secrets-manager, region: eu-west-1}

policies:
  - name: reports-uploader
    issuer: {connection: aws-keys, user: reports-uploader}
    stores:
      - {connection: aws-prod, secret: prod/reports-uploader}
    schedule: {every: 90 days}
    overlap: {for: 24h, until_unused_for: 6h, at_most: 7 days}
"""

PLUGIN: Final = IssuerPlugin(
    name="aws-iam-access-key",
    summary="Access keys of an IAM user, as one value that holds id and secret.",
    config=AccessKeyConfig,
    options=AccessKeyOptions,
    traits=lambda _config, _options: TRAITS,
    open=_open,
    needs=("boto3",),
    credentials=CREDENTIALS,
    permissions=(
        "iam:CreateAccessKey on the user",
        "iam:ListAccessKeys on the user",
        "iam:GetAccessKeyLastUsed on the user",
        "iam:UpdateAccessKey on the user",
        "iam:DeleteAccessKey on the user",
    ),
    example=_EXAMPLE,
    tested="moto 5.2.5 with IAM's checks on, through boto3 1.44.5, and a fake where moto differs; never a real account",
)
