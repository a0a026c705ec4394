"""Which rotation of many is begun next: every account in turn, and of one that has little room only as many as fit."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rotator.domain.model import IssuerRef, Mode
from rotator.flow.opening import Order


def account_key(ref: IssuerRef) -> str:
    """Name an issuer's account: the same for every secret whose tokens it makes."""
    return f"{ref.connection} {json.dumps(ref.options, sort_keys=True, default=str)}"


@dataclass
class _Lane:
    room: int | None
    waiting: deque[Order] = field(default_factory=deque)
    under_way: int = 0

    @property
    def is_open(self) -> bool:
        return bool(self.waiting) and (self.room is None or self.under_way < max(1, self.room))


class Lanes:
    """Orders that wait, by account. Giving one and taking one back costs the same, however many there are."""

    def __init__(self, orders: Sequence[Order], room: Mapping[str, int | None]) -> None:
        self._lanes: dict[str, _Lane] = {}
        for order in orders:
            key = self._key(order)
            self._lanes.setdefault(key, _Lane(None if _makes_room(order) else room.get(key))).waiting.append(order)
        self._open = deque(self._lanes.values())

    def next(self) -> Order | None:
        """Give the order that is to be begun now. None: none is left, or none fits until another has ended."""
        while self._open:
            lane = self._open.popleft()
            if not lane.is_open:
                continue
            lane.under_way += 1
            order = lane.waiting.popleft()
            if lane.is_open:
                self._open.append(lane)
            return order
        return None

    def ended(self, order: Order) -> None:
        lane = self._lanes[self._key(order)]
        was_open = lane.is_open
        lane.under_way -= 1
        if lane.is_open and not was_open:
            self._open.append(lane)

    @staticmethod
    def _key(order: Order) -> str:
        return f"{'first ' if _makes_room(order) else ''}{account_key(order.policy.issuer)}"


def _makes_room(order: Order) -> bool:
    """Tell whether its old token is revoked before it needs room for another."""
    return order.mode is Mode.REVOKE_FIRST
