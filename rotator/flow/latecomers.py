"""Tokens that came when their rotation was no longer ours, as they stand in their secret's history.

Others went on without them, so no rotation holds them, and nobody will ever use them. Each is written down before it is
revoked, and again once it is dead: what has the first line alone may live.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rotator.domain.model import ConnectionName, Event, Handle, SecretName, Token, TokenId, TokenName, TokenState
from rotator.domain.standing import CAME_LATE, LATE_ENDED
from rotator.ledger.ledger import Ledger
from rotator.ledger.picture import KnownToken


def detail_of(token: Token, issuer: ConnectionName) -> dict[str, str | None]:
    """Give what an event remembers of one."""
    made = token.created_at.isoformat() if token.created_at is not None else None
    return {"id": token.id, "handle": token.handle, "name": token.name, "issuer": issuer, "made": made}


def may_live(events: Iterable[Event]) -> list[KnownToken]:
    """Give those that were not seen to be dead, of events that are in the order of their history."""
    late: dict[tuple[SecretName, str], KnownToken] = {}
    for event in events:
        if event.kind == CAME_LATE:
            late[event.secret, event.detail["handle"]] = _as_told(event)
        elif event.kind == LATE_ENDED:
            late.pop((event.secret, event.detail["handle"]), None)
    return list(late.values())


def of_ledger(ledger: Ledger) -> list[KnownToken]:
    """Give those of all secrets. One query, however many there are."""
    return may_live(ledger.standing_events(CAME_LATE, LATE_ENDED))


def _as_told(event: Event) -> KnownToken:
    told = event.detail
    token = Token(
        id=TokenId(f"{told['id']}, late"),
        secret=event.secret,
        state=TokenState.REVOKING,
        name=TokenName(told["name"]) if told["name"] else None,
        handle=Handle(told["handle"]),
        created_at=datetime.fromisoformat(told["made"]) if told["made"] else None,
    )
    return KnownToken(token, ConnectionName(told["issuer"]))
