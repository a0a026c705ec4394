"""What a crash or a lost answer leaves behind, and how it is put right: seek, discard, recover, withdraw, take up.

The value of a token is not in the ledger. So a rotation whose process died goes on only if a destination can give
the value back; else the token it made is revoked and another one issued. A token that any destination *might* hold
is never revoked before that destination is known to hold another live one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from rotator.domain import lifecycle
from rotator.domain.contracts import Stored
from rotator.domain.errors import AsksPerson, InvalidInput, LeadsElsewhere, NeedsOperator, Permanent, WrongOrder
from rotator.domain.lifecycle import buried, moved, with_destinations, with_token
from rotator.domain.model import Destination, Phase, Placed, Proof, Rotation, TokenState, Version
from rotator.domain.secret_value import SecretValue
from rotator.flow import asking, death
from rotator.flow.lost import look_for
from rotator.flow.shortened import note_shortened
from rotator.flow.values import value_of
from rotator.flow.work import OpenDestination, Work, to_go_on, without_trouble


def seek(work: Work) -> None:
    """Look for a token whose creation was never answered. Slow issuers get the time to list what they made.

    One that a person is to make is not lost: it is waited for until they hand it in.
    """
    token = work.new
    if token.state is not TokenState.INTENDED:
        raise WrongOrder(f"token {token.id} is {token.state}: only one that was asked for and not answered is sought.")
    if work.by_hand is not None:
        raise asking.to_make(work, token)
    handle = look_for(work, token)
    state = TokenState.ABSENT if handle is None else TokenState.LIVE
    found = with_token(work.rotation, token.id, lambda known: replace(known, state=state, handle=handle))
    work.record(found, "sought", name=token.name, found=handle)


def discard(work: Work) -> None:
    """Revoke a new token whose value is lost and that no destination can hold. Another one is issued after it."""
    token = work.new
    if lifecycle.might_be_held(token, work.rotation.destinations):
        raise WrongOrder(f"token {token.id} may be held by a destination: it cannot be discarded.")
    after, proofs = death.end_all(work, (token,), "discarding")
    work.held.new = None
    work.record(after, "discarded", proof=proofs)


def recover(work: Work) -> None:
    """Find the lost value in a destination that was, or may have been, written. Not found: issue again.

    On the way it settles what each destination is known to hold: a write that never arrived is PENDING again, and
    what was staged and cannot be used is taken back. A person who made the token is asked for its value once more:
    they may have it yet.
    """
    settled = [_what_it_holds(work, place) for place in work.rotation.destinations]
    found = next((value for _, value in settled if value is not None), None)
    after = with_destinations(work.rotation, [place for place, _ in settled])
    if found is not None:
        work.held.new = found
        work.record(after, "recovered", handle=work.new.handle)
        return
    if work.by_hand is not None:
        if after != work.rotation:
            work.record(after, "looked for the value")
        raise asking.to_hand_in_again(work)
    _lose(work, after)


def give_up_value(work: Work) -> None:
    """Go on without a value that was lost, because the person who made the token does not have it any more."""
    if lifecycle.next_step(work.rotation, holding=work.holding) is not lifecycle.Step.RECOVER:
        raise InvalidInput.of(
            f"Rotation {work.rotation.id} waits for no value that was handed in and lost",
            "one that was never handed in can be made again: delete it, and make another with the same name",
        )
    with suppress(AsksPerson):  # unless a destination has it after all
        recover(work)
        return
    _lose(work, work.rotation)


def _lose(work: Work, rotation: Rotation) -> None:
    work.record(moved(rotation, Phase.PLANNED, work.now), "value lost", handle=work.new.handle)


def _what_it_holds(work: Work, destination: Destination) -> tuple[Destination, SecretValue | None]:
    """Give the destination as it is known now, and the new token's value if it was found there."""
    opened = work.open(destination)
    if destination.state is Placed.PENDING or not opened.traits.readable:
        return destination, None
    token = next((known for known in work.rotation.tokens if known.id == destination.token), work.new)
    key = work.write_key(token)
    work.keep_lease()
    left = opened.store.written(opened.place, key)
    value = left.value if left is not None else None
    if work.matches(work.new, value):
        return destination, value
    opened.store.discard(opened.place, key)
    return _as_seen(work, destination, opened), None


