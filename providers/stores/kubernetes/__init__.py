"""The store ``kubernetes``: one key of a Secret."""

from providers.stores.kubernetes.plugin import PLUGIN

__all__ = ["PLUGIN"]
