"""A person hands in the value of the token that they were asked to make.

Everything that could make the value be lost a moment later is looked for before it is taken: its shape, whether it is
one that we know, whether every destination can be written, whether the issuer accepts it, and what its policy asks
beside. What is refused leaves the rotation as it was, waiting; the person still has the value, and tries again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from rotator.domain.contracts import Stored, Verdict, Verification
from rotator.domain.durations import Duration
from rotator.domain.errors import InvalidInput, NeedsOperator, Permanent, Temporary
from rotator.domain.lifecycle import Step, moved, next_step, with_destinations, with_token
from rotator.domain.model import Destination, Handle, Phase, Placed, Rotation, TokenState
from rotator.domain.secret_value import SecretValue
from rotator.flow import asking
from rotator.flow.publishing import gravest
from rotator.flow.values import value_of
from rotator.flow.verifying import passed_trial
from rotator.flow.work import Work, poll, side_by_side, without_trouble

_SENDABLE: Final = r"[\x21-\x7e]+"
"""Visible characters without blanks: nothing else can be sent in a header."""


def take(work: Work, value: SecretValue, expires_at: datetime | None = None) -> None:
    """Take this value for the token that was asked for. It is not told in any error.

    Raises InvalidInput for a value that is refused, and whatever stands in the way of using it now; nothing was taken.
    """
    again = is_lost(work)
    if not again:
        _refuse_unless_asked(work)
    _refuse_misshapen(work, value)
    if again:
        _refuse_another(work, value)
    else:
        _refuse_known(work, value)
    places = _looked_at(work)
    accepted = _accepted(work, value)
    _refuse_unless_passed(work, value)
    work.held.new = value
    if again:
        after = with_destinations(without_trouble(work.rotation), places)
        work.record(after, "handed in again", name=work.new.name)
        return
    live = replace(
        work.new,
        state=TokenState.LIVE,
        handle=accepted.handle or Handle(str(work.new.name)),
        fingerprint=work.fingerprint(value),
        created_at=work.now,
        expires_at=expires_at or _end_of(work),
    )
    after = with_token(with_destinations(work.rotation, places), live.id, lambda _: live)
    expires = live.expires_at.isoformat(timespec="seconds") if live.expires_at else None
    work.record(moved(after, Phase.ISSUED, work.now), "handed in", name=live.name, expires=expires)


def is_waited_for(rotation: Rotation) -> bool:
    """Tell whether a person is asked to make a token, and has not handed it in."""
    intended = rotation.new is not None and rotation.new.state is TokenState.INTENDED
    asked = rotation.trouble is not None and rotation.trouble.is_asked
    return intended and asked and rotation.phase is Phase.PLANNED and rotation.given_up is None


def _refuse_unless_asked(work: Work) -> None:
    rotation, new = work.rotation, work.rotation.new
    waits = rotation.phase is Phase.PLANNED and new is not None and new.state is TokenState.INTENDED
    if rotation.given_up is not None or not waits or work.by_hand is None:
        raise InvalidInput.of(
            f"Rotation {rotation.id} of {rotation.secret} waits for no value: it is {rotation.phase}",
            "`rotate status` says what it waits for",
        )


def is_lost(work: Work) -> bool:
    """Tell whether a value was handed in, and lost with the process that had it."""
    return work.by_hand is not None and next_step(work.rotation, holding=work.holding) is Step.RECOVER


# --- what is refused -----------------------------------------------------------------------------------------------


def _refuse_misshapen(work: Work, value: SecretValue) -> None:
    if not value.fits(_SENDABLE):
        raise InvalidInput.of(
            "What was handed in is no token: it has blanks, line breaks or unusual characters inside",
            "copy it once more, the value alone",
        )
    pattern = work.issuer.traits.value_pattern
    if pattern is not None and not value.fits(pattern):
        raise InvalidInput.of(
            f"What was handed in does not look like a token of {work.rotation.issuer.connection}: "
            f"those match {pattern}",
            "copy it once more, whole and alone",
        )


def _refuse_known(work: Work, value: SecretValue) -> None:
    known = work.tools.ledger.token_of_value(value)
    if known is None:
        return
    remedy = f"make a new one, named {work.new.name}, and hand that in"
    if work.rotation.old is not None and known.id == work.rotation.old.id:
        raise InvalidInput.of(f"This is the value of {asking.names([known])}, the token that is in use now", remedy)
    whose = "an earlier one" if known.secret == work.rotation.secret else f"one of {known.secret}"
    raise InvalidInput.of(f"This is the value of {asking.names([known])}, {whose}", remedy)


def _refuse_another(work: Work, value: SecretValue) -> None:
    if not work.matches(work.new, value):
        raise InvalidInput.of(
            f"This is not the value of {work.new.name} that was handed in before",
            f"if you do not have that one any more, `rotate provide {work.rotation.id} --lost` asks for another",
        )


def _accepted(work: Work, value: SecretValue) -> Verification:
    """Give the issuer's word for the value. InvalidInput when it refuses it, NeedsOperator when it does not say."""
    said: list[Verification] = []

    def accepted() -> Verification | None:
        said.append(work.issuer.verify(value))
        return said[-1] if said[-1].verdict is Verdict.VALID else None

    found = poll(work, work.issuer.traits.issue_propagation, accepted)
    if found is not None:
        return found
    name, issuer = work.new.name, work.rotation.issuer.connection
    if said[-1].verdict is Verdict.INDETERMINATE:
        raise NeedsOperator(
            f"{issuer} does not say whether the value works, so it was not taken. {said[-1].reason}".strip(),
            remedy="Keep the value, and hand it in again when it does.",
        )
    if _refuses_the_old_one_too(work):
        raise InvalidInput.of(
            f"{issuer} refuses this value, and the token that is in use, too",
            "it may be the account and not the token: look whether its subscription is paid; then hand it in again",
        )
    raise InvalidInput.of(
        f"{issuer} refuses this value",
        f"copy the one of {name} once more; if it cannot be seen any more, delete {name} there, make another with the "
        "same name and hand that in",
    )


