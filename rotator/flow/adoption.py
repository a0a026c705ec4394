"""Taking over the token that is in use now, so that its first rotation knows which one to revoke.

Adoption changes nothing at the issuer and in no store. It needs the user's word, or the issuer's own, for which
handle the value in the stores belongs to: a token that cannot be attributed is never revoked.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from rotator.domain.contracts import IssuerTraits, TokenInfo, Verdict
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.domain.model import Destination, Event, Handle, Token, TokenId, TokenName, TokenState
from rotator.domain.policy import Policy
from rotator.domain.secret_value import SecretValue
from rotator.flow.publishing import gravest
from rotator.flow.work import Tools, side_by_side


def adopt(tools: Tools, policy: Policy, handle: Handle | None, expires_at: datetime | None = None) -> Token:
    """Make the token that the destinations hold the secret's current one; give it.

    ``handle`` is its id at the issuer, or its name where people make the tokens; ``expires_at`` counts where the issuer
    does not tell.

    Raises NeedsOperator when the destinations disagree, hold nothing that can be read, or nobody tells the handle;
    Permanent when the issuer does not know the token; AlreadyOpen while a rotation is under way.
    """
    issuer = tools.connections.issuer(policy.issuer)
    value = _value_in_use(tools, policy)
    told = None
    if value is not None:
        verification = issuer.verify(value)
        if verification.verdict is Verdict.INVALID:
            raise Permanent(
                f"The issuer refuses the value that the destinations of {policy.name} hold: it is dead already.",
                remedy=f"Start with a new token: `rotate now {policy.name}`.",
            )
        if verification.verdict is Verdict.INDETERMINATE:
            raise Temporary(f"The issuer does not say whether the token in use works. {verification.reason}".strip())
        told = verification.handle
    handle = _agreed(policy, handle, told, by_hand=issuer.traits.by_hand)
    listed = _listed(list(issuer.tokens()), handle) if issuer.traits.lists else _as_told(issuer.traits, handle)
    token = Token(
        id=TokenId(f"adopted-{secrets.token_hex(4)}"),
        secret=policy.name,
        state=TokenState.LIVE,
        name=listed.name,
        handle=handle,
        fingerprint=tools.ledger.fingerprint(value) if value is not None else None,
        created_at=listed.created_at or tools.clock.now(),
        expires_at=listed.expires_at or expires_at,
    )
    event = Event("adopted", policy.name, tools.clock.now(), tools.actor, detail={"handle": handle, "name": token.name})
    tools.ledger.adopt(token, event)
    for observer in tools.observers:
        observer(event)
    return token


def _value_in_use(tools: Tools, policy: Policy) -> SecretValue | None:
    """Give the one value that all readable destinations hold; None when none of them can be read."""

    def held(destination: Destination) -> tuple[bool, SecretValue | None]:
        opened = tools.connections.destination(destination.target)
        if not opened.traits.readable:
            return False, None
        stored = opened.store.current(opened.place)
        return True, stored.value if stored is not None else None

    places = [Destination(ordinal, target) for ordinal, target in enumerate(policy.targets)]
    results = side_by_side(held, places)
    failures = [(place, result) for place, result in results if isinstance(result, Exception)]
    if failures:
        raise gravest(failures)
    readable = [(place, result[1]) for place, result in results if not isinstance(result, Exception) and result[0]]
    values = [(place, value) for place, value in readable if value is not None]
    if readable and not values:
        raise NeedsOperator(
            f"No destination of {policy.name} holds a token yet, so there is none to adopt.",
            remedy=f"Start with a new one: `rotate now {policy.name}`.",
        )
    for place, value in values[1:]:
        if not value.same_as(values[0][1]):
            raise NeedsOperator(
                f"{values[0][0].target} and {place.target} hold different tokens.",
                remedy="Put the one that is to be adopted in both.",
            )
    return values[0][1] if values else None


def _as_told(traits: IssuerTraits, handle: Handle) -> TokenInfo:
    """Give what is known of a token that nobody lists. A page that people use knows it by its name."""
    return TokenInfo(handle, TokenName(handle) if traits.by_hand else None)


def _agreed(policy: Policy, given: Handle | None, told: Handle | None, *, by_hand: bool) -> Handle:
    if given is not None and told is not None and given != told:
        raise NeedsOperator(
            f"The issuer says that the token in use is {told}, not {given}.", remedy="Leave --handle away to adopt it."
        )
    handle = told or given
    if handle is None:
        raise NeedsOperator(
            f"This issuer does not tell which token the value of {policy.name} belongs to.",
            remedy=f"Look it up there and give its {'name' if by_hand else 'id'}: "
            f"`rotate adopt {policy.name} --handle {'NAME' if by_hand else 'ID'}`.",
        )
    return handle


def _listed(tokens: list[TokenInfo], handle: Handle) -> TokenInfo:
    found = next((info for info in tokens if info.handle == handle), None)
    if found is None:
        raise Permanent(
            f"The issuer lists no token {handle}.",
            remedy=f"It lists: {', '.join(str(info.handle) for info in tokens) or 'none at all'}.",
        )
    return found
