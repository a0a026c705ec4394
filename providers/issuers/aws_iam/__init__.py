"""The issuer ``aws-iam-access-key``."""

from providers.issuers.aws_iam.plugin import PLUGIN

__all__ = ["PLUGIN"]
