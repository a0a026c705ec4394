"""The wrapper that a token's value lives in from the moment it exists, and the last guard against its leaking.

``grep reveal`` is the security review: a value is revealed on the line that sends it, and nowhere else.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import weakref
from typing import Final, NoReturn
from urllib.parse import quote

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
        _living[weakref.ref(self, _living.pop)] = None

    def reveal(self) -> str:
        """Give the value itself. Only on the line that sends it."""
        return self.__value

    def same_as(self, other: SecretValue | None) -> bool:
        """Tell whether both hold the same value, in a time that does not depend on where they differ."""
        return other is not None and hmac.compare_digest(_bytes(self.reveal()), _bytes(other.reveal()))

    def fits(self, pattern: str) -> bool:
        """Tell whether the whole value matches a regular expression."""
        return re.fullmatch(pattern, self.__value) is not None

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

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret value does not give its state away")


_living: dict[weakref.ref[SecretValue], frozenset[str] | None] = {}
"""Every value that is alive, with its shapes once they were looked for. They end with the value.

Without a lock, for a signal handler or a finalizer may log, and so redact, in the middle of it: each use is one step of
the interpreter's.
"""


def redact(text: str) -> str:
    """Replace every value that is alive in this process by a mask: the last guard before text leaves it.

    Also where a value stands escaped, as JSON, ``repr``, URLs and base64 show it. Every event and every line of the
    log comes by here, and a daemon may hold thousands of values: so hardly anything is done for each.
    """
    living = [_looked_for(alive) if forms is None else forms for alive, forms in _living.copy().items()]
    found = {form for forms in living for form in forms if form in text}
    for form in sorted(found, key=len, reverse=True):  # a value may begin with another one: the longer goes first
        text = text.replace(form, MASK)
    return text


def _looked_for(alive: weakref.ref[SecretValue]) -> frozenset[str]:
    secret = alive()
    if secret is None:
        return frozenset()
    forms = _living[alive] = _forms(secret.reveal())
    return forms


def _forms(value: str) -> frozenset[str]:
    """Give the shapes in which a value is still readable to anybody who looks."""
    if len(value) < _MINIMUM_LENGTH_TO_REDACT:
        return frozenset()
    return frozenset(
        (
            value,
            json.dumps(value)[1:-1],
            json.dumps(value, ensure_ascii=False)[1:-1],
            repr(value)[1:-1],
            quote(_bytes(value), safe=""),
            base64.b64encode(_bytes(value)).decode(),
        )
    )


def _bytes(value: str) -> bytes:
    """Encode even what UTF-8 has no bytes for: the error would carry the whole value."""
    return value.encode(errors="surrogatepass")
