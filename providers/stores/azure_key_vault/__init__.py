"""The store ``azure-key-vault``: secrets in Azure Key Vault."""

from providers.stores.azure_key_vault.plugin import PLUGIN

__all__ = ["PLUGIN"]
