"""Going back: every destination holds the old token again, and no token of the rotation lives."""

from __future__ import annotations

from dataclasses import replace

from rotator.domain import lifecycle
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.domain.lifecycle import moved, with_destinations
from rotator.domain.model import Destination, Phase, Placed, Rotation, TokenState
from rotator.flow import death
from rotator.flow.recovery import as_seen
from rotator.flow.shortened import note_shortened
from rotator.flow.values import value_of
from rotator.flow.work import OpenDestination, Work, without_trouble


def withdraw(work: Work, why: str, *, restoring: bool) -> None:
    """Give the rotation up: every destination holds the old token (again), and no token of ours lives.

    ``restoring`` puts earlier values back where the new one was already written; only a person asks for that.
    Raises NeedsOperator where withdrawing would leave a consumer with a dead token, or where that is not certain.
    """
    refuse_without_a_way_back(work)
    if restoring and work.rotation.given_up is None:
        work.record(_given_up(work.rotation, why), "withdrawing", why=why)
    cleared = with_destinations(work.rotation, _all_cleared(work, restoring=restoring))
    if cleared.given_up is None:
        work.record(_given_up(cleared, why), "withdrawing", why=why)
    elif cleared != work.rotation:
        work.record(cleared, "taken back")
    note_shortened(work)
    after, proofs = death.end_all(work, lifecycle.own_tokens_alive(work.rotation), "discarding")
    work.record(moved(after, Phase.WITHDRAWN, work.now), "withdrawn", why=why, proof=proofs)


def _given_up(rotation: Rotation, why: str) -> Rotation:
    """Give the rotation as it is on its way back: whatever was asked for before is wanted no more."""
    return replace(without_trouble(rotation), given_up=why)


def _all_cleared(work: Work, *, restoring: bool) -> list[Destination]:
    """Give the destinations once none holds anything of this rotation. Where that fails for good, it may go forward."""
    try:
        return [_cleared(work, place, restoring=restoring) for place in work.rotation.destinations]
    except (NeedsOperator, Permanent) as error:
        if work.rotation.given_up is not None:
            work.record(replace(work.rotation, given_up=None), "no way back", why=error.what)
        raise


def refuse_without_a_way_back(work: Work) -> None:
    """Raise NeedsOperator, before anything is touched, if the old token cannot be put in force everywhere."""
    rotation = work.rotation
    if rotation.phase is Phase.CONFIRMED:
        raise NeedsOperator(
            f"Rotation {rotation.id} is confirmed: its new token is in force everywhere, and cannot be withdrawn.",
            remedy=f"If that token is no good, replace it: run `rotate retire {rotation.id}`, then `rotate now`.",
        )
    if rotation.old is not None and rotation.old.state is not TokenState.LIVE:
        raise NeedsOperator(
            "The old token is dead or about to be, so there is nothing to go back to.",
            remedy=f"Go forward: run `rotate resume {rotation.id}`.",
        )
    for place in rotation.destinations:
        if place.state is not Placed.PENDING and not work.open(place).traits.readable:
            raise NeedsOperator(
                f"{place.target} cannot be read, and may hold the new token.",
                remedy=f"Go forward: run `rotate resume {rotation.id}` once the trouble is over.",
            )


def finish(work: Work) -> None:
    """Bring a withdrawal to its end. Where a person asked for it, earlier values may be yet to be put back.

    Else there was nothing to put back, and the new token may be dead.
    """
    withdraw(work, work.rotation.given_up or "it was given up before", restoring=work.rotation.given_up is not None)


def _cleared(work: Work, destination: Destination, *, restoring: bool) -> Destination:
    """Give the destination once it is certain that it holds nothing of this rotation, and that consumers see that."""
    if destination.state is Placed.PENDING:
        return destination
    opened = work.open(destination)
    work.keep_lease()
    token = next(known for known in work.rotation.tokens if known.id == destination.token)
    opened.store.discard(opened.place, work.write_key(token))
    seen = as_seen(work, destination, opened)
    if seen.state is not Placed.PENDING and not restoring:
        raise NeedsOperator(
            f"{destination.target} holds the new token already.",
            remedy=f"`rotate resume {work.rotation.id}` goes forward, `rotate withdraw {work.rotation.id}` goes back.",
        )
    if seen.state is not Placed.PENDING:
        _put_back(work, seen, opened)
    stored = opened.store.current(opened.place)
    if stored is not None:
        opened.store.settle(opened.place, stored.version)
    return replace(seen, state=Placed.PENDING, token=None, version=None)


def _put_back(work: Work, destination: Destination, opened: OpenDestination) -> None:
    """Make the value from before the rotation the newest again, and see that it is."""
    if destination.before is not None and opened.traits.versioned:
        opened.store.restore(opened.place, destination.before, destination.version)
    else:
        old = value_of(work, work.rotation.old) if work.rotation.old else None
        if old is None:
            raise NeedsOperator(
                f"{destination.target} keeps no earlier value, and no other destination has the old one.",
                remedy="Go forward: run `rotate resume`.",
            )
        key = f"{work.rotation.id}/withdraw"
        version = opened.store.write(opened.place, old, destination.version, key)
        opened.store.promote(opened.place, version, destination.version)
    stored = opened.store.current(opened.place)
    value = stored.value if stored is not None else None
    as_before = value is not None and work.fingerprint(value) == destination.before_fingerprint
    if not as_before and not work.matches(work.rotation.old, value):
        raise NeedsOperator(f"{destination.target} does not hold its earlier value after it was put back.")
