"""Tokens that were taken for dead, and that their issuer lists again: revoked once more, by their exact handle.

So are those that came too late to be used, and could not be revoked then.

They belong to no open rotation, so what is done is written into the secret's history, and not into a rotation.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from rotator.domain.errors import RotatorError
from rotator.domain.identity import means
from rotator.domain.model import Event, Proof, Token
from rotator.domain.standing import LATE_ENDED
from rotator.flow.budget import on_behalf_of
from rotator.flow.outlook import Outlook
from rotator.flow.work import Tools
from rotator.observe.incident import Fate, OldToken

_LOOK_AGAIN: Final = timedelta(seconds=1)


def end_again(tools: Tools, outlook: Outlook) -> Iterator[OldToken]:
    """Revoke those of one secret again, and say what is seen of each. An error is told, not raised.

    Nobody has their value any more, so none is proven dead: at best its issuer lists it no longer.
    """
    for token in outlook.returned:
        with on_behalf_of(outlook.order.cause):
            try:
                gone = _end(tools, outlook, token)
                said = "not listed any more" if gone else "still listed"
            except RotatorError as error:
                gone, said = False, str(error)
        detail = {"handle": token.handle, "seen": said}
        kind = "revoked again"
        if gone and token.proof is None:
            kind, detail = LATE_ENDED, {**detail, "proof": Proof.UNLISTED}
        event = Event(kind, outlook.name, tools.clock.now(), tools.actor, detail=detail)
        tools.ledger.note(event)
        tools.tell(event)
        fate = Fate.UNPROVEN if gone else Fate.ALIVE
        connection = outlook.order.policy.issuer.connection
        yield OldToken(
            outlook.name, connection, token.handle, token.name, fate, f"revoked again: {said}", token.created_at
        )


def _end(tools: Tools, outlook: Outlook, token: Token) -> bool:
    """Revoke a token, and tell whether it disappears from the list within the time its issuer may take."""
    issuer = tools.connections.issuer(outlook.order.policy.issuer)
    assert token.handle is not None
    issuer.revoke(token.handle)
    deadline = tools.clock.now() + issuer.traits.revoke_propagation
    while any(means(info, token) for info in issuer.tokens()):
        if tools.clock.now() >= deadline or not tools.clock.wait(_LOOK_AGAIN):
            return False
    return True
