"""The issuer ``postgresql-login``."""

from providers.issuers.postgresql_login.plugin import PLUGIN

__all__ = ["PLUGIN"]
