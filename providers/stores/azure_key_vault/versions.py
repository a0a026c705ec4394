"""What a new version of a secret is made of: our value in the text that was there, and the attributes it takes over.

Key Vault inherits nothing from one version to the next: tags, content type and dates are what the call says. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from providers.json_field import Unsuitable, field_of, with_field
from providers.stores.azure_key_vault.key_vault import Attributes, Held
from providers.stores.azure_key_vault.plugin import AzurePlace
from rotator.domain.contracts import Stored
from rotator.domain.errors import Permanent
from rotator.domain.secret_value import SecretValue

KEY_TAG: Final = "rotator-key"
"""The tag that says which write made a version."""

_MOST_TAGS: Final = 15
_LONGEST_TAG: Final = 256
_LARGEST: Final = 25 * 1024
"""Limits from Key Vault's documentation ("25k bytes", read generously: the service has the last word)."""


def mark_of(place: AzurePlace, key: str) -> str:
    """Give what ``KEY_TAG`` holds of a write: the key, and the field, as one rotation may write several of a secret."""
    mark = key if place.field is None else f"{key}#{place.field}"
    is_plain = mark.isascii() and mark.isprintable() and len(mark) <= _LONGEST_TAG
    return mark if is_plain else hashlib.sha256(mark.encode()).hexdigest()


def stored(place: AzurePlace, held: Held) -> Stored:
    """Give our value in a version; None where our field is not there yet, or empty."""
    try:
        text = held.text if place.field is None else field_of(held.text, place.field)
    except Unsuitable as reason:
        raise _unsuitable(place, reason) from reason
    about = {"created_at": held.created_on.isoformat()} if held.created_on else {}
    return Stored(SecretValue(text) if text else None, held.version, about)


def stored_then(place: AzurePlace, held: Held) -> Stored | None:
    """Give our value in an earlier version; None where that was of another shape, without a place for our field."""
    try:
        return stored(place, held)
    except Permanent:
        return None


def text_with(place: AzurePlace, value: SecretValue, over: Held | None) -> str:
    """Give the whole text with our value in it. Permanent where there is no place for it."""
    try:
        text = (
            value.reveal()
            if place.field is None
            else with_field(over.text if over else None, place.field, value.reveal())
        )
    except Unsuitable as reason:
        raise _unsuitable(place, reason) from reason
    if len(text.encode()) > _LARGEST:
        raise Permanent(f"The secret `{place.secret}` would grow beyond the 25 KB that Key Vault allows.")
    return text


def attributes_for(place: AzurePlace, over: Held | None, mark: str, now: datetime) -> Attributes:
    """Give the attributes of the version that follows ``over``: its own, with our tag, and an expiry of its own."""
    before = over.attributes if over else Attributes()
    return Attributes(
        tags=_tags(place, before.tags, mark),
        content_type=before.content_type,
        not_before=before.not_before,
        expires_on=_expiry(place, over, now),
    )


def refuse_unsuitable(place: AzurePlace, over: Held) -> None:
    """Raise what would make a write over this version fail, without having a value yet."""
    if over.managed:
        raise Permanent(
            f"The secret `{place.secret}` belongs to a certificate of Key Vault's, which alone writes it.",
            remedy="Choose another secret.",
        )
    _tags(place, over.attributes.tags, "")
    stored(place, over)


def _tags(place: AzurePlace, before: Mapping[str, str], mark: str) -> Mapping[str, str]:
    tags = {**before, KEY_TAG: mark}
    if len(tags) > _MOST_TAGS:
        raise Permanent(
            f"The secret `{place.secret}` has {len(before)} tags, and Key Vault allows {_MOST_TAGS}; we need one, "
            f"`{KEY_TAG}`, to find our own version again.",
            remedy="Take a tag off its newest version.",
        )
    return tags


def _expiry(place: AzurePlace, over: Held | None, now: datetime) -> datetime | None:
    if place.expires_in == "never":
        return None
    if place.expires_in is not None:
        return place.expires_in.after(now)
    expires_on, created_on = (over.attributes.expires_on, over.created_on) if over else (None, None)
    if expires_on is None or created_on is None or expires_on <= created_on:
        return None
    return now + (expires_on - created_on)


def _unsuitable(place: AzurePlace, reason: Unsuitable) -> Permanent:
    return Permanent(
        f"The secret `{place.secret}` has no place for the field `{place.field}`: {reason}.",
        remedy="Leave `field` out to use the whole value, or make the secret a JSON object.",
    )
