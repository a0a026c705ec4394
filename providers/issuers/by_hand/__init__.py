"""The ``AssistedIssuer`` profiles: services whose tokens people make and delete on the service's own pages."""

from providers.issuers.by_hand.plugin import PROFILE_READER

__all__ = ["PROFILE_READER"]
