"""After the death: seeing to it that nobody goes back to a version of a store that holds the dead token.

The death is durable before the version goes: its value is what the death is proven with. A store that refuses stops
nothing, because the token is dead; the history says what is still there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from rotator.domain.contracts import VersionedStore
from rotator.domain.errors import RotatorError
from rotator.domain.model import Cause, Destination, Rotation, TokenState
from rotator.flow.work import Work, side_by_side

DONE = "done"


def to_put_away(work: Work, rotation: Rotation) -> tuple[Destination, ...]:
    """Give the destinations with an earlier version that holds the old token, and that is to be put away."""
    old = rotation.old
    if old is None or old.state is not TokenState.DEAD or old.fingerprint is None:
        return ()
    held_it = (place for place in rotation.destinations if place.before_fingerprint == old.fingerprint)
    return tuple(place for place in held_it if place.before not in (None, place.version) and _is_asked(work, place))


def _is_asked(work: Work, destination: Destination) -> bool:
    traits = work.open(destination).traits
    return traits.versioned and (traits.puts_away or work.rotation.cause is Cause.COMPROMISED)


def put_away(work: Work, destinations: tuple[Destination, ...]) -> Mapping[str, str]:
    """Put them away; give for each what came of it: ``done``, or why it is still there."""
    work.keep_lease()

    def one(destination: Destination) -> None:
        opened = work.open(destination)
        assert destination.before is not None
        cast("VersionedStore[Any]", opened.store).put_away(opened.place, destination.before)

    return {str(place.target): _told(result) for place, result in side_by_side(one, destinations)}


def _told(result: Exception | None) -> str:
    if result is None:
        return DONE
    return result.what if isinstance(result, RotatorError) else f"failed with {type(result).__name__}, which is a bug"
