"""How an access key is written down as one value. It is a pair, and half of it is of no use to anybody.

We write two forms that AWS's own SDKs read: what a ``credential_process`` prints, and a shared credentials file. We
read any form in which people keep the pair, because the first key of a user was put where it is by hand. Pure.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from providers.named_texts import named_texts
from rotator.domain.secret_value import SecretValue

_KEY_ID: Final = re.compile(r"[A-Za-z0-9_]{16,128}")
"""The AccessKeyId of the IAM API's model."""
_NO_HALF_OF_A_PAIR: Final = re.compile(r"[a-z0-9]{16,128}")
_SECRET: Final = re.compile(r"[\x21-\x7e]{16,}")
_PARTS: Final = ("accesskeyid", "secretaccesskey", "sessiontoken", "securitytoken")


class Form(StrEnum):
    """How the value is written that consumers read."""

    JSON = "json"
    """``{"Version": 1, "AccessKeyId": …, "SecretAccessKey": …}``, in one line."""
    CREDENTIALS_FILE = "credentials-file"
    """The text of an AWS credentials file, with the profile ``default``."""


@dataclass(frozen=True)
class AccessKey:
    """The pair."""

    id: str
    secret: SecretValue


def written(key: AccessKey, form: Form) -> SecretValue:
    """Give the pair as one value."""
    if form is Form.CREDENTIALS_FILE:
        names = f"[default]\naws_access_key_id = {key.id}\naws_secret_access_key = "
        return SecretValue(f"{names}{key.secret.reveal()}\n")
    return SecretValue(json.dumps({"Version": 1, "AccessKeyId": key.id, "SecretAccessKey": key.secret.reveal()}))


def read(value: SecretValue) -> AccessKey | None:
    """Find the one pair in a value: JSON, a credentials file, or environment variables; None when there is none.

    Temporary credentials (with a session token) are no access key, and of two pairs nobody knows which is meant.
    """
    found: dict[str, str] = {}
    for name, text in named_texts(value.reveal()):
        part = re.sub(r"[^a-z]", "", name.lower()).removeprefix("aws")
        if part in _PARTS and found.setdefault(part, text) != text:
            return None
    key_id, secret, *temporary = (found.get(part, "") for part in _PARTS)
    if not _KEY_ID.fullmatch(key_id) or not _SECRET.fullmatch(secret) or any(temporary):
        return None
    return AccessKey(key_id, SecretValue(secret))


def word(value: SecretValue) -> AccessKey | None:
    """Take a lone word for a key, so that AWS can be asked about it: ``check --online`` must hear AWS refuse garbage.

    None for a word with capitals: it may be the secret half of a real pair, which must not be sent in place of an id.
    """
    if not _NO_HALF_OF_A_PAIR.fullmatch(value.reveal()):
        return None
    return AccessKey(value.reveal(), value)
