"""The name a new token gets at its issuer: the user's name plus a short mark, fitted to the issuer's rules.

The mark is how a token is found whose creation was never answered, so it survives every shortening.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from rotator.domain.contracts import NameRules
from rotator.domain.terms import RotationId, TokenName

_MARK_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"

ADOPTED: Final = "adopted-"
"""What the ledger's own id of a token begins with that we did not ask for."""

MARK_LENGTH: Final = 7
"""35 bits: two tokens of one account share a mark once in some ten million rotations."""


def mark_of(rotation: RotationId, attempt: int) -> str:
    """Give the mark of the ``attempt``-th token that a rotation asks for: letters and digits, lower case."""
    digest = hashlib.sha256(f"{rotation}/{attempt}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:MARK_LENGTH]


def token_name(wanted: str, mark: str, rules: NameRules) -> TokenName:
    """Give ``wanted`` and the mark as one name that the issuer accepts, cutting ``wanted`` where it must.

    Expects that ``why_unfit(wanted, rules)`` found nothing.
    """
    room = max(rules.max_length - len(rules.separator) - len(mark), 0)
    stem = wanted[:room].rstrip(rules.separator + " ")
    return TokenName(f"{stem}{rules.separator}{mark}" if stem else mark)


def why_unfit(wanted: str, rules: NameRules) -> str | None:
    """Say why no name made of ``wanted`` would be accepted, or None."""
    if rules.max_length < MARK_LENGTH:
        return f"the issuer allows {rules.max_length} characters: too few for a mark to find a lost token by"
    longest = token_name(wanted, "a" * MARK_LENGTH, rules)
    if len(longest) < rules.min_length:
        return f"the issuer wants at least {rules.min_length} characters"
    pattern = re.compile(rules.pattern) if rules.pattern is not None else None
    forbid = re.compile(rules.forbid) if rules.forbid is not None else None
    for letter in _MARK_ALPHABET if pattern or forbid else "":
        example = longest[:-MARK_LENGTH] + letter * MARK_LENGTH
        if pattern and not pattern.fullmatch(example):
            return f"the issuer only accepts names that match {rules.pattern}, and {example!r} does not"
        if forbid and forbid.search(example):
            return f"the issuer refuses names that contain {rules.forbid}, as {example!r} would"
    return None
