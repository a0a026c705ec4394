"""One field of a document in Vault, as a store: read, changed alone, compared before it is set, put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from providers.stores.vault.kv import Document, KeyValue, Life, Overtaken, mounted
from providers.stores.vault.plugin import VaultPlace
from providers.stores.vault.session import VaultSession
from rotator.domain.contracts import Stored, StoreTraits
from rotator.domain.errors import Conflict, NeedsOperator, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

_ALWAYS_NEEDED: Final = frozenset({"read", "update"})
_NEEDED_TO_MAKE: Final = frozenset({"create"})
"""Only where there never was anything: over a deleted version a write is an update (measured on OpenBao 2.7.2)."""


class VaultStore:
    """Fulfils ``contracts.Store``.

    A write is in force at once: nothing stages, and nothing settles. No key is kept beside a value: a write that is
    repeated finds its value in place, and ``written`` gives what is current.
    """

    def __init__(self, session: VaultSession, default_mount: str) -> None:
        self._session = session
        self._default_mount = default_mount
        self._traits: dict[str, StoreTraits] = {}

    def traits(self, place: VaultPlace) -> StoreTraits:
        """Asks the server once for each mount; ``current``, ``write`` and their like ask anew every time."""
        known = self._traits.get(self._mount(place))
        return known or self._engine(place).traits

    def current(self, place: VaultPlace) -> Stored | None:
        return self._stored(place, self._engine(place).read(place.path))

    def preflight(self, place: VaultPlace) -> Stored | None:
        engine = self._engine(place)
        where = engine.acl_path(place.path)
        granted = self._session.capabilities(where)
        self._demand(_ALWAYS_NEEDED, granted, where)
        document = engine.read(place.path)
        self._refuse_unwritable(place, document)
        if document.life is Life.ABSENT:
            self._demand(_NEEDED_TO_MAKE, granted, where)
        if document.ends_at:
            self._session.warn(
                f"Vault deletes {self._named(place)} by itself at {document.ends_at} (`delete_version_after`), and "
                "consumers find nothing there from then on; write to it more often than that, or take it off"
            )
        return self._stored(place, document)

    def write(self, place: VaultPlace, value: SecretValue, expected: Version | None, key: str) -> Version:  # noqa: ARG002  # found again by its value, see above
        engine = self._engine(place)
        document = engine.read(place.path)
        return self._put(engine, place, value, document, expected)

    def promote(self, place: VaultPlace, version: Version, expected: Version | None) -> None:
        """Nothing to do: nothing stages."""

    def read(self, place: VaultPlace, version: Version) -> Stored | None:
        return self._stored(place, self._read(self._engine(place), place, version))

    def written(self, place: VaultPlace, key: str) -> Stored | None:  # noqa: ARG002  # cannot tell by key
        return self.current(place)

    def restore(self, place: VaultPlace, version: Version, expected: Version | None) -> Version:
        """Put our field back as it was in ``version``: changed, or gone. Other fields stay as they are now."""
        engine = self._engine(place)
        earlier = self._read(engine, place, version) if engine.traits.versioned else Document(Life.ABSENT)
        if not earlier.is_live:
            raise Permanent(
                f"Version {version} of {self._named(place)} is not to be had any more.",
                remedy="KV v1 keeps no earlier versions; KV v2 keeps ten, unless `max_versions` says otherwise.",
            )
        return self._put(engine, place, self._value(place, earlier), engine.read(place.path), expected)

    def discard(self, place: VaultPlace, key: str) -> None:
        """Nothing to do: nothing stages."""

    def put_away(self, place: VaultPlace, is_dead: Callable[[Stored], bool]) -> None:
        """Destroy them, with what stood beside our field then: KV v2 keeps and undeletes whole documents."""
        engine = self._engine(place)
        if engine.traits.versioned and (dead := sorted(self._dead(engine, place, is_dead))):
            engine.destroy(place.path, dead)

    def _dead(self, engine: KeyValue, place: VaultPlace, is_dead: Callable[[Stored], bool]) -> Iterator[int]:
        """Give the numbers of the earlier versions that hold a dead token in our field."""
        for count in range(engine.read(place.path).count - 1, 0, -1):
            earlier = engine.read(place.path, count)
            if earlier.life is Life.ABSENT:
                return  # Vault keeps no older ones
            text = earlier.fields.get(place.field)
            if isinstance(text, str) and text and is_dead(Stored(SecretValue(text), Version(str(count)))):
                yield count

    def settle(self, place: VaultPlace, version: Version) -> None:
        """Nothing to do: consumers read the new version with their next request."""

    # --- the mount and the document ---

    def _mount(self, place: VaultPlace) -> str:
        return place.mount or self._default_mount

    def _engine(self, place: VaultPlace) -> KeyValue:
        """Ask what is mounted, each time: a mount may be upgraded or replaced while we run."""
        engine = mounted(self._session, self._mount(place))
        self._traits[self._mount(place)] = engine.traits
        return engine

    def _read(self, engine: KeyValue, place: VaultPlace, version: Version) -> Document:
        """Give one version; an absent document where there is no such version."""
        if not engine.traits.versioned:
            newest = engine.read(place.path)
            return newest if newest.version == version else Document(Life.ABSENT)
        if not (version.isascii() and version.isdecimal() and int(version) > 0):  # Vault takes 0 for "the newest"
            return Document(Life.ABSENT)
        return engine.read(place.path, int(version))

    def _put(
        self,
        engine: KeyValue,
        place: VaultPlace,
        value: SecretValue | None,
        document: Document,
        expected: Version | None,
    ) -> Version:
        """Write one field over ``document``, unless it is so already. Conflict when it is not at ``expected``."""
        if document.version is not None and _same(self._value(place, document), value):
            return document.version
        if document.version != expected:
            raise self._conflict(place, document, expected)
        self._refuse_unwritable(place, document)
        try:
            return engine.write(place.path, place.field, value, document)
        except Overtaken as overtaken:
            newest = engine.read(place.path)
            if newest.version is not None and _same(self._value(place, newest), value):
                return newest.version  # our own earlier write, whose answer was lost, arrived in between
            if newest.count == document.count:
                raise Temporary(
                    f"{self._session.server} refuses a write over version {document.count} of {self._named(place)}, "
                    "and shows no newer one.",
                    remedy="A standby node that answers reads lags behind.",
                ) from overtaken
            raise self._conflict(place, newest, expected) from overtaken

    # --- what is said of it ---

    def _named(self, place: VaultPlace) -> str:
        return f"`{self._mount(place)}/{place.path}`"

    def _stored(self, place: VaultPlace, document: Document) -> Stored | None:
        if document.version is None:
            return None
        attributes = {"created_at": document.created_at} if document.created_at else {}
        return Stored(self._value(place, document), document.version, attributes)

    def _value(self, place: VaultPlace, document: Document) -> SecretValue | None:
        """Give our field; None where it is not there yet, or empty. Permanent where it is no text."""
        text = document.fields.get(place.field, "")
        if not isinstance(text, str):
            raise Permanent(
                f"The field `{place.field}` of {self._named(place)} holds no text, but a {type(text).__name__}.",
                remedy="It is not a token: check `field`.",
            )
        return SecretValue(text) if text else None

    def _refuse_unwritable(self, place: VaultPlace, document: Document) -> None:
        if document.is_live:
            self._value(place, document)
        elif place.create:
            return
        elif document.life is Life.DELETED:
            raise NeedsOperator(
                f"The newest version of {self._named(place)} was deleted.",
                remedy="Undelete it, or write it anew, or let us: `create: true`.",
            )
        else:
            raise Permanent(
                f"There is nothing at {self._named(place)}, and the policy says `create: false`.",
                remedy="Check `mount` and `path`, or set `create: true`.",
            )

    def _demand(self, needed: frozenset[str], granted: frozenset[str] | None, where: str) -> None:
        """Name what the token's policy lacks. Where the token may not ask for that, the calls themselves will tell."""
        if granted is None or "root" in granted:
            return
        missing = sorted(needed - granted)
        if missing:
            names = " and ".join(f"`{name}`" for name in missing)
            raise Permanent(
                f"{self._session.server}: the token lacks {names} on `{where}`.",
                remedy="Add it to the token's policy; see deploy/permissions/vault.hcl.",
            )

    def _conflict(self, place: VaultPlace, document: Document, expected: Version | None) -> Conflict:
        found = f"version {document.version}" if document.version else "nothing there"
        awaited = f"version {expected}" if expected else "nothing there"
        return Conflict(
            f"{self._named(place)} was changed by somebody else: expected {awaited}, found {found}.",
            remedy="See who writes there; then plan anew from what it holds now.",
        )


def _same(one: SecretValue | None, other: SecretValue | None) -> bool:
    return one.same_as(other) if one else other is None
