"""What people were told, over all processes and restarts: a row for each matter and channel.

Of several processes exactly one tells: who is about to send a message holds a claim on its rows, and they are marked
as told only afterwards. If it dies in between, another tells them again: at least once, and nearly always once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, and_, delete, or_, select, update

from rotator.domain.model import SecretName
from rotator.domain.notice import Notice, Told, Topic, next_telling
from rotator.ledger.database import Database
from rotator.ledger.plain_data import storable
from rotator.ledger.statements import add_unless_there
from rotator.ledger.tables import notices

CLAIM: Final = timedelta(minutes=2)
"""How long a message may be on its way before another process sends it instead."""

_AT_ONCE: Final = 500
"""Rows that go into one message at the most."""


@dataclass(frozen=True)
class Claim:
    """The right to tell one channel these things, until ``until``."""

    channel: str
    tellings: tuple[Told, ...]
    owner: str
    until: datetime


class Notices:
    """The memory of what was told. One serves all threads; every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remembered(self) -> list[Told]:
        """Give everything that stands, is to be told, or was told and did not end yet."""
        with self._database.reading() as connection:
            rows = connection.execute(select(notices).order_by(notices.c.channel, notices.c.secret, notices.c.matter))
            return [_told_from(row) for row in rows.mappings()]

    def see(self, channel: str, notice: Notice, now: datetime) -> None:
        """Write down that this is so now: a new matter, or one that stands on; or an event, once.

        When something else is the matter than what was told, it is told again at once.
        """
        new = Told(channel, notice, notice.matter, now, now, is_over=notice.topic.is_told_once)
        with self._database.writing() as connection:
            if add_unless_there(connection, notices, _row(new)) or new.is_over:
                return
            row = connection.execute(select(notices).where(_is(new)).with_for_update()).mappings().one()
            known = _told_from(row)
            changes = _row(new)
            if not known.is_over:  # else it is back before anybody heard that it was over, and counts as new
                stands = replace(known, notice=notice, seen_at=now)
                changes = _what_is_said(stands)
                if known.times and known.notice.same_as != storable(notice.same_as):
                    changes |= {"next_at": now, "failures": 0}
                elif not known.failures:  # else the channel does not answer, and its pause goes on
                    changes["next_at"] = next_telling(stands)
            connection.execute(update(notices).where(_is(new)).values(changes))

    def end(self, told: Told, now: datetime, closing: tuple[str, str] | None = None) -> None:
        """Write down that a matter is over. ``closing``, a subject and a body, is told if the matter was.

        Without it, or where nobody was told, it is forgotten. One that is being told right now is left for later.
        """
        with self._database.writing() as connection:
            as_we_know_it = and_(_is(told), _is_free(now), notices.c.times == told.times)
            if closing is None or not told.times:
                connection.execute(delete(notices).where(as_we_know_it))
                return
            subject, body = closing
            changes = {"subject": subject, "body": body, "is_over": True, "next_at": now, "failures": 0}
            connection.execute(update(notices).where(as_we_know_it).values(changes))

    def claim(self, owner: str, now: datetime) -> Claim | None:
        """Take what one channel is to be told now. None when there is nothing, or others are about to tell it."""
        is_due = and_(notices.c.next_at <= now, _is_free(now))
        first = select(notices.c.channel).where(is_due).order_by(notices.c.next_at, notices.c.channel).limit(1)
        with self._database.writing() as connection:
            channel = connection.scalar(first.with_for_update(skip_locked=True))
            if channel is None:
                return None
            due = select(notices).where(is_due, notices.c.channel == channel).limit(_AT_ONCE)
            in_order = due.order_by(notices.c.since, notices.c.secret, notices.c.matter)
            rows = connection.execute(in_order.with_for_update(skip_locked=True)).mappings().all()
            claim = Claim(channel, tuple(map(_told_from, rows)), owner, now + CLAIM)
            for told in claim.tellings:
                mine = {"owner": owner, "claimed_until": claim.until}
                connection.execute(update(notices).where(_is(told)).values(mine))
            return claim

    def told(self, claim: Claim, now: datetime) -> None:
        """Write down that all of it was told. What has changed meanwhile is still to be told."""
        with self._database.writing() as connection:
            for told in claim.tellings:
                as_it_was = and_(_held(claim, told), notices.c.same_as == storable(told.notice.same_as))
                if told.is_over:
                    connection.execute(delete(notices).where(as_it_was))
                    continue
                after = replace(told, first_told=told.first_told or now, last_told=now, times=told.times + 1)
                changes = _FREE | {
                    "first_told": after.first_told,
                    "last_told": now,
                    "times": after.times,
                    "failures": 0,
                    "next_at": next_telling(after),
                }
                connection.execute(update(notices).where(as_it_was).values(changes))
                connection.execute(update(notices).where(_held(claim, told)).values(_FREE))

    def not_told(self, claim: Claim, again_at: datetime) -> None:
        """Write down that the channel was not reached: all of it is tried again then, and not before."""
        failed: dict[str, Any] = {"failures": notices.c.failures + 1, "next_at": again_at}
        with self._database.writing() as connection:
            for told in claim.tellings:
                connection.execute(update(notices).where(_held(claim, told)).values(_FREE | failed))


_FREE: Final[dict[str, Any]] = {"owner": None, "claimed_until": None}


def _is(told: Told) -> ColumnElement[bool]:
    return and_(
        notices.c.channel == told.channel,
        notices.c.secret == told.notice.secret,
        notices.c.matter == told.matter,
    )


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(notices.c.claimed_until.is_(None), notices.c.claimed_until <= now)


def _held(claim: Claim, told: Told) -> ColumnElement[bool]:
    return and_(_is(told), notices.c.owner == claim.owner, notices.c.claimed_until == claim.until)


# --- rows --------------------------------------------------------------------------------------------------------


def _row(told: Told) -> dict[str, Any]:
    return _what_is_said(told) | {
        "channel": told.channel,
        "secret": told.notice.secret,
        "matter": told.matter,
        "since": told.since,
        "first_told": told.first_told,
        "last_told": told.last_told,
        "times": told.times,
        "failures": told.failures,
        "is_over": told.is_over,
        "next_at": next_telling(told),
        **_FREE,
    }


def _what_is_said(told: Told) -> dict[str, Any]:
    notice = told.notice
    return {
        "topic": notice.topic.value,
        "same_as": notice.same_as,
        "subject": notice.subject,
        "body": notice.body,
        "patience": int(notice.patience.total_seconds()),
        "deadline": notice.deadline,
        "seen_at": told.seen_at,
    }


def _told_from(row: RowMapping) -> Told:
    notice = Notice(
        topic=Topic(row["topic"]),
        secret=SecretName(row["secret"]),
        subject=row["subject"],
        body=row["body"],
        same_as=row["same_as"],
        patience=timedelta(seconds=row["patience"]),
        deadline=row["deadline"],
    )
    return Told(
        channel=row["channel"],
        notice=notice,
        matter=row["matter"],
        since=row["since"],
        seen_at=row["seen_at"],
        first_told=row["first_told"],
        last_told=row["last_told"],
        times=row["times"],
        failures=row["failures"],
        is_over=row["is_over"],
    )
