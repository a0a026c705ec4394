"""One-time codes of an authenticator app (TOTP, RFC 6238: SHA-1, six digits, 30 seconds), each given out once.

They are computed here: pyotp refuses keys below 112 bits since 2.12, and those that Documenso makes have 80 (source).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

from rotator.domain.clock import Clock
from rotator.domain.errors import NeedsOperator, Temporary
from rotator.domain.secret_value import SecretValue

_PERIOD: Final = timedelta(seconds=30)
_TOO_LATE: Final = timedelta(seconds=2)
"""Documenso takes a code in its own 30 seconds only (source): one that is on its way when they end is refused."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class OneTimeCodes:
    """Gives the code of now, and waits where that one was given before: many servers take each code only once.

    For one thread at a time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._given: int | None = None

    def next(self, secret: SecretValue) -> SecretValue:
        """Give a code. NeedsOperator when ``secret`` is no key; Temporary when the process is asked to stop."""
        key = _key(secret)
        while (period := self._usable_period()) is None:
            left = _PERIOD - (self._clock.now() - _EPOCH) % _PERIOD
            if not self._clock.wait(left):
                raise Temporary("The process was asked to stop while it waited for the next one-time code.")
        self._given = period
        return _code(key, period)

    def _usable_period(self) -> int | None:
        period, elapsed = divmod(self._clock.now() - _EPOCH, _PERIOD)
        return None if period == self._given or _PERIOD - elapsed < _TOO_LATE else period


def _key(secret: SecretValue) -> bytes:
    """Read a key as apps show it: base32, in any case, perhaps in groups, without its padding."""
    try:
        text = "".join(secret.reveal().split()).replace("-", "").rstrip("=").upper()
        key = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        # Raised here, not above: the cause would quote the key.
        raise NeedsOperator(
            "The credential `totp_secret` is not the key of an authenticator app.",
            remedy="Give the base32 text that is shown beside the QR code, not a code of six digits.",
        )
    return key


def _code(key: bytes, period: int) -> SecretValue:
    digest = hmac.digest(key, period.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return SecretValue(f"{number % 1_000_000:06d}")
