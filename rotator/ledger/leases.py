"""Who may move a rotation: a lease that ends by itself, with a number that grows each time it changes hands.

A process that was paused for too long still believes in its lease. Its number, the fence, is then too small, and
every write asks for the right one: so it can move nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, or_, select, update

from rotator.domain.errors import LeaseLost
from rotator.domain.model import Cause, RotationId
from rotator.ledger.owners import is_gone
from rotator.ledger.tables import IS_OPEN, rotations


@dataclass(frozen=True)
class Lease:
    """The right to move one rotation, until ``until``, or for as long as nobody else has taken it over."""

    rotation: RotationId
    owner: str
    fence: int
    until: datetime


def claim(connection: Connection, rotation_id: RotationId, owner: str, now: datetime, ttl: timedelta) -> Lease | None:
    holder = connection.scalar(select(rotations.c.lease_owner).where(rotations.c.id == rotation_id))
    free = _is_free(now)
    if holder is not None and (holder == owner or is_gone(holder)):
        free = or_(free, rotations.c.lease_owner == holder)
    taken = _take(connection, and_(rotations.c.id == rotation_id, free), owner, now + ttl)
    return taken[0] if taken else None


def claim_ready(
    connection: Connection, owner: str, now: datetime, ttl: timedelta, limit: int, in_hand: Collection[RotationId] = ()
) -> list[Lease]:
    """Take what is ready. Rows that another session is about to take are passed over, not waited for."""
    urgent = case((rotations.c.cause == Cause.COMPROMISED.value, 0), else_=1)
    ready = (
        select(rotations.c.id)
        .where(IS_OPEN, _is_free(now), _NEEDS_NOBODY, or_(rotations.c.retry_at.is_(None), rotations.c.retry_at <= now))
        .where(_is_not_left_to_another(owner, now), rotations.c.id.not_in(in_hand))
        .order_by(urgent, rotations.c.retry_at.asc().nulls_first(), rotations.c.opened_at, rotations.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    chosen = connection.scalars(ready).all()
    if not chosen:
        return []
    taken = {lease.rotation: lease for lease in _take(connection, rotations.c.id.in_(chosen), owner, now + ttl)}
    return [taken[rotation_id] for rotation_id in chosen]


def renew(connection: Connection, lease: Lease, now: datetime, ttl: timedelta) -> Lease:
    longer = replace(lease, until=now + ttl)
    changed = connection.execute(update(rotations).where(holds(lease)).values(lease_until=longer.until)).rowcount
    if not changed:
        raise lost(lease)
    return longer


def release(connection: Connection, lease: Lease) -> None:
    connection.execute(update(rotations).where(holds(lease)).values(lease_owner=None, lease_until=None))


def let_go(connection: Connection, lease: Lease, now: datetime) -> None:
    """Release it, and stay known as who had it. The lease that was held is worth nothing any more."""
    known = {"lease_until": now, "fence": rotations.c.fence + 1}
    connection.execute(update(rotations).where(holds(lease)).values(known))


def lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"Rotation {lease.rotation} was taken over, moved or closed since we looked at it.")


def _take(connection: Connection, which: ColumnElement[bool], owner: str, until: datetime) -> list[Lease]:
    taken = connection.execute(
        update(rotations)
        .where(IS_OPEN, which)
        .values(lease_owner=owner, lease_until=until, fence=rotations.c.fence + 1)
        .returning(rotations.c.id, rotations.c.fence)
    )
    return [Lease(rotation_id, owner, fence, until) for rotation_id, fence in taken]


_NEEDS_NOBODY: Final = rotations.c.trouble_kind.is_distinct_from("operator")
"""Only a person can move the others: asked again and again, they would say the same. Where a person is asked for
something (``person``), it is looked again whether they did it."""


LEFT_ALONE: Final = timedelta(minutes=5)
"""How long those who let a rotation go until a certain time are waited for when that time has come."""


def _is_not_left_to_another(owner: str, now: datetime) -> ColumnElement[bool]:
    """Say that nobody else let it go until its time, who is still expected to come back.

    A lease that ended by itself, because its process died over its work, ended after that time.
    """
    return or_(
        rotations.c.lease_owner.is_(None),
        rotations.c.lease_owner == owner,
        rotations.c.retry_at.is_(None),
        rotations.c.retry_at <= rotations.c.lease_until,
        rotations.c.retry_at <= now - LEFT_ALONE,
    )


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(rotations.c.lease_until.is_(None), rotations.c.lease_until <= now)


def holds(lease: Lease) -> ColumnElement[bool]:
    """Say that the row is still this lease's: an overdue one holds until somebody takes over, a released one never."""
    return and_(
        IS_OPEN,
        rotations.c.id == lease.rotation,
        rotations.c.fence == lease.fence,
        rotations.c.lease_owner == lease.owner,
    )
