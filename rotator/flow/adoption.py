"""Taking over the token that is in use now, so that its first rotation knows which one to revoke.

Adoption changes nothing at the issuer and in no store. It needs the user's word, or the issuer's own, for which
handle the value in the stores belongs to: a token that cannot be attributed is never revoked. Nor is one forgotten:
what becomes of another token that was in force, ``succession`` says.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from rotator.domain.contracts import Issuer, IssuerTraits, TokenInfo, Verdict
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.domain.model import (
    Destination,
    Event,
    Fingerprint,
    Handle,
    Secret,
    Token,
    TokenId,
    TokenName,
    TokenState,
)
from rotator.domain.naming import ADOPTED
from rotator.domain.policy import Policy, PolicySet
from rotator.domain.secret_value import SecretValue
from rotator.flow.publishing import gravest
from rotator.flow.succession import Seen, as_known, the_end_of
from rotator.flow.work import Tools, side_by_side
from rotator.ledger.errors import AlreadyOpen
from rotator.ledger.picture import Picture


def adopt(
    tools: Tools,
    policy: Policy,
    handle: Handle | None,
    expires_at: datetime | None = None,
    policies: PolicySet | None = None,
) -> Token:
    """Make the token that the destinations hold the secret's current one; give it.

    ``handle`` is its id at the issuer, or its name where people make the tokens; ``expires_at`` counts where the issuer
    does not tell. Adopted once more, it is only known better. Where another one was in force, a rotation is left behind
    that ends it after the overlap. ``policies``: all there are; a secret without one counts as gone.

    Raises NeedsOperator when the destinations disagree, hold nothing that can be read, nobody tells the handle, or the
    token is another secret's; Permanent when the issuer does not know the token; AlreadyOpen while a rotation is under
    way.
    """
    issuer, picture = tools.connections.issuer(policy.issuer), tools.ledger.picture()
    secret = _secret(picture, policy)
    if secret.open is not None:
        raise AlreadyOpen(policy.name, secret.open.id)
    seen = _looked_at(tools, policy, even_unreadable=_in_force(secret) is not None)
    value = _value_in_use(policy, seen)
    fingerprint = tools.ledger.fingerprint(value) if value is not None else None
    told = _told_by_issuer(policy, issuer, value) or _told_when_it_was_made(secret, fingerprint)
    handle = _agreed(policy, handle, told, by_hand=issuer.traits.by_hand)
    listed = _listed(list(issuer.tokens()), handle) if issuer.traits.lists else _as_told(issuer.traits, handle)
    token = Token(
        id=TokenId(f"{ADOPTED}{secrets.token_hex(4)}"),
        secret=policy.name,
        state=TokenState.LIVE,
        name=listed.name,
        handle=handle,
        fingerprint=fingerprint,
        created_at=listed.created_at or tools.clock.now(),
        expires_at=listed.expires_at or expires_at,
    )
    _refuse_anothers(picture, policy, token, policies)
    return _put_in_force(tools, policy, picture, token, seen)


def _put_in_force(tools: Tools, policy: Policy, picture: Picture, token: Token, seen: list[Seen]) -> Token:
    """Write the adoption down, together with what becomes of the token that was in force."""
    secret = _secret(picture, policy)
    in_force, made_through = _in_force(secret), picture.made_through.get(secret.name)
    known = as_known(in_force, made_through, token, policy.issuer) if in_force is not None else None
    is_of_here = made_through is not None and not made_through.may_be_another(policy.issuer)
    if known is not None and known == in_force and is_of_here:
        return known
    token, ended_by = known or token, None
    if in_force is not None and known is None:
        ended_by = the_end_of(tools, policy, secret, picture, token, seen)
    detail = {"handle": token.handle, "name": token.name}
    if ended_by is not None and in_force is not None:
        detail["in_place_of"] = in_force.handle or in_force.name
    event = Event(
        "adopted", secret.name, tools.clock.now(), tools.actor, ended_by.id if ended_by is not None else None, detail
    )
    tools.ledger.adopt(token, event, ended_by, policy.issuer)
    tools.tell(event)
    return token


def _secret(picture: Picture, policy: Policy) -> Secret:
    return next((known for known in picture.secrets if known.name == policy.name), Secret(policy.name))


def _in_force(secret: Secret) -> Token | None:
    """Give the token that an adoption must not forget."""
    return secret.current if secret.current is not None and secret.current.state.may_live else None


# --- what the destinations hold ------------------------------------------------------------------------------------


def _looked_at(tools: Tools, policy: Policy, *, even_unreadable: bool) -> list[Seen]:
    """Look at every place, at those that show no value only where it matters since when they hold what they hold."""

    def look(destination: Destination) -> Seen:
        opened = tools.connections.destination(destination.target)
        readable = opened.traits.readable
        stored = opened.store.current(opened.place) if readable or even_unreadable else None
        return Seen(destination, readable, stored)

    places = [Destination(ordinal, target) for ordinal, target in enumerate(policy.targets)]
    results = side_by_side(look, places)
    failures = [(place, result) for place, result in results if isinstance(result, Exception)]
    if failures:
        raise gravest(failures)
    return [result for _, result in results if not isinstance(result, Exception)]


def _value_in_use(policy: Policy, seen: list[Seen]) -> SecretValue | None:
    """Give the one value that all readable destinations hold; None when none of them can be read."""
    readable = [(each.destination, each.stored.value if each.stored else None) for each in seen if each.readable]
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


# --- whose token it is ---------------------------------------------------------------------------------------------


def _told_by_issuer(policy: Policy, issuer: Issuer, value: SecretValue | None) -> Handle | None:
    """Give the handle that the issuer tells of this value, where it does. Permanent: the value is dead."""
    if value is None:
        return None
    verification = issuer.verify(value)
    if verification.verdict is Verdict.INVALID:
        raise Permanent(
            f"The issuer refuses the value that the destinations of {policy.name} hold: it is dead already.",
            remedy=f"Start with a new token: `rotate now {policy.name}`.",
        )
    if verification.verdict is Verdict.INDETERMINATE:
        raise Temporary(f"The issuer does not say whether the token in use works. {verification.reason}".strip())
    return verification.handle


def _told_when_it_was_made(secret: Secret, fingerprint: Fingerprint | None) -> Handle | None:
    """Give the handle that came with this value when it was issued. One that a person told may have been wrong."""
    current = secret.current
    is_it = current is not None and fingerprint is not None and current.fingerprint == fingerprint
    return current.handle if current is not None and is_it and not secret.adopted else None


def _refuse_anothers(picture: Picture, policy: Policy, token: Token, policies: PolicySet | None) -> None:
    """Refuse a token that another secret has: the first of them to be rotated would end it under the other one.

    One without a policy does not count: it was renamed, say, and nothing rotates it once its open rotation has ended.
    """
    connections = {each.name: each.issuer.connection for each in policies.policies} if policies is not None else {}
    under_way = {each.name for each in picture.secrets if each.open is not None}
    for other, made_by in ((known.token, known.connection) for known in picture.tokens):
        gone = policies is not None and other.secret not in connections and other.secret not in under_way
        if other.secret == policy.name or gone:
            continue
        same_value = token.fingerprint is not None and other.fingerprint == token.fingerprint
        same_issuer = policy.issuer.connection == (made_by or connections.get(other.secret))
        same_name = None in (other.name, token.name) or other.name == token.name
        if same_value or (same_issuer and same_name and other.handle == token.handle):
            raise NeedsOperator(
                f"{token.handle} is the token of {other.secret}: if both had it, either would end it under the other.",
                remedy="Name all of its places under `stores` of that one policy, or give "
                f"{policy.name} a token of its own.",
            )


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
