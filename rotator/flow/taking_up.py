"""Going on because a person wants it: now instead of later, or on their word for what nobody else can tell."""

from __future__ import annotations

from dataclasses import replace

from rotator.domain.contracts import Stored
from rotator.domain.errors import LeadsElsewhere
from rotator.domain.lifecycle import buried, moved, with_destinations, with_token
from rotator.domain.model import Destination, Phase, Placed, Proof, TokenState
from rotator.flow.work import Work, to_go_on


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
