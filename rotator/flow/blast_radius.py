"""Which other secrets may have got out together with one that did. Pure; nothing is rotated because of it unasked.

Five rings, the nearest first: what stands in the same document (who read one field read the others), what is made or
stored with a credential of ours that stands there, what the same account of an issuer made, what the same people own,
what the same store serves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rotator.domain.model import ConnectionName, SecretName, Target
from rotator.domain.policy import Policy

_FIELDS: Final = frozenset({"field", "var", "key"})
"""What stores call the part of a document that is one secret's own."""


class Ring(StrEnum):
    """What two secrets share."""

    DOCUMENT = "the same document"
    CREDENTIAL = "a credential of its connection in the same document"
    ISSUER = "the same issuer account"
    OWNER = "the same owner"
    STORE = "the same store"


@dataclass(frozen=True)
class Neighbour:
    """A secret that was not chosen, and what it shares with one that was: the nearest ring, and what that is."""

    policy: Policy
    ring: Ring
    shared: str
    with_secret: SecretName


Credentials = Mapping[ConnectionName, Sequence[Target]]
"""Where connections read their credentials, of those that read them in stores."""


def neighbours(
    chosen: Sequence[Policy], everything: Iterable[Policy], credentials: Credentials | None = None
) -> tuple[Neighbour, ...]:
    """Give those that share something with a chosen one, the nearest first. Their own neighbours are not among them."""
    named = {policy.name for policy in chosen}
    held = {ring: _first_holders(chosen, ring) for ring in Ring}
    held[Ring.CREDENTIAL] = held[Ring.DOCUMENT]
    found = []
    for policy in everything:
        if policy.name in named:
            continue
        near = _nearest(policy, held, credentials or {})
        if near is not None:
            found.append(near)
    order = list(Ring)
    return tuple(sorted(found, key=lambda each: (order.index(each.ring), each.policy.name)))


def _nearest(
    policy: Policy, held: dict[Ring, dict[Hashable, SecretName]], credentials: Credentials
) -> Neighbour | None:
    for ring in Ring:
        for what, shown in _read_by(policy, credentials) if ring is Ring.CREDENTIAL else _things(policy, ring):
            if what in held[ring]:
                return Neighbour(policy, ring, shown, held[ring][what])
    return None


def _first_holders(chosen: Iterable[Policy], ring: Ring) -> dict[Hashable, SecretName]:
    holders: dict[Hashable, SecretName] = {}
    for policy in chosen:
        for what, _ in _things(policy, ring):
            holders.setdefault(what, policy.name)
    return holders


def _things(policy: Policy, ring: Ring) -> Iterable[tuple[Hashable, str]]:
    """Give what a policy has of a kind: to compare, and to show."""
    match ring:
        case Ring.DOCUMENT:
            return [document(target) for target in policy.targets]
        case Ring.ISSUER:
            return [(policy.issuer.connection, str(policy.issuer.connection))]
        case Ring.OWNER:
            return [(policy.owner, policy.owner)] if policy.owner else []
        case Ring.STORE:
            return [(target.connection, str(target.connection)) for target in policy.targets]
        case Ring.CREDENTIAL:
            return []  # what a policy's connections read is not what it writes


def _read_by(policy: Policy, credentials: Credentials) -> Iterable[tuple[Hashable, str]]:
    """Give the documents that a policy's connections read their credentials in."""
    for connection in (policy.issuer.connection, *(target.connection for target in policy.targets)):
        for target in credentials.get(connection, ()):
            what, shown = document(target)
            yield what, f"{shown}, read by {connection}"


def document(target: Target) -> tuple[Hashable, str]:
    """Give what a place and its neighbours have in common: all that names it but the field.

    Only texts name a place; what is written how (``create``, ``redeploy``, ``targets`` …) does not.
    """
    names = {
        name: str(value)
        for name, value in target.place.items()
        if name not in _FIELDS and value is not None and not isinstance(value, bool | list | tuple | dict)
    }
    shown = " ".join([str(target.connection), *(f"{name}={value}" for name, value in names.items())])
    return (target.connection, *sorted(names.items())), shown


def is_shareable(target: Target) -> bool:
    """Tell whether a place is a part of a document, beside which there may be parts of others."""
    return any(target.place.get(name) is not None for name in _FIELDS)


def by_ring(found: Iterable[Neighbour]) -> dict[Ring, list[Neighbour]]:
    """Sort them by what they share."""
    rings: dict[Ring, list[Neighbour]] = defaultdict(list)
    for each in found:
        rings[each.ring].append(each)
    return dict(rings)
