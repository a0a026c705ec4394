"""The store ``aws-secrets-manager``."""

from providers.stores.aws_secrets_manager.plugin import PLUGIN

__all__ = ["PLUGIN"]
