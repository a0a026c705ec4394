"""The issuer ``gcp-service-account-key``."""

from providers.issuers.gcp_service_account.plugin import PLUGIN

__all__ = ["PLUGIN"]