def _as_seen(work: Work, destination: Destination, opened: OpenDestination) -> Destination:
    """Give the destination with the token it is seen to hold, or as untouched when it is none of this rotation's."""
    stored = opened.store.current(opened.place)
    for token in work.rotation.tokens:
        if stored is not None and work.matches(token, stored.value):
            return replace(destination, state=Placed.WRITTEN, token=token.id, version=stored.version)
    fingerprint = work.fingerprint(stored.value) if stored is not None and stored.value is not None else None
    version: Version | None = stored.version if stored is not None else None
    if fingerprint != destination.before_fingerprint:
        version = destination.before  # somebody else's value: writing over it must fail until a person said so
    return replace(destination, state=Placed.PENDING, token=None, version=None, before=version)


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


def finish_withdrawing(work: Work) -> None:
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
    seen = _as_seen(work, destination, opened)
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


def wake(work: Work) -> None:
    """Go on now instead of later."""
    if work.rotation.retry_at is not None or work.rotation.trouble is not None:
        work.record(to_go_on(work.rotation), "resumed")


def take_up(work: Work) -> None:
    """Go on because a person said so: what destinations hold now may be written over, whoever wrote it.

    Where the issuer lists no tokens, it is also the person's word that a lost one was looked for, and is not there; and
    where they were told that its connection leads elsewhere now, that the same service is there.
    """
    _believe_that_it_moved(work)
    rotation = work.rotation
    if rotation.phase is Phase.CONFIRMED:
        wake(work)  # nothing is left to write
        return
    lost = rotation.new
    unlisted = not work.issuer.traits.lists and work.by_hand is None
    if lost is not None and lost.state is TokenState.INTENDED and unlisted:
        rotation = with_token(rotation, lost.id, buried(Proof.SAID, work.now))
    places = [_accepted(work, place) for place in rotation.destinations]
    after = to_go_on(with_destinations(rotation, places))
    if after.phase is Phase.PUBLISHED and not all(place.state is Placed.WRITTEN for place in places):
        after = moved(after, Phase.VERIFIED, work.now)
    work.record(after, "resumed")


def _believe_that_it_moved(work: Work) -> None:
    told = work.rotation.trouble
    try:
        work.tools.connections.issuer(work.rotation.issuer)
    except LeadsElsewhere as error:
        if told is None or told.what != error.what:
            raise  # nobody has told them
        moved_here = replace(work.rotation.issuer, hosts=())
        work.record(replace(work.rotation, issuer=moved_here), "moved", issuer=moved_here.connection)


def _accepted(work: Work, destination: Destination) -> Destination:
    """Give the destination with what it holds now as what we write over, unless it holds, or may hold, our token."""
    opened = work.open(destination)
    work.keep_lease()
    stored = opened.store.current(opened.place)
    if destination.state is not Placed.PENDING and not opened.traits.readable:
        return _accepted_unseen(destination, stored)
    value = stored.value if stored is not None else None
    ours = next((token for token in work.rotation.tokens if work.matches(token, value)), None)
    if ours is not None and stored is not None:
        return replace(destination, state=Placed.WRITTEN, token=ours.id, version=stored.version)
    over_this = replace(
        destination,
        before=stored.version if stored is not None else None,
        before_fingerprint=work.fingerprint(value) if value is not None else None,
    )
    if destination.state is Placed.WRITING:
        return over_this  # what was staged there may be the only copy of the new value
    return replace(over_this, state=Placed.PENDING, token=None, version=None)


def _accepted_unseen(destination: Destination, stored: Stored | None) -> Destination:
    """Give a destination that nobody can read: it may hold our token, and is written again if it was changed since."""
    now_there = stored.version if stored is not None else None
    if destination.state is Placed.WRITING or now_there == destination.version:
        return destination
    return replace(destination, state=Placed.WRITING, version=None, before=now_there)
