"""The sealed box in which a value travels: only the scope's own private key, which GitHub keeps, opens it.

A box that was sealed for another scope's key may be taken and stored as garbage (cli/cli#3831), so the key is fetched
for the very place, just before each write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rotator.domain.errors import Permanent
from rotator.domain.secret_value import SecretValue

LARGEST_VALUE: Final = 48 * 1024
"""In bytes. GitHub's docs say 48 KB."""


@dataclass(frozen=True)
class ScopeKey:
    """A scope's public key, as GitHub gives it: an id, and 32 bytes in base64."""

    id: str
    text: str


def seal(value: SecretValue, key: ScopeKey, what: str) -> str:
    """Give the box in base64. Permanent where the value, or the key, is none that GitHub knows."""
    from nacl.encoding import Base64Encoder
    from nacl.exceptions import CryptoError
    from nacl.public import PublicKey, SealedBox

    try:
        box = SealedBox(PublicKey(key.text.encode(), Base64Encoder))
    except (CryptoError, ValueError) as error:
        raise Permanent(f"GitHub gave something for the {what} that is no public key.") from error
    try:
        return str(box.encrypt(value.reveal().encode(), Base64Encoder).decode())
    except UnicodeEncodeError:
        raise Permanent(f"The value for the {what} is no text that can be encoded.") from None  # the cause holds it


def refuse_too_large(value: SecretValue, what: str) -> None:
    """Refuse before anything is sent what GitHub would refuse."""
    size = len(value.reveal().encode(errors="surrogatepass"))
    if size > LARGEST_VALUE:
        raise Permanent(f"The value for the {what} has {size} bytes, and GitHub takes {LARGEST_VALUE}.")
