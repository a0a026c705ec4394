"""Where making a token cuts the old one's life short: its new end is read from the issuer's list, and written down.

So a rotation that is stuck or withdrawn does not leave the ledger believing in an end that has moved: what is due,
what is rescued first and who is alerted follow from it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from rotator.domain.contracts import Coexistence, TokenInfo
from rotator.domain.identity import means
from rotator.domain.lifecycle import with_token
from rotator.domain.model import Event, Proof, Rotation, Token, TokenState
from rotator.flow.work import Work
from rotator.ledger.errors import AlreadyOpen, OutOfDate


def note_shortened(work: Work) -> None:
    """Write down when the old token ends now. One that is not listed any more has ended.

    Nothing is asked where making a token leaves the old one alone. An issuer that lists nothing, or no expiry, leaves
    it to its users to know: the ledger then keeps what it has.
    """
    old = work.rotation.old
    made = any(token.proof is not Proof.NEVER_MADE for token in work.rotation.tokens)
    if not _shortens(work) or not made or old is None or old.state is not TokenState.LIVE:
        return
    listed = _as_listed(work, old)
    end = listed.expires_at if listed is not None else work.now
    if _is_sooner(end, old.expires_at):
        shortened = with_token(work.rotation, old.id, lambda token: replace(token, expires_at=end))
        work.record(shortened, "shortened", **_told(old, end))


def with_end_of_new(work: Work, rotation: Rotation) -> Rotation:
    """Give the rotation with the end that its new token has now: one that was lost may have been made after it."""
    new = rotation.new
    listed = _as_listed(work, new) if new is not None and rotation.strays and _shortens(work) else None
    if new is None or listed is None or not _is_sooner(listed.expires_at, new.expires_at):
        return rotation
    return with_token(rotation, new.id, lambda token: replace(token, expires_at=listed.expires_at))


def note_end_of_current(work: Work) -> None:
    """Write down when the token in force ends, now that another came too late. An open rotation does so itself."""
    secret = work.tools.ledger.secret(work.rotation.secret)
    current = secret.current
    listed = _as_listed(work, current) if current is not None and secret.open is None and _shortens(work) else None
    if current is None or listed is None or not _is_sooner(listed.expires_at, current.expires_at):
        return
    told = _told(current, listed.expires_at)
    event = Event("shortened", secret.name, work.now, work.tools.actor, work.rotation.id, told)
    with suppress(AlreadyOpen, OutOfDate):  # then it is about to be replaced
        work.tools.ledger.adopt(replace(current, expires_at=listed.expires_at), event)
        work.tools.tell(event)


def _shortens(work: Work) -> bool:
    traits = work.issuer.traits
    return traits.coexistence is Coexistence.SHORTENS_OLD and traits.lists


def _as_listed(work: Work, token: Token) -> TokenInfo | None:
    work.keep_lease()
    return next((info for info in work.issuer.tokens() if means(info, token)), None)


def _told(token: Token, end: datetime | None) -> dict[str, str | None]:
    return {"handle": token.handle, "expires": end.isoformat(timespec="seconds") if end else None}


def _is_sooner(end: datetime | None, known: datetime | None) -> bool:
    return end is not None and (known is None or end < known)
