"""Where making a token cuts the old one's life short: its new end is read from the issuer's list, and written down.

So a rotation that is stuck or withdrawn does not leave the ledger believing in an end that has moved: what is due,
what is rescued first and who is alerted follow from it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from rotator.domain.contracts import Coexistence
from rotator.domain.identity import means
from rotator.domain.lifecycle import with_token
from rotator.domain.model import Proof, TokenState
from rotator.flow.work import Work


def note_shortened(work: Work) -> None:
    """Write down when the old token ends now. One that is not listed any more has ended.

    Nothing is asked where making a token leaves the old one alone. An issuer that lists nothing, or no expiry, leaves
    it to its users to know: the ledger then keeps what it has.
    """
    old, traits = work.rotation.old, work.issuer.traits
    shortens = traits.coexistence is Coexistence.SHORTENS_OLD and traits.lists
    made = any(token.proof is not Proof.NEVER_MADE for token in work.rotation.tokens)
    if not shortens or not made or old is None or old.state is not TokenState.LIVE:
        return
    work.keep_lease()
    listed = next((info for info in work.issuer.tokens() if means(info, old)), None)
    end = listed.expires_at if listed is not None else work.now
    if _is_sooner(end, old.expires_at):
        shortened = with_token(work.rotation, old.id, lambda token: replace(token, expires_at=end))
        work.record(shortened, "shortened", handle=old.handle, expires=end and end.isoformat(timespec="seconds"))


def _is_sooner(end: datetime | None, known: datetime | None) -> bool:
    return end is not None and (known is None or end < known)
