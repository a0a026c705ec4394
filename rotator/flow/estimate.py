"""How long many rotations take, from what the services allow. Pure: counts, limits, and a guess at one round trip.

Every connection needs its time, all of them at once; so the slowest one decides. Where nothing limits, the round trips
do, and those of an account with little room follow each other. What a service adds on its own (a slow restart, a revoke
that takes a minute to be felt) is not foreseen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from rotator.domain.contracts import IssuerTraits, StoreTraits
from rotator.domain.limits import NO_LIMITS, Limits
from rotator.domain.model import ConnectionName

ROUND_TRIP: Final = timedelta(milliseconds=250)
"""What one request is taken to cost, over the internet to a service that is well."""

_OBSERVED_FROM: Final = 5
"""After so many rotations, the pace that was seen says more than the estimate."""


@dataclass(frozen=True)
class Trip:
    """The requests of one rotation, by the connection that they go to."""

    requests: Mapping[ConnectionName, int]
    in_a_row: int
    """How many of them wait for each other: destinations are written side by side."""
    issuer: ConnectionName | None = None
    account: str = ""
    room: int | None = None
    """How many rotations of its account fit beside each other; None: any number."""


@dataclass(frozen=True)
class Share:
    """What one connection has to do, and how long its limits make that take."""

    connection: ConnectionName
    requests: int
    limits: Limits
    takes: timedelta


@dataclass(frozen=True)
class Estimate:
    """How long it takes, and which connection's limits or room make it so (None: only the round trips do)."""

    takes: timedelta
    slowest: ConnectionName | None
    shares: tuple[Share, ...]
    """The connections, the slowest first."""


def trip(
    issuer: ConnectionName, traits: IssuerTraits, stores: Sequence[tuple[ConnectionName, StoreTraits]], *, old: bool
) -> Trip:
    """Count the requests of one rotation that nothing goes wrong with. ``old``: there is a token to revoke."""
    of_issuer = requests_of_issuer(traits, old=old)
    of_stores = [(connection, requests_of_store(each)) for connection, each in stores]
    counted = Counter({issuer: of_issuer})
    for connection, count in of_stores:
        counted[connection] += count
    return Trip(dict(counted), of_issuer + max((count for _, count in of_stores), default=0), issuer)


def requests_of_issuer(traits: IssuerTraits, *, old: bool) -> int:
    """Count them: looking for room, issuing, trying the new token twice, revoking the old one and trying that."""
    lists = traits.lists and not traits.by_hand
    making = (
        0 if traits.by_hand else 1 + (lists and traits.max_active is not None) + (lists and not traits.names_tokens)
    )
    ending = 1 if traits.by_hand else 2 + (lists and traits.reuses_handles)
    return making + 2 + (ending if old else 0)


def requests_of_store(traits: StoreTraits) -> int:
    """Count them: looked at, looked at again, written, read back; as docs/performance.md lists them for AWS."""
    return 4 + (5 if traits.stages else 0) + (2 if traits.settles else 0)


def estimate(trips: Iterable[Trip], limits: Mapping[ConnectionName, Limits], workers: int) -> Estimate:
    """Say how long these rotations take together."""
    planned = list(trips)
    asked = Counter[ConnectionName]()
    for each in planned:
        asked.update(each.requests)
    shares = [_share(connection, count, limits.get(connection, NO_LIMITS)) for connection, count in asked.items()]
    shares.sort(key=lambda share: (-share.takes, share.connection))
    in_turn = sum(each.in_a_row for each in planned) * ROUND_TRIP / max(1, min(workers, len(planned)))
    longest_one = max((each.in_a_row for each in planned), default=0) * ROUND_TRIP
    decides: list[tuple[timedelta, ConnectionName | None]] = [(max(in_turn, longest_one), None)]
    decides += [(_where_room_is_little(some), some[0].issuer) for some in _by_account(planned)]
    decides += [(share.takes, share.connection) for share in shares[:1]]
    takes, slowest = max(decides, key=lambda each: each[0])
    return Estimate(takes, slowest, tuple(shares))


def _by_account(trips: Iterable[Trip]) -> Iterable[list[Trip]]:
    accounts: dict[str, list[Trip]] = {}
    for each in trips:
        if each.room is not None:
            accounts.setdefault(each.account, []).append(each)
    return accounts.values()


def _where_room_is_little(trips: Sequence[Trip]) -> timedelta:
    return sum(each.in_a_row for each in trips) * ROUND_TRIP / max(1, min(trips[0].room or 1, len(trips)))


def left(foreseen: timedelta, elapsed: timedelta, done: int, total: int) -> timedelta:
    """Say how long the rest takes: by the estimate at first, then by the pace that was seen."""
    if done >= total:
        return timedelta()
    if done < _OBSERVED_FROM:
        return max(foreseen - elapsed, timedelta(seconds=1))
    return elapsed / done * (total - done)


def _share(connection: ConnectionName, requests: int, limits: Limits) -> Share:
    by_rate = requests * limits.rate.pace if limits.rate is not None else timedelta()
    by_count = requests * ROUND_TRIP / limits.concurrency if limits.concurrency is not None else timedelta()
    return Share(connection, requests, limits, max(by_rate, by_count))
