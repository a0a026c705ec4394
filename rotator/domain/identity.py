"""Whether a token that an issuer lists is one that we know: its handle may have been given to another one since."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from rotator.domain.contracts import TokenInfo
from rotator.domain.model import Token

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far an issuer's clock may be from ours and its creation times still be believed."""


def means(info: TokenInfo, token: Token) -> bool:
    """Tell whether the list means this token: its handle, with the name or else the time of creation that we know."""
    if info.handle != token.handle:
        return False
    if info.name is not None and token.name is not None:
        return info.name == token.name
    if info.created_at is not None and token.created_at is not None:
        return abs(info.created_at - token.created_at) <= CLOCK_SKEW
    return True
