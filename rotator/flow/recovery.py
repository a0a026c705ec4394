"""What a crash or a lost answer leaves behind, and how it is put right: seek, discard, recover.

The value of a token is not in the ledger. So a rotation whose process died goes on only if a destination can give
the value back; else the token it made is revoked and another one issued. A token that any destination *might* hold
is never revoked before that destination is known to hold another live one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from rotator.domain import lifecycle
from rotator.domain.errors import AsksPerson, InvalidInput, WrongOrder
from rotator.domain.lifecycle import moved, with_destinations, with_token
from rotator.domain.model import Destination, Phase, Placed, Rotation, TokenState, Version
from rotator.domain.secret_value import SecretValue
from rotator.flow import asking, death
from rotator.flow.lost import look_for
from rotator.flow.work import OpenDestination, Work


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
    return as_seen(work, destination, opened), None


def as_seen(work: Work, destination: Destination, opened: OpenDestination) -> Destination:
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
