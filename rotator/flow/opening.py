"""How a rotation begins: everything that can stand in its way is looked for first, while nothing is touched.

Each destination is read (that it can be written, what it holds now), the issuer's quota is counted, and only then
does the ledger get its row. What the destinations hold is remembered as versions and fingerprints; the old value
stays in memory, to be tried when it should be dead.
"""

from __future__ import annotations

import secrets
import shlex
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rotator.domain import plan
from rotator.domain.contracts import IssuerTraits, Stored, Verdict
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.domain.model import (
    Cause,
    Destination,
    Event,
    Mode,
    Overlap,
    Phase,
    Rotation,
    RotationId,
    Secret,
    Token,
    TokenId,
    TokenState,
)
from rotator.domain.policy import Policy
from rotator.domain.secret_value import SecretValue
from rotator.flow.asking import names
from rotator.flow.publishing import gravest
from rotator.flow.work import LEASE, Held, Tools, side_by_side
from rotator.ledger.errors import OutOfDate
from rotator.ledger.leases import Lease


@dataclass(frozen=True)
class Order:
    """What to rotate, and why: a policy, and who or what asked."""

    policy: Policy
    cause: Cause = Cause.DUE
    mode: Mode = Mode.ROTATE_FIRST
    overlap: Overlap | None = None
    """Instead of the policy's."""
    reason: str = ""
    commit: str | None = None
    since: datetime | None = None
    """When the compromise was declared: a rotation that was begun later answers it, an earlier one does not."""
    decided_on: Secret | None = None
    """What it was ordered for. Another rotation that ended since then has done what was due."""


@dataclass(frozen=True)
class Begun:
    """A rotation that is open, and ours."""

    rotation: Rotation
    lease: Lease
    held: Held


def begin(tools: Tools, order: Order, secret: Secret | None = None) -> Begun:
    """Open a rotation for this order. ``secret``: what the ledger says of it, for who has just asked.

    Raises Permanent, Temporary or NeedsOperator for what stands in the way, and AlreadyOpen or OutOfDate when another
    process was quicker: then nothing was touched.
    """
    held = Held()
    try:
        return _begin(tools, order, secret or tools.ledger.secret(order.policy.name), held)
    except Exception:
        held.forget()  # nobody goes on with it, however long the error is kept
        raise


def _begin(tools: Tools, order: Order, secret: Secret, held: Held) -> Begun:
    if order.decided_on is not None and _how_far(order.decided_on) != _how_far(secret):
        raise OutOfDate(secret.name)
    targets = [Destination(ordinal, target) for ordinal, target in enumerate(order.policy.targets)]
    _refuse_obstacles(tools, order)
    contains = order.mode is Mode.REVOKE_FIRST and order.cause is Cause.COMPROMISED
    destinations = _looked_at(tools, targets, secret, held, even_unseen=contains)
    _refuse_a_token_of_another_issuer(tools, order.policy, secret.current, held.old)
    rotation = planned(tools, order, secret, destinations)
    detail = {
        "cause": order.cause,
        "mode": rotation.mode,
        "reason": order.reason,
        "commit": order.commit,
        "destinations": [str(place.target) for place in destinations],
        "old": rotation.old.handle if rotation.old else None,
    }
    event = Event("opened", rotation.secret, rotation.opened_at, tools.actor, rotation.id, detail)
    rotation, lease = tools.ledger.begin(rotation, tools.owner, rotation.opened_at, LEASE, event)
    tools.tell(event)
    return Begun(rotation, lease, held)


def _how_far(secret: Secret) -> tuple[TokenId | None, datetime | None]:
    return secret.current.id if secret.current is not None else None, secret.last_ended


def _refuse_obstacles(tools: Tools, order: Order) -> None:
    issuer = tools.connections.issuer(order.policy.issuer)
    if issuer.traits.by_hand:
        _refuse_a_full_page(tools, order, issuer.traits)
    listed = issuer.tokens() if issuer.traits.max_active is not None and issuer.traits.lists else ()
    in_the_way = plan.obstacle(issuer.traits, listed, order.mode)
    if in_the_way:
        raise Permanent(
            f"{order.policy.issuer.connection}: {in_the_way}.",
            remedy="Delete a token that nobody uses, or accept downtime with --revoke-first.",
        )


