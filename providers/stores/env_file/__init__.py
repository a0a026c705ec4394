"""The store ``env-file``."""

from providers.stores.env_file.store import PLUGIN

__all__ = ["PLUGIN"]
