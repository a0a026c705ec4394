"""The verbs, in the order of the flow: issue, verify, publish, confirm, retire (and contain, which may come first).

Each step may run twice and after any crash. It refuses the wrong phase, records what it is about to do, makes its
calls, and records what came of them. It returns None, or the moment before which there is nothing more to do.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from rotator.domain import lifecycle, naming
from rotator.domain.contracts import Issued, IssueRequest, Stored
from rotator.domain.durations import Duration
from rotator.domain.errors import (
    Ambiguous,
    Conflict,
    LeaseLost,
    NeedsOperator,
    Permanent,
    RotatorError,
    WrongOrder,
)
from rotator.domain.identity import CLOCK_SKEW, means
from rotator.domain.lifecycle import buried, moved, with_destinations, with_token
from rotator.domain.model import Destination, Phase, Placed, Proof, Token, TokenId, TokenState
from rotator.domain.secret_value import SecretValue
from rotator.flow import asking, death
from rotator.flow.lost import wait_for_our_turn
from rotator.flow.publishing import gravest
from rotator.flow.putting_away import put_away, to_put_away
from rotator.flow.shortened import note_shortened, with_end_of_new
from rotator.flow.verifying import accepted_everywhere
from rotator.flow.work import Work, poll, side_by_side, without_trouble

_READ_LAG: Final = timedelta(seconds=15)
"""How long a store may still show the value from before a write that it has answered."""


def _expect(work: Work, *phases: Phase) -> None:
    if work.rotation.phase not in phases:
        raise WrongOrder(
            f"rotation {work.rotation.id} is {work.rotation.phase}: this step needs {' or '.join(phases)}."
        )


# --- issue ---------------------------------------------------------------------------------------------------------


def issue(work: Work) -> None:
    """Ask the issuer for one token, once. The intent is durable before the call: its name tells how to find it.

    Where tokens are made by hand, a person is asked, and the intent waits until they hand the value in.
    """
    _expect(work, Phase.PLANNED)
    rotation, issuer = work.rotation, work.issuer
    if not issuer.traits.names_tokens:
        wait_for_our_turn(work)
    token = _intended(work)
    attempt = len(rotation.tokens) + 1
    asked = "to be made" if work.by_hand is not None else "issuing"
    work.record(replace(rotation, tokens=(*rotation.tokens, token)), asked, name=token.name, attempt=attempt)
    if work.by_hand is not None:
        raise asking.to_make(work, token)
    work.keep_lease()
    lifetime = Duration.parse(rotation.lifetime) if rotation.lifetime else None
    assert token.name is not None
    try:
        if not issuer.traits.names_tokens:
            wait_for_our_turn(work)  # again: two may have begun together
        issued = issuer.issue(IssueRequest(token.name, lifetime, work.now))
    except Ambiguous:
        raise  # the token stays INTENDED: it is looked for by its name
    except RotatorError as refusal:
        _never_made(work, token)
        if isinstance(refusal, Permanent):
            raise asking.to_make_room(work, refusal) from refusal
        raise
    try:
        _take_into_hand(work, token, issued)
    except LeaseLost:
        death.disown(work, token, issued)
        raise


def _intended(work: Work) -> Token:
    """Give the token that is to be asked for, with a name that no other has."""
    rotation, issuer = work.rotation, work.issuer
    attempt = len(rotation.tokens) + 1
    name = naming.token_name(rotation.token_name, naming.mark_of(rotation.id, attempt), issuer.traits.names)
    return Token(
        id=TokenId(f"{rotation.id}.{attempt}"),
        secret=rotation.secret,
        state=TokenState.INTENDED,
        name=name,
        created_at=work.now,
        handles_before=() if issuer.traits.names_tokens else tuple(info.handle for info in issuer.tokens()),
    )


def _take_into_hand(work: Work, token: Token, issued: Issued) -> None:
    if not _is_new(work, token, issued):
        # Ours stays INTENDED: should it be new after all, it is found by its name.
        raise NeedsOperator(
            f"The issuer gave back a token that was there already ({issued.handle}) instead of a new one.",
            remedy="Its profile must call an endpoint that creates another token.",
        )
    work.held.new = issued.value  # in hand before it is recorded: that answer may be lost, and the value must not be
    live = replace(
        token,
        state=TokenState.LIVE,
        handle=issued.handle,
        fingerprint=work.fingerprint(issued.value),
        created_at=issued.created_at or token.created_at,
        expires_at=issued.expires_at,
    )
    after = moved(with_token(work.rotation, token.id, lambda _: live), Phase.ISSUED, work.now)
    work.record(after, "issued", name=token.name, handle=issued.handle, expires=_text(issued.expires_at))


def _is_new(work: Work, token: Token, issued: Issued) -> bool:
    """Tell whether the issuer made this token for us, and did not give back one of ours or of somebody else's."""
    traits = work.issuer.traits
    known = [other for other in (work.rotation.old, *work.rotation.tokens) if other is not None]
    if any(work.matches(other, issued.value) for other in known) or issued.handle in token.handles_before:
        return False
    if not traits.reuses_handles and any(other.handle == issued.handle for other in known):
        return False
    if traits.names_tokens and issued.name not in (None, token.name):
        return False
    asked_at = token.created_at or work.rotation.phase_at
    return issued.created_at is None or issued.created_at >= asked_at - CLOCK_SKEW


def _never_made(work: Work, token: Token) -> None:
    gone = with_token(work.rotation, token.id, buried(Proof.NEVER_MADE, work.now))
    work.record(gone, "refused", name=token.name)


