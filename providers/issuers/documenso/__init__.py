"""The issuer ``documenso``: API tokens of a Documenso team."""

from providers.issuers.documenso.plugin import PLUGIN

__all__ = ["PLUGIN"]
