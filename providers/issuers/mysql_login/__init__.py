"""The issuer ``mysql-login``."""

from providers.issuers.mysql_login.plugin import PLUGIN

__all__ = ["PLUGIN"]
