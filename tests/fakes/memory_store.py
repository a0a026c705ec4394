"""A store in memory that passes the store contract, and whose truth a test can look at.

By its traits it is a Vault KV (versions, compare-and-set), an AWS Secrets Manager (staging), an env file (no versions),
a Heroku or Vercel (write-only, no compare-and-set, seen after a release).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NoReturn

from rotator.domain.contracts import Place, Stored, StoreTraits
from rotator.domain.errors import Conflict, NeedsOperator, Permanent
from rotator.domain.model import Version
from rotator.domain.secret_value import SecretValue
from tests.fakes.scripted import Script


class MemoryPlace(Place):
    name: str
    create: bool = True


@dataclass(frozen=True)
class Edition:
    """One version of a document: our field, and other people's fields."""

    version: Version
    value: str | None
    siblings: tuple[tuple[str, str], ...] = ()
    key: str | None = None
    based_on: Version | None = None
    restored_from: Version | None = None


@dataclass
class Document:
    """What stands at one place."""

    current: Edition
    pending: Edition | None = None
    history: list[Edition] = field(default_factory=list)
    seen: Edition | None = None
    """What consumers see, where they see a change only after a restart."""


class MemoryStore:
    """Implements ``rotator.domain.contracts.Store``."""

    def __init__(self, traits: StoreTraits | None = None, *, script: Script | None = None) -> None:
        self.kind = traits or StoreTraits()
        self.script = script or Script("store")
        self._documents: dict[str, Document] = {}
        self._numbers = itertools.count(1)

    def traits(self, _place: MemoryPlace) -> StoreTraits:
        return self.kind

    # --- what it promises ---

    def current(self, place: MemoryPlace) -> Stored | None:
        return self.script.run("current", lambda: self._current(place), at=place.name)

    def preflight(self, place: MemoryPlace) -> Stored | None:
        return self.script.run("preflight", lambda: self._preflight(place), at=place.name)

    def write(self, place: MemoryPlace, value: SecretValue, expected: Version | None, key: str) -> Version:
        return self.script.run("write", lambda: self._write(place, value, expected, key), at=place.name)

    def promote(self, place: MemoryPlace, version: Version, expected: Version | None) -> None:
        if self.kind.stages:
            self.script.run("promote", lambda: self._promote(place, version, expected), at=place.name)

    def read(self, place: MemoryPlace, version: Version) -> Stored | None:
        return self.script.run("read", lambda: self._read(place, version), at=place.name)

    def written(self, place: MemoryPlace, key: str) -> Stored | None:
        return self.script.run("written", lambda: self._written(place, key), at=place.name)

    def restore(self, place: MemoryPlace, version: Version, expected: Version | None) -> Version:
        return self.script.run("restore", lambda: self._restore(place, version, expected), at=place.name)

    def discard(self, place: MemoryPlace, key: str) -> None:
        self.script.run("discard", lambda: self._discard(place, key), at=place.name)

    def settle(self, place: MemoryPlace, version: Version) -> None:
        self.script.run("settle", lambda: self._settle(place, version), at=place.name)

    def put_away(self, place: MemoryPlace, is_dead: Callable[[Stored], bool]) -> None:
        self.script.run("put_away", lambda: self._put_away(place, is_dead), at=place.name)

    # --- the truth ---

    def holds(self, name: str) -> str | None:
        """Give the bare value that stands there."""
        document = self._documents.get(name)
        return document.current.value if document is not None else None

    def consumers_read(self, name: str) -> str | None:
        """Give the bare value that consumers work with."""
        document = self._documents.get(name)
        if document is None or not self.kind.settles:
            return self.holds(name)
        return document.seen.value if document.seen is not None else None

    def version(self, name: str) -> Version | None:
        document = self._documents.get(name)
        return document.current.version if document is not None else None

    def siblings(self, name: str) -> tuple[tuple[str, str], ...]:
        return self._documents[name].current.siblings

    def pending(self, name: str) -> Edition | None:
        document = self._documents.get(name)
        return document.pending if document is not None else None

    # --- others ---

    def put_by_hand(self, name: str, value: str) -> None:
        """Set our field as a person would; consumers see it at once."""
        siblings = self.siblings(name) if name in self._documents else (("host", "example.org"),)
        self._show(name, Edition(self._next(), value, siblings))
        self._documents[name].seen = self._documents[name].current

    def change_a_sibling(self, name: str, sibling: str, text: str) -> None:
        current = self._documents[name].current
        siblings = dict(current.siblings) | {sibling: text}
        self._show(name, replace(current, version=self._next(), siblings=tuple(siblings.items()), key=None))

    def stage_by_hand(self, name: str, value: str) -> None:
        document = self._documents[name]
        document.pending = Edition(self._next(), value, document.current.siblings, "theirs")
        document.history.append(document.pending)

    # --- how it works ---

    def _next(self) -> Version:
        return Version(f"v{next(self._numbers)}")

    def _show(self, name: str, edition: Edition) -> Version:
        document = self._documents.get(name)
        if document is None:
            self._documents[name] = Document(edition, history=[edition])
            return edition.version
        document.current = edition
        if edition not in document.history:
            document.history.append(edition)
        return edition.version

    def _told(self, edition: Edition) -> Stored:
        value = SecretValue(edition.value) if self.kind.readable and edition.value else None
        return Stored(value, edition.version)

    def _current(self, place: MemoryPlace) -> Stored | None:
        document = self._documents.get(place.name)
        return self._told(document.current) if document is not None else None

    def _preflight(self, place: MemoryPlace) -> Stored | None:
        document = self._documents.get(place.name)
        if document is None and not place.create:
            _missing(place)
        if document is not None and document.pending is not None:
            raise NeedsOperator(f"{place.name} has a pending version that is not ours.")
        return self._current(place)

    def _write(self, place: MemoryPlace, value: SecretValue, expected: Version | None, key: str) -> Version:
        document = self._documents.get(place.name)
        if document is None:
            return self._create(place, value, expected, key)
        if value.reveal() == document.current.value:
            return document.current.version
        pending = document.pending
        if pending is not None and pending.key != key:
            raise NeedsOperator(f"{place.name} has a pending version that is not ours.")
        if pending is not None and pending.based_on == document.current.version == expected:
            return pending.version
        if self.kind.compares_and_sets and document.current.version != expected:
            raise Conflict(f"{place.name} is at another version than {expected}.")
        edition = Edition(
            self._next(), value.reveal(), document.current.siblings, key, based_on=document.current.version
        )
        if not self.kind.stages:
            return self._show(place.name, edition)
        document.pending = edition
        document.history.append(edition)
        return edition.version

    def _create(self, place: MemoryPlace, value: SecretValue, expected: Version | None, key: str) -> Version:
        if not place.create:
            _missing(place)
        if expected is not None and self.kind.compares_and_sets:
            raise Conflict(f"{place.name} is gone.")
        return self._show(place.name, Edition(self._next(), value.reveal(), (), key))

    def _put_away(self, place: MemoryPlace, is_dead: Callable[[Stored], bool]) -> None:
        document = self._documents[place.name]
        document.history = [
            edition for edition in document.history if edition is document.current or not is_dead(self._told(edition))
        ]

    def _promote(self, place: MemoryPlace, version: Version, expected: Version | None) -> None:
        document = self._documents[place.name]
        if document.current.version == version:
            return
        if document.current.version != expected:
            raise Conflict(f"{place.name} is at another version than {expected}.")
        if document.pending is None or document.pending.version != version:
            raise Permanent(f"{place.name} has no staged version {version}.")
        document.current, document.pending = document.pending, None

    def _read(self, place: MemoryPlace, version: Version) -> Stored | None:
        document = self._documents.get(place.name)
        if document is None:
            return None
        kept = document.history if self.kind.versioned else [document.current]
        return next((self._told(edition) for edition in kept if edition.version == version), None)

    def _written(self, place: MemoryPlace, key: str) -> Stored | None:
        document = self._documents.get(place.name)
        if document is not None and document.pending is not None and document.pending.key == key:
            return self._told(document.pending)
        return self._current(place)

    def _restore(self, place: MemoryPlace, version: Version, expected: Version | None) -> Version:
        if not self.kind.versioned:
            raise Permanent(f"{place.name} keeps no earlier versions.")
        document = self._documents[place.name]
        if document.current.restored_from == version:
            return document.current.version
        if document.current.version != expected:
            raise Conflict(f"{place.name} is at another version than {expected}.")
        earlier = next((edition for edition in document.history if edition.version == version), None)
        if earlier is None:
            raise Permanent(f"{place.name} has no version {version}.")
        return self._show(
            place.name, Edition(self._next(), earlier.value, document.current.siblings, restored_from=version)
        )

    def _discard(self, place: MemoryPlace, key: str) -> None:
        document = self._documents.get(place.name)
        if document is not None and document.pending is not None and document.pending.key == key:
            document.pending = None

    def _settle(self, place: MemoryPlace, version: Version) -> None:
        document = self._documents[place.name]
        document.seen = document.current


def _missing(place: MemoryPlace) -> NoReturn:
    raise Permanent(f"{place.name} does not exist, and is not ours to create.", remedy="Create it first.")