def _refuse_unless_passed(work: Work, value: SecretValue) -> None:
    """Refuse what the policy's ``verify`` refuses, while the person can still make another."""
    try:
        passed_trial(work, value)
    except Permanent as error:
        remedy = f"delete {work.new.name} there, make another with the same name that may do more, and hand that in"
        raise InvalidInput.of(error.what.rstrip("."), remedy) from error
    except Temporary as error:
        remedy = "Keep the value, and hand it in again when it does."
        raise NeedsOperator(f"{error.what} So it was not taken.", remedy=remedy) from error


def _refuses_the_old_one_too(work: Work) -> bool:
    value = value_of(work, work.rotation.old) if work.rotation.old is not None else None
    return value is not None and work.issuer.verify(value).verdict is Verdict.INVALID


# --- where it is to go ---------------------------------------------------------------------------------------------


def _looked_at(work: Work) -> list[Destination]:
    """Look whether every destination can still be written; give those that are untouched as they are now.

    Days may have passed since the rotation was planned. What nobody can read is taken as it stands.
    """

    def look(destination: Destination) -> tuple[Destination, Stored | None]:
        opened = work.open(destination)
        stored = opened.store.preflight(opened.place)
        if stored is None or destination.state is not Placed.PENDING:
            return destination, stored
        if opened.traits.readable and not _as_before(work, destination, stored):
            raise NeedsOperator(
                "it holds another value than when this rotation began.",
                remedy=f"If that may be written over, run `rotate resume {work.rotation.id}`, and hand it in again.",
            )
        return replace(destination, before=stored.version), stored

    work.keep_lease()
    results = side_by_side(look, work.rotation.destinations)
    failures = [(place, result) for place, result in results if isinstance(result, Exception)]
    if failures:
        raise gravest(failures)
    seen = [result for _, result in results if not isinstance(result, Exception)]
    for _, stored in seen:
        if stored is not None and work.matches(work.rotation.old, stored.value):
            work.held.old = stored.value  # to be tried when it should be dead
    return [place for place, _ in seen]


def _as_before(work: Work, destination: Destination, stored: Stored) -> bool:
    fingerprint = work.fingerprint(stored.value) if stored.value is not None else None
    return fingerprint in (None, destination.before_fingerprint)


def _end_of(work: Work) -> datetime | None:
    lifetime = work.rotation.lifetime
    return work.issuer.traits.expiry.end_of(Duration.parse(lifetime) if lifetime else None, work.now)
