"""The store ``jenkins``: credentials that Jenkins keeps for its builds."""

from providers.stores.jenkins.plugin import PLUGIN

__all__ = ["PLUGIN"]
