"""After the death: seeing to it that nobody goes back to a version of a store that holds a dead token.

The death is durable before the version goes: its value is what the death is proven with. So is the old token's value of
a neighbour in the same document, whose death is not proven yet: such a version is left to that one's rotation, which
puts it away for both. A store that refuses stops nothing, because the token is dead; the history says what is still
there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from rotator.domain.contracts import Stored, VersionedStore
from rotator.domain.errors import NeedsOperator, RotatorError
from rotator.domain.model import Cause, Destination, Placed, Rotation, RotationId, TokenState, Version
from rotator.flow.declaration import is_under_way
from rotator.flow.work import OpenDestination, Work, side_by_side

DONE = "done"


@dataclass(frozen=True)
class PutAway:
    """What came of it, by place."""

    told: Mapping[str, str]
    """``done``, or why versions are still there."""
    left: Mapping[str, list[RotationId]]
    """The rotations to which versions were left that also hold a neighbour's token, whose death is yet to be proven."""


def to_put_away(work: Work, rotation: Rotation) -> tuple[Destination, ...]:
    """Give the destinations that keep earlier versions, of which any with a dead token is to be put away."""
    known = (*((rotation.old,) if rotation.old else ()), *rotation.strays)
    if not any(token.state is TokenState.DEAD and token.fingerprint is not None for token in known):
        return ()
    held_something = (place for place in rotation.destinations if place.before_fingerprint or rotation.strays)
    return tuple(place for place in held_something if _is_asked(work.open(place), rotation))


def _is_asked(opened: OpenDestination, rotation: Rotation) -> bool:
    traits = opened.traits
    return traits.versioned and (traits.puts_away or rotation.cause is Cause.COMPROMISED)


def put_away(work: Work, destinations: tuple[Destination, ...]) -> PutAway:
    """Put away every earlier version of these places that holds a token which the ledger knows to be dead."""
    work.keep_lease()
    others = cache(lambda: _not_proven_yet(work))
    left: dict[str, list[RotationId]] = {}

    def one(destination: Destination) -> None:
        opened = work.open(destination)
        shareable = work.where(destination).part is not None
        spared: list[RotationId] = []

        def is_dead(earlier: Stored) -> bool:
            if not _holds_a_dead_token(work, earlier):
                return False
            needed = _needed_by_neighbours(work, destination, others()) if shareable else {}
            spared.extend(needed.get(earlier.version, ()))
            return earlier.version not in needed

        cast("VersionedStore[Any]", opened.store).put_away(opened.place, is_dead)
        if spared:
            left[str(destination.target)] = list(dict.fromkeys(spared))

    results = side_by_side(one, destinations)
    return PutAway({str(place.target): _told(result) for place, result in results}, left)


def _holds_a_dead_token(work: Work, earlier: Stored) -> bool:
    if earlier.value is None or work.matches(work.rotation.new, earlier.value):
        return False
    known = work.tools.ledger.token_of_value(earlier.value)
    return known is not None and known.state is TokenState.DEAD


def _not_proven_yet(work: Work) -> list[Rotation]:
    """Give the other open rotations whose old token is not proven dead."""
    others = (other for other in work.tools.ledger.open_rotations() if other.id != work.rotation.id)
    return [other for other in others if other.old is not None and other.old.state is not TokenState.DEAD]


def _needed_by_neighbours(
    work: Work, destination: Destination, others: Sequence[Rotation]
) -> Mapping[Version, Sequence[RotationId]]:
    """Give the versions of the same document in which the old value of another rotation stands, and which that is.

    With that value the other one proves a death, should its process die; then it puts the version away itself. Before
    it is written over, the newest version holds that value, and nothing needs to be spared.
    """
    mine = work.where(destination).document
    needed: dict[Version, list[RotationId]] = {}
    for other in others:
        for place in other.destinations:
            holds_old = other.old is not None and place.before_fingerprint == other.old.fingerprint
            if place.before is None or place.state is Placed.PENDING or not holds_old:
                continue
            if _is_in(work, place, mine) and _puts_away_itself(work, other, place):
                needed.setdefault(place.before, []).append(other.id)
    return needed


def _is_in(work: Work, place: Destination, document: str) -> bool:
    """Tell whether a place is in this document. One whose connection the policies have no more cannot be told of."""
    try:
        return bool(work.where(place).document == document)
    except NeedsOperator:
        return False


def _puts_away_itself(work: Work, other: Rotation, place: Destination) -> bool:
    """Tell whether a version that is left to another rotation is put away: by it, or by the one that follows it."""
    return _is_asked(work.open(place), other) or is_under_way(work.tools.ledger.history(other.secret), work.now)


def _told(result: Exception | None) -> str:
    if result is None:
        return DONE
    return result.what if isinstance(result, RotatorError) else f"failed with {type(result).__name__}, which is a bug"
