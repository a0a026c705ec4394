"""The store ``vercel``: one environment variable of a project."""

from providers.stores.vercel.plugin import PLUGIN

__all__ = ["PLUGIN"]
