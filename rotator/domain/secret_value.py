"""The wrapper that a token's value lives in from the moment it exists, and the last guard against its leaking.

``grep reveal`` is the security review: a value is revealed on the line that sends it, and nowhere else.
"""

from __future__ import annotations

import hmac
import threading
import weakref
from typing import Final, NoReturn

MASK: Final = "•••"

_MINIMUM_LENGTH_TO_REDACT: Final = 6
"""A shorter text than this is not a token; redacting it would tear ordinary words apart."""


class SecretValue:
    """A token's value. ``str``, ``repr``, ``json``, ``pickle``, ``copy`` and comparison show or give nothing."""

    __slots__ = ("__value", "__weakref__")

    def __init__(self, value: str) -> None:
        if not value:
            raise ValueError("a secret value cannot be empty")
        self.__value = value
        with _living_lock:
            _living.add(self)

    def reveal(self) -> str:
        """Give the value itself. Only on the line that sends it."""
        return self.__value

    def same_as(self, other: SecretValue | None) -> bool:
        """Tell whether both hold the same value, in a time that does not depend on where they differ."""
        return other is not None and hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    def __repr__(self) -> str:
        return f"SecretValue({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, _spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret value is neither pickled nor copied")


_living: weakref.WeakSet[SecretValue] = weakref.WeakSet()
_living_lock = threading.Lock()


def redact(text: str) -> str:
    """Replace every value that is alive in this process by a mask: the last guard before text leaves it."""
    with _living_lock:
        living = list(_living)
    for secret in living:
        value = secret.reveal()
        if len(value) >= _MINIMUM_LENGTH_TO_REDACT and value in text:
            text = text.replace(value, MASK)
    return text
