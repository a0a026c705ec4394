"""The store ``aws-secrets-manager``."""

from providers.stores.aws_secrets_manager.store import PLUGIN

__all__ = ["PLUGIN"]