# --- verify --------------------------------------------------------------------------------------------------------


def verify(work: Work) -> None:
    """Ask the issuer with the new value, before any consumer can see it. A slow issuer is polled, not waited for."""
    _expect(work, Phase.ISSUED)
    assert work.held.new is not None
    note_shortened(work)
    tried = accepted_everywhere(work, work.held.new)
    work.note(moved(work.rotation, Phase.VERIFIED, work.now), "verified", handle=work.new.handle, **tried)


# --- confirm -------------------------------------------------------------------------------------------------------


def confirm(work: Work) -> None:
    """Read every destination back, see that it holds the new token, and that the value *as stored* works.

    Needs no value in memory: the ledger's fingerprint tells whether the stored one is right.
    """
    _expect(work, Phase.PUBLISHED)
    work.keep_lease()
    results = side_by_side(lambda place: _stored_value(work, place), work.rotation.destinations)
    failures = [(place, result) for place, result in results if isinstance(result, Exception)]
    if failures:
        raise gravest(failures)
    stored = [result for _, result in results if isinstance(result, SecretValue)]
    tried: dict[str, str] = {}
    if stored:
        work.held.new = stored[0]  # all of them are equal: each has the new token's fingerprint
        tried = accepted_everywhere(work, stored[0])
    places = [replace(place, state=Placed.CONFIRMED) for place in work.rotation.destinations]
    work.just_confirmed = True
    work.note(
        moved(with_destinations(work.rotation, places), Phase.CONFIRMED, work.now),
        "confirmed",
        handle=work.new.handle,
        read_back=len(stored),
        write_only=len(results) - len(stored),
        **tried,
    )


def _stored_value(work: Work, destination: Destination) -> SecretValue | None:
    """Give the value that consumers read there, or None where nobody but they can. Conflict: it is another's.

    Where nothing can be read, the version is compared: it is still the one that our write made.
    """
    opened = work.open(destination)
    assert destination.version is not None
    opened.store.settle(opened.place, destination.version)

    def holds_ours() -> Stored | None:
        stored = opened.store.current(opened.place)
        if stored is None:
            return None
        readable = opened.traits.readable
        ours = work.matches(work.new, stored.value) if readable else stored.version == destination.version
        return stored if ours else None

    stored = poll(work, _READ_LAG, holds_ours)
    if stored is None:
        raise Conflict(
            f"{destination.target} does not hold the new token any more: somebody else wrote there.",
            remedy="Find out who, then run `rotate resume` to write it again.",
        )
    return stored.value


# --- retire --------------------------------------------------------------------------------------------------------


def retire(work: Work) -> datetime | None:
    """When the overlap is over: revoke the old token, and any that was lost on the way, and prove each one's death."""
    _expect(work, Phase.CONFIRMED)
    wait_until = _overlap_goes_on(work)
    if wait_until is not None:
        return wait_until
    if not work.just_confirmed:
        _still_in_step(work)
    ended, proofs = death.end_all(work, lifecycle.still_alive(work.rotation), "retiring")
    after = with_end_of_new(work, ended)
    detail: dict[str, Any] = {"proof": proofs}
    if places := to_put_away(work, after):
        work.record(after, "proven", proof=proofs)
        done = put_away(work, places)
        detail |= {"put_away": done.told, "left": done.left} if done.left else {"put_away": done.told}
        after = work.rotation
    work.record(moved(after, Phase.RETIRED, work.now), "retired", **detail)
    return None


def _overlap_goes_on(work: Work) -> datetime | None:
    rotation = work.rotation
    if rotation.old is None or rotation.old.state is not TokenState.LIVE:
        return None  # nobody's old token is waited for, or its end has begun
    last_used = None
    if rotation.overlap.until_unused_for is not None and work.now >= lifecycle.retire_from(rotation):
        work.keep_lease()
        last_used = next((info.last_used_at for info in work.issuer.tokens() if means(info, rotation.old)), None)
    again = lifecycle.look_again(rotation, last_used, work.now)
    if again is not None and again <= work.now:
        raise NeedsOperator(
            f"The old token {rotation.old.handle} was used at {_text(last_used)}, and its longest overlap is over.",
            remedy=f"Move its last users to the new one; `rotate retire {rotation.id}` revokes it all the same.",
        )
    return again


def _still_in_step(work: Work) -> None:
    """Look again, after an overlap or a restart, whether somebody put a dying token back."""
    dying = lifecycle.still_alive(work.rotation)

    def holds_a_dying_one(destination: Destination) -> bool:
        opened = work.open(destination)
        if not opened.traits.readable:
            return False
        stored = opened.store.current(opened.place)
        return stored is not None and any(work.matches(token, stored.value) for token in dying)

    for destination, result in side_by_side(holds_a_dying_one, work.rotation.destinations):
        if isinstance(result, Exception):
            raise result
        if result:
            raise NeedsOperator(
                f"{destination.target} holds the old token again: somebody put it back.",
                remedy=f"It was not revoked. Put the new one there, then run `rotate retire {work.rotation.id}`.",
            )


def contain(work: Work) -> None:
    """Revoke the old token before there is a new one. Only where the user chose containment before availability."""
    _expect(work, Phase.PLANNED)
    old = work.rotation.old
    assert old is not None
    after, proofs = death.end_all(work, (old,), "containing")
    work.record(without_trouble(after), "contained", proof=proofs)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
