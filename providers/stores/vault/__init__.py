"""The store ``vault``: HashiCorp Vault and OpenBao, KV v2 and v1."""

from providers.stores.vault.plugin import PLUGIN

__all__ = ["PLUGIN"]
