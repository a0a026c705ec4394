"""Somebody else at a place, and what a store's tests do there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from uuid import uuid4

import pytest

from rotator.domain.contracts import Place, Store, Stored
from rotator.domain.errors import RotatorError
from rotator.domain.model import Version
from rotator.domain.secret_value import SecretValue


class Outside(Protocol):
    """Somebody else at the same place."""

    def put(self, value: str) -> None:
        """Set our field as another person would; consumers see it at once."""
        ...

    def field(self) -> str | None:
        """Read our field as a consumer does."""
        ...

    def siblings(self) -> object:
        """Give everything at the place but our field, in order. Equal before and after: untouched."""
        ...

    def footprint(self) -> object:
        """Give something that differs whenever anything at all was written to the place."""
        ...


class StagingOutside(Outside, Protocol):
    def stage(self, value: str) -> None:
        """Leave a pending version behind, as another rotation would."""
        ...


def fresh() -> SecretValue:
    """Make a value that was never used before."""
    return SecretValue(f"tok_{uuid4().hex}")


def publish(store: Store[Any], place: Place, value: SecretValue, key: str = "rotation-1") -> Version:
    """Write and promote against what is there now, as the engine does."""
    expected = version_of(store.current(place))
    version = store.write(place, value, expected, key)
    store.promote(place, version, expected)
    return version


def version_of(stored: Stored | None) -> Version | None:
    return stored.version if stored else None


def held(stored: Stored | None) -> str | None:
    """Give what a look at the store brought back, bare, for comparing."""
    return stored.value.reveal() if stored and stored.value else None


def refusal_of(call: Callable[[], object]) -> RotatorError:
    """Give the error that a call ends in. It fails when the call is not refused."""
    with pytest.raises(RotatorError) as caught:
        call()
    return caught.value
