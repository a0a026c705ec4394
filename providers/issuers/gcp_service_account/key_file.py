"""A service account's key file: how it is written as one value, and what of it is used. Pure.

Of what a file says we use the account, the key's id and the private key. Its addresses (``token_uri`` and the rest)
are not followed: whoever can write a destination could have us prove who we are to somebody else.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from rotator.domain.secret_value import SecretValue

_GARBAGE: Final = re.compile(r"[a-z0-9]{16,128}")


class Form(StrEnum):
    """How the file is written that consumers read."""

    JSON = "json"
    """The file's JSON, in one line."""
    BASE64 = "base64"
    """The same in base64, for places that do not take quotes and backslashes well."""


@dataclass(frozen=True)
class ServiceAccountKey:
    """What signs for a service account."""

    account: str
    id: str
    private_key: SecretValue = field(repr=False)
    """In PEM."""


def written(document: dict[str, Any], form: Form) -> SecretValue:
    """Give a key file as one value, with everything that Google put into it."""
    text = json.dumps(document)
    return SecretValue(text if form is Form.JSON else base64.b64encode(text.encode()).decode())


def read(value: SecretValue) -> ServiceAccountKey | None:
    """Find the key in a value, JSON or base64 of it; None when there is none."""
    text = value.reveal()
    document = _document(text) or _document(_decoded(text))
    if document is None or document.get("type") != "service_account":
        return None
    parts = [document.get(name) for name in ("client_email", "private_key_id", "private_key")]
    account, key_id, private_key = (part if isinstance(part, str) else "" for part in parts)
    return ServiceAccountKey(account, key_id, SecretValue(private_key)) if account and key_id and private_key else None


def throwaway(value: SecretValue, account: str) -> ServiceAccountKey | None:
    """Take a lone word for the id of a key that Google cannot know, with a private key made up on the spot.

    So ``check --online`` hears Google itself refuse garbage, in the words that it has for a deleted key. None for
    anything but a word of small letters and digits: it may be a part of something real.
    """
    if not _GARBAGE.fullmatch(value.reveal()):
        return None
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ServiceAccountKey(account, value.reveal(), SecretValue(pem.decode()))


def _document(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _decoded(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
