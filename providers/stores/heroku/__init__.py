"""The store ``heroku``: config vars of apps on Heroku."""

from providers.stores.heroku.plugin import PLUGIN

__all__ = ["PLUGIN"]
