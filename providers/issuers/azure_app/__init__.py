"""The issuer ``azure-app-secret``."""

from providers.issuers.azure_app.plugin import PLUGIN

__all__ = ["PLUGIN"]
