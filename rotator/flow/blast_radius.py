"""Which other secrets may have got out together with one that did. Pure; nothing is rotated because of it unasked.

Five rings, the nearest first: what stands in the same document (who read one field read the others), what is made or
stored with a credential of ours that stands there, what the same account of an issuer made, what the same people own,
what the same store serves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rotator.domain.contracts import Where
from rotator.domain.model import ConnectionName, SecretName, Target
from rotator.domain.policy import Policy


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
    chosen: Sequence[Policy],
    everything: Iterable[Policy],
    where: Callable[[Target], Where],
    credentials: Credentials | None = None,
) -> tuple[Neighbour, ...]:
    """Give those that share something with a chosen one, the nearest first. Their own neighbours are not among them."""
    named = {policy.name for policy in chosen}
    things = _Things(where, credentials or {})
    held = {ring: things.first_holders(chosen, ring) for ring in Ring}
    held[Ring.CREDENTIAL] = held[Ring.DOCUMENT]
    near = (things.nearest(policy, held) for policy in everything if policy.name not in named)
    order = list(Ring)
    return tuple(sorted(filter(None, near), key=lambda each: (order.index(each.ring), each.policy.name)))


@dataclass(frozen=True)
class _Things:
    """What policies have of each kind: to compare, and to show."""

    where: Callable[[Target], Where]
    credentials: Credentials

    def first_holders(self, chosen: Iterable[Policy], ring: Ring) -> dict[Hashable, SecretName]:
        holders: dict[Hashable, SecretName] = {}
        for policy in chosen:
            for what, _ in self._of(policy, ring):
                holders.setdefault(what, policy.name)
        return holders

    def nearest(self, policy: Policy, held: Mapping[Ring, Mapping[Hashable, SecretName]]) -> Neighbour | None:
        for ring in Ring:
            for what, shown in self._of(policy, ring):
                if what in held[ring]:
                    return Neighbour(policy, ring, shown, held[ring][what])
        return None

    def _of(self, policy: Policy, ring: Ring) -> Iterable[tuple[Hashable, str]]:
        match ring:
            case Ring.DOCUMENT:
                return [self._document(target) for target in policy.targets]
            case Ring.CREDENTIAL:
                return self._read_by(policy)
            case Ring.ISSUER:
                return [(policy.issuer.connection, str(policy.issuer.connection))]
            case Ring.OWNER:
                return [(policy.owner, policy.owner)] if policy.owner else []
            case Ring.STORE:
                return [(target.connection, str(target.connection)) for target in policy.targets]

    def _read_by(self, policy: Policy) -> Iterable[tuple[Hashable, str]]:
        """Give the documents that a policy's connections read their credentials in."""
        for connection in (policy.issuer.connection, *(target.connection for target in policy.targets)):
            for target in self.credentials.get(connection, ()):
                what, shown = self._document(target)
                yield what, f"{shown}, read by {connection}"

    def _document(self, target: Target) -> tuple[Hashable, str]:
        document, part = self.where(target)
        names = (f"{name}={value}" for name, value in target.place.items() if isinstance(value, str) and value != part)
        return document, " ".join([str(target.connection), *names])


def by_ring(found: Iterable[Neighbour]) -> dict[Ring, list[Neighbour]]:
    """Sort them by what they share."""
    rings: dict[Ring, list[Neighbour]] = defaultdict(list)
    for each in found:
        rings[each.ring].append(each)
    return dict(rings)
