"""The life of a rotation as pure decisions: what may move where, what comes next, and who may be revoked.

::

    PLANNED -issue-> ISSUED -verify-> VERIFIED -publish-> PUBLISHED -confirm-> CONFIRMED -retire-> RETIRED

Recovery is not a special case. After any crash the same question, ``next_step``, is asked of what the ledger holds;
the only thing that a crash takes away is the value in memory (``holding`` is false), and the answers follow:

* asked for a token and never read the answer: ``SEEK`` it by its name, then ``DISCARD`` it;
* the value is lost: ``RECOVER`` it from a destination that holds it;
* the value is lost and nobody can hold it: ``DISCARD`` it and issue again;
* the value is lost and a destination that cannot be read may hold it: issue another, publish that everywhere,
  and let the lost one die together with the old one;
* giving up was begun, and the new token may be dead already: ``WITHDRAW`` it to the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from rotator.domain.errors import WrongOrder
from rotator.domain.model import Destination, Mode, Phase, Placed, Proof, Rotation, Token, TokenState
from rotator.domain.spread import share_of

ALLOWED_MOVES: Final[frozenset[tuple[Phase, Phase]]] = frozenset(
    [
        (Phase.PLANNED, Phase.ISSUED),
        (Phase.ISSUED, Phase.VERIFIED),
        (Phase.VERIFIED, Phase.PUBLISHED),
        (Phase.PUBLISHED, Phase.CONFIRMED),
        (Phase.CONFIRMED, Phase.RETIRED),
        # publish again: somebody else wrote over a destination, and a person said to go on
        (Phase.PUBLISHED, Phase.VERIFIED),
        # issue again: the value was lost before every destination held it
        (Phase.ISSUED, Phase.PLANNED),
        (Phase.VERIFIED, Phase.PLANNED),
        (Phase.PUBLISHED, Phase.PLANNED),
        # given up: the old token is in force everywhere
        (Phase.PLANNED, Phase.WITHDRAWN),
        (Phase.ISSUED, Phase.WITHDRAWN),
        (Phase.VERIFIED, Phase.WITHDRAWN),
        (Phase.PUBLISHED, Phase.WITHDRAWN),
    ]
)
"""Every change of phase. The ledger's schema holds the same table, so that no bug of ours can move otherwise."""


class Step(StrEnum):
    """What to do next."""

    CONTAIN = "contain"
    """Revoke the old token first: the user put containment before availability."""
    ISSUE = "issue"
    SEEK = "seek"
    DISCARD = "discard"
    RECOVER = "recover"
    VERIFY = "verify"
    PUBLISH = "publish"
    CONFIRM = "confirm"
    RETIRE = "retire"
    WITHDRAW = "withdraw"
    """The rotation was given up, and the end of its tokens begun. There is no way but to its end."""


def next_step(rotation: Rotation, *, holding: bool) -> Step | None:
    """Say what this rotation needs now, or None when it has ended. ``holding``: the new value is in our memory."""
    if rotation.given_up is not None and rotation.phase.is_open:
        return Step.WITHDRAW
    match rotation.phase:
        case Phase.PLANNED:
            return _next_before_issue(rotation)
        case Phase.ISSUED | Phase.VERIFIED | Phase.PUBLISHED:
            return _next_with_token(rotation, holding=holding)
        case Phase.CONFIRMED:
            return Step.RETIRE
        case _:
            return None


def _next_before_issue(rotation: Rotation) -> Step:
    new = rotation.new
    is_asked_for = new is not None and new.state is TokenState.INTENDED
    if new is not None and new.state.may_live and not is_asked_for and not might_be_held(new, rotation.destinations):
        return Step.DISCARD
    if rotation.mode is Mode.REVOKE_FIRST and rotation.old is not None and rotation.old.state.may_live:
        return Step.CONTAIN  # a person may have been asked for the new one before: that is not waited for
    return Step.SEEK if is_asked_for else Step.ISSUE


def _next_with_token(rotation: Rotation, *, holding: bool) -> Step:
    if rotation.new is None or rotation.new.state is not TokenState.LIVE:
        return Step.WITHDRAW  # its end was begun: it must never be given to consumers
    if rotation.phase is Phase.PUBLISHED:
        return Step.CONFIRM
    if not holding:
        return Step.RECOVER
    return Step.VERIFY if rotation.phase is Phase.ISSUED else Step.PUBLISH


def might_be_held(token: Token, destinations: Iterable[Destination]) -> bool:
    """Tell whether any destination may hold this token, so that consumers may depend on it."""
    return any(place.token == token.id and place.state is not Placed.PENDING for place in destinations)


