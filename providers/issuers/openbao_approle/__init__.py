"""The issuer ``openbao-approle-secret-id``."""

from providers.issuers.openbao_approle.plugin import PLUGIN

__all__ = ["PLUGIN"]
