"""The store ``github-actions``: secrets of repositories, environments and organisations on GitHub."""

from providers.stores.github_actions.plugin import PLUGIN

__all__ = ["PLUGIN"]