def untouched(rotation: Rotation) -> bool:
    """Tell whether no destination can hold a token of this rotation: it may be withdrawn without a trace."""
    return all(place.state is Placed.PENDING for place in rotation.destinations)


def waits_for_publishing(rotation: Rotation) -> tuple[Destination, ...]:
    """Give the destinations that do not hold the new token for certain yet."""
    new = rotation.new
    assert new is not None
    return tuple(
        place
        for place in rotation.destinations
        if not (place.token == new.id and place.state in (Placed.WRITTEN, Placed.CONFIRMED))
    )


def still_alive(rotation: Rotation) -> tuple[Token, ...]:
    """Give the tokens that must be dead before this rotation may end: the old one, and those overtaken on the way.

    A token that was looked for and not found is among them: an answer that came very late may have made it after all.
    """
    candidates = (*((rotation.old,) if rotation.old else ()), *rotation.strays)
    return tuple(token for token in candidates if token.state is not TokenState.DEAD)


def own_tokens_alive(rotation: Rotation) -> tuple[Token, ...]:
    """Give the tokens that must be dead before this rotation may be withdrawn: all that it asked for."""
    return tuple(token for token in rotation.tokens if token.state is not TokenState.DEAD)


def retire_from(rotation: Rotation) -> datetime:
    """Give the moment from which the old token may be revoked, as far as the clock alone decides."""
    if rotation.phase is not Phase.CONFIRMED:
        raise WrongOrder(f"rotation {rotation.id} is {rotation.phase}: an overlap begins when it is CONFIRMED.")
    return rotation.phase_at + rotation.overlap.for_


def look_again(rotation: Rotation, last_used: datetime | None, now: datetime) -> datetime | None:
    """Say until when the old token's overlap goes on, or None when it is over.

    ``last_used`` is the issuer's word on the old token, where the policy asks to wait until nobody uses it. A time
    that is not after ``now`` means: the longest overlap is over and somebody still uses the old token.
    """
    overlap = rotation.overlap
    if now < retire_from(rotation):
        return retire_from(rotation)
    if overlap.until_unused_for is None or last_used is None or last_used + overlap.until_unused_for <= now:
        return None
    unused = last_used + overlap.until_unused_for
    return unused if overlap.at_most is None else min(unused, rotation.phase_at + overlap.at_most)


def moved(rotation: Rotation, phase: Phase, now: datetime) -> Rotation:
    """Give the rotation in its next phase. Whatever troubled it is behind it."""
    if (rotation.phase, phase) not in ALLOWED_MOVES:
        raise WrongOrder(f"rotation {rotation.id} is {rotation.phase} and cannot become {phase}.")
    return replace(rotation, phase=phase, phase_at=now, attempts=0, retry_at=None, trouble=None)


def with_token(rotation: Rotation, token_id: str, change: Callable[[Token], Token]) -> Rotation:
    """Give the rotation with one of its tokens (the old one, too) changed."""
    old = rotation.old
    return replace(
        rotation,
        old=change(old) if old is not None and old.id == token_id else old,
        tokens=tuple(change(token) if token.id == token_id else token for token in rotation.tokens),
    )


def buried(proof: Proof, now: datetime) -> Callable[[Token], Token]:
    """Give the change that writes a death down, for ``with_token``."""
    return lambda token: replace(token, state=TokenState.DEAD, proof=proof, ended_at=now)


def with_destinations(rotation: Rotation, changed: Iterable[Destination]) -> Rotation:
    """Give the rotation with these destinations in place of the ones with the same ordinal."""
    by_ordinal = {place.ordinal: place for place in changed}
    return replace(
        rotation, destinations=tuple(by_ordinal.get(place.ordinal, place) for place in rotation.destinations)
    )


LONGEST_PAUSE: Final = timedelta(hours=1)
"""How long a service is left alone at most, whatever it asks for: some give a moment where a length belongs."""

_FIRST_PAUSE: Final = timedelta(seconds=2)
_DOUBLINGS: Final = 12


def back_off(attempts: int, asked_for: timedelta | None, who: str) -> timedelta:
    """Give the pause before the next try: doubled with each failure, and as long as the server asked for.

    It is ``LONGEST_PAUSE`` at most. Up to a quarter is added, by the name of who waits and how often it did: those that
    failed together do not come back together.
    """
    doubled = _FIRST_PAUSE * (1 << min(attempts - 1, _DOUBLINGS))
    spread = 1 + share_of(f"{who} {attempts}") / 4
    return min(max(doubled, asked_for or timedelta()), LONGEST_PAUSE) * spread
