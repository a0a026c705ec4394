"""What is left of a connection's limits, over all threads and machines.

The rate is one number: the moment until which the budget is spent (the "theoretical arrival time" of the generic cell
rate algorithm). Each request moves it on by the pace, so requests are spread evenly and no window is ever overfull.
The requests under way are counted for each process; what a dead process counted ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from rotator.domain.lifecycle import LONGEST_PAUSE
from rotator.domain.limits import Rate
from rotator.ledger.owners import is_gone
from rotator.ledger.prepared import Prepared
from rotator.ledger.rows import Row
from rotator.ledger.statements import add_unless_there, change
from rotator.ledger.tables import budgets, requests_under_way

_HASTE: Final = timedelta(seconds=2)
"""How long after an urgent request others still stand back: the next urgent one is probably on its way."""

_SIGN_OF_LIFE: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Turn:
    """When a request may be sent. Not ``granted``: nothing was spent, and nobody need ask before ``at``."""

    at: datetime
    granted: bool


def take_turn(
    connection: Connection, name: str, rate: Rate, now: datetime, *, longest: timedelta, urgent: bool
) -> Turn:
    """Spend one request of the budget, unless its turn is more than ``longest`` away or urgent work goes first."""
    row = _row(connection, name, now)
    if not urgent and row["urgent_until"] is not None and now < row["urgent_until"] <= now + _HASTE:
        return Turn(row["urgent_until"], granted=False)
    # What is spent for longer than the longest pause and one request was spent by a clock that was wrong.
    believable = now + max(LONGEST_PAUSE, rate.longest_wait) + rate.head_start + rate.pace
    spent_until = row["spent_until"] if row["spent_until"] <= believable else now
    turn = max(now, spent_until - rate.head_start)
    if turn - now > longest:
        return Turn(turn, granted=False)
    changes = {"spent_until": max(now, spent_until) + rate.pace}
    if urgent:
        changes["urgent_until"] = turn + _HASTE
    change(connection, budgets, {"connection": name}, changes)
    return Turn(turn, granted=True)


def pause(connection: Connection, name: str, rate: Rate, until: datetime, now: datetime) -> None:
    """Spend the budget until then: the service said so."""
    row = _row(connection, name, now)
    spent_until = min(until, now + LONGEST_PAUSE) + rate.head_start
    if row["spent_until"] < spent_until:
        change(connection, budgets, {"connection": name}, {"spent_until": spent_until})


def begin_request(connection: Connection, name: str, limit: int, owner: str, now: datetime) -> bool:
    """Count one more request of this process as under way. False when as many are as may be."""
    _row(connection, name, now)  # its lock makes those who count wait for one another
    mine = (requests_under_way.c.connection == name) & (requests_under_way.c.owner == owner)
    rows = connection.execute(select(requests_under_way).where(requests_under_way.c.connection == name)).mappings()
    counts = {row["owner"]: row["count"] for row in rows if row["owner"] == owner or _is_alive(row, now)}
    if sum(counts.values()) >= limit:
        return False
    until = now + _SIGN_OF_LIFE
    if owner in counts:
        connection.execute(update(requests_under_way).where(mine).values(count=counts[owner] + 1, until=until))
    else:
        connection.execute(insert(requests_under_way).values(connection=name, owner=owner, count=1, until=until))
    return True


def end_requests(connection: Connection, name: str, owner: str, ended: int) -> None:
    """Count so many requests less."""
    mine = (requests_under_way.c.connection == name) & (requests_under_way.c.owner == owner)
    connection.execute(update(requests_under_way).where(mine).values(count=requests_under_way.c.count - ended))
    connection.execute(delete(requests_under_way).where(mine, requests_under_way.c.count <= 0))


def _is_alive(row: Row, now: datetime) -> bool:
    return now < row["until"] <= now + 2 * _SIGN_OF_LIFE and not is_gone(row["owner"])


_LOCK: Final = Prepared(
    select(budgets)
    .where(budgets.c.connection == bindparam("wanted", type_=budgets.c.connection.type))
    .with_for_update()
)


def _row(connection: Connection, name: str, now: datetime) -> Row:
    """Give the connection's row, ours alone until the transaction ends."""
    row = _LOCK.first(connection, {"wanted": name})
    if row is None:
        add_unless_there(connection, budgets, {"connection": name, "spent_until": now})
        (row,) = _LOCK.rows(connection, {"wanted": name})
    return row