def _refuse_a_token_of_another_issuer(
    tools: Tools, policy: Policy, current: Token | None, value: SecretValue | None
) -> None:
    """Refuse where the token in force was made at another issuer: this one refuses its value, alive or not.

    A connection that only has another name or address since then accepts it.
    """
    made_through = tools.ledger.made_through(current.id) if current is not None else None
    now = policy.issuer.connection
    if current is None or made_through is None or not made_through.may_be_another(policy.issuer):
        return
    if value is not None and tools.connections.issuer(policy.issuer).verify(value).verdict is Verdict.VALID:
        return
    if made_through.connection == now:
        raise NeedsOperator(
            f"The token in force was made when the connection {now} led to {', '.join(made_through.hosts)}, and "
            f"{', '.join(policy.issuer.hosts)} does not know it: its death could not be proven there.",
            remedy="Give the connection its earlier address back, and the other service a connection of its own. If it "
            "is one service that moved, "
            f"`rotate adopt {policy.name} --handle {shlex.quote(str(current.handle))}` says so.",
        )
    raise NeedsOperator(
        f"The token in force was made through the connection {made_through.connection}, and {now} does not know it: "
        "its death could not be proven there.",
        remedy="If both are one issuer, give the connection its earlier name back. Else keep the earlier one, put a "
        f"token of {now} in the places, and run `rotate adopt {policy.name}`: the one in force is then ended.",
    )


def _refuse_a_full_page(tools: Tools, order: Order, traits: IssuerTraits) -> None:
    """Refuse where the issuer has no room for a token that a person would make, as far as we know those it has."""
    known = tools.ledger.tokens_of_issuer(order.policy.issuer.connection)
    current = tools.ledger.secret(order.policy.name).current
    if current is not None and all(token.id != current.id for token in known):
        known.append(current)
    if traits.max_active is None or len(known) < traits.max_active or order.mode is Mode.REVOKE_FIRST:
        return
    dying = [token for token in known if token.state is TokenState.REVOKING]
    first = names(dying) if dying else "one that nobody uses"
    raise Permanent(
        f"{order.policy.issuer.connection} allows {traits.max_active} tokens, and has at least these: {names(known)}.",
        remedy=f"Delete {first} there first, or accept downtime with --revoke-first.",
    )


def _looked_at(
    tools: Tools, targets: list[Destination], secret: Secret, held: Held, *, even_unseen: bool
) -> tuple[Destination, ...]:
    """Give the destinations with what they hold now; keep the old value in memory when one of them has it.

    ``even_unseen``: a store that does not answer now keeps no compromised token alive. Its place is written when it is
    back, if it still holds the old token; else a person says that what stands there may be written over.
    """

    def look(destination: Destination) -> Destination:
        opened = tools.connections.destination(destination.target)
        stored = opened.store.preflight(opened.place)
        return _as_it_is(tools, destination, stored, secret, held) if stored is not None else destination

    results = side_by_side(look, targets)
    failures = [(place, result) for place, result in results if isinstance(result, Exception)]
    if failures and not (even_unseen and all(isinstance(error, Temporary) for _, error in failures)):
        raise gravest(failures)
    return tuple(place if isinstance(result, Exception) else result for place, result in results)


def _as_it_is(tools: Tools, destination: Destination, stored: Stored, secret: Secret, held: Held) -> Destination:
    value = stored.value
    if value is None:
        return replace(destination, before=stored.version)
    held.shown.append(value)
    fingerprint = tools.ledger.fingerprint(value)
    if secret.current is not None and fingerprint == secret.current.fingerprint:
        held.old = value
    return replace(destination, before=stored.version, before_fingerprint=fingerprint)


def planned(tools: Tools, order: Order, secret: Secret, destinations: tuple[Destination, ...]) -> Rotation:
    now, policy = tools.clock.now(), order.policy
    at_once = Overlap(for_=timedelta())
    return Rotation(
        id=RotationId(f"{now:%Y%m%d}-{secrets.token_hex(4)}"),
        secret=policy.name,
        phase=Phase.PLANNED,
        cause=order.cause,
        mode=order.mode,
        issuer=policy.issuer,
        token_name=policy.token_name,
        lifetime=str(policy.lifetime) if policy.lifetime else None,
        overlap=at_once if order.cause is Cause.COMPROMISED else order.overlap or policy.overlap,
        opened_at=now,
        phase_at=now,
        old=secret.current,
        destinations=destinations,
        reason=order.reason,
        actor=tools.actor,
        commit=order.commit,
    )
