"""What a store promises at each of its places, and the traits by which the engine knows what to expect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version


@dataclass(frozen=True)
class StoreTraits:
    """What a store is like, at one place."""

    readable: bool = True
    versioned: bool = True
    """Earlier versions can be read and restored."""
    stages: bool = False
    """``write`` does not show the value to consumers yet; ``promote`` does."""
    compares_and_sets: bool = True
    settles: bool = False
    """Consumers see a change only after a restart, release or redeploy."""
    puts_away: bool = False
    """A version whose token is dead is put away after every rotation; else after a compromise only."""


@dataclass(frozen=True)
class Stored:
    """What a place holds. ``value`` is None where the store is write-only or our field is not there yet."""

    value: SecretValue | None
    version: Version
    attributes: Mapping[str, str] = field(default_factory=dict)


class Place(BaseModel):
    """One place in a store, as a policy writes it. Plug-ins add their fields; unknown ones are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


PlaceT_contra = TypeVar("PlaceT_contra", bound=Place, contravariant=True)


class Store(Protocol[PlaceT_contra]):
    """Where consumers read tokens. One store serves every place of its connection, from several threads."""

    def traits(self, place: PlaceT_contra) -> StoreTraits: ...

    def current(self, place: PlaceT_contra) -> Stored | None:
        """Give what consumers read now; None when the place does not exist yet."""
        ...

    def preflight(self, place: PlaceT_contra) -> Stored | None:
        """Give ``current``, or raise what would make a write fail: missing and not ours to create, denied,
        scheduled for deletion, somebody else's pending version, owned by another controller. Touches nothing.
        """
        ...

    def write(self, place: PlaceT_contra, value: SecretValue, expected: Version | None, key: str) -> Version:
        """Put ``value`` there, in our field only, if the place is still at ``expected`` (None: does not exist).

        Repeatable under ``key``: the second time finds the first one's work and changes nothing. Where the store
        stages, consumers do not see it yet. Raises Conflict when somebody else wrote, Ambiguous when the answer was
        lost.
        """
        ...

    def promote(self, place: PlaceT_contra, version: Version, expected: Version | None) -> None:
        """Show a staged version to consumers, if they still see ``expected``. Nothing to do where nothing stages."""
        ...

    def read(self, place: PlaceT_contra, version: Version) -> Stored | None:
        """Give one version; None when it is not to be had (any more). Not versioned: only the newest one."""
        ...

    def written(self, place: PlaceT_contra, key: str) -> Stored | None:
        """Give what a write under ``key`` may have left behind, staged or current: how a value is found after a crash.

        A store that cannot tell by key gives ``current``; the caller compares fingerprints.
        """
        ...

    def restore(self, place: PlaceT_contra, version: Version, expected: Version | None) -> Version:
        """Put an earlier version back as the newest. Permanent where the store keeps none."""
        ...

    def discard(self, place: PlaceT_contra, key: str) -> None:
        """Take back what was staged under ``key`` and never promoted. Nothing staged: nothing to do."""
        ...

    def settle(self, place: PlaceT_contra, version: Version) -> None:
        """Return once consumers can see ``version``: ask for the restart or redeploy and see it finish.

        Raises Temporary while it is under way, NeedsOperator when it failed.
        """
        ...


class VersionedStore(Store[PlaceT_contra], Protocol[PlaceT_contra]):
    """A store at whose places earlier versions can be read, and so gone back to."""

    def put_away(self, place: PlaceT_contra, is_dead: Callable[[Stored], bool]) -> None:
        """See to it that nobody goes back to an earlier version with a dead token: disable, destroy or unlabel it.

        ``is_dead`` is asked about each that somebody could go back to, and about the newest never: a change beside our
        field carries our value on, so more than one version may hold it. Repeatable. What the newest version holds, and
        versions that ``is_dead`` denies, stay as they are. Permanent where the store cannot: that is told, and stops
        nothing.
        """
        ...
