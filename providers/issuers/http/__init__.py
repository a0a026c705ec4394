"""The issuer ``http``: any HTTP API, described in YAML, without code."""

from providers.issuers.http.plugin import PROFILE_READER

__all__ = ["PROFILE_READER"]
