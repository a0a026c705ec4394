"""What a person is told: a matter that stands until it is over, or something that is told once.

A matter is known by its secret and its topic. It is told when it has stood for longer than its patience, again when
something else is the matter, again with each reminder, and once more when it is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rotator.domain import reminders
from rotator.domain.model import SecretName

OF_NO_SECRET = SecretName("")
"""What concerns everything: the policies, the ledger."""


class Topic(StrEnum):
    """What a notice is about."""

    GOT_OUT = "got out"
    NEEDS_PERSON = "needs a person"
    FAILING = "failing"
    EXPIRING = "expiring"
    NO_POLICY = "no policy"
    POLICIES = "policies"
    LEDGER = "ledger"
    COMPROMISE_ENDED = "compromise ended"
    ROTATED = "rotated"

    @property
    def is_told_once(self) -> bool:
        """Tell whether it is an event, which is told and forgotten. Everything else stands until it is over."""
        return self in (Topic.COMPROMISE_ENDED, Topic.ROTATED)


@dataclass(frozen=True)
class Notice:
    """What is to be told, in words for a tired person: ``subject`` is short, ``body`` says what, and what to do."""

    topic: Topic
    secret: SecretName
    subject: str
    body: str
    same_as: str = ""
    """What makes it the same: while this does not change, it is only a reminder. Of events: which one it is."""
    patience: timedelta = timedelta()
    """How long it may stand before anybody is told: it may heal by itself."""
    deadline: datetime | None = None
    """When it is too late: in the week before, people are reminded every day."""

    @property
    def matter(self) -> str:
        """Name it within its secret: events of one topic are told apart."""
        return f"{self.topic}: {self.same_as}" if self.topic.is_told_once else str(self.topic)


@dataclass(frozen=True)
class Told:
    """A notice as it is remembered for one channel: since when it stands, and how often it was told there."""

    channel: str
    notice: Notice
    matter: str
    since: datetime
    seen_at: datetime
    """When somebody last found it so."""
    first_told: datetime | None = None
    last_told: datetime | None = None
    times: int = 0
    failures: int = 0
    """Attempts in a row that did not reach the channel."""
    is_over: bool = False
    """It has ended, or is an event: it is told once more, and forgotten."""


def next_telling(told: Told) -> datetime:
    """Give when it is to be told next, if nothing changes."""
    if told.is_over:
        return told.seen_at
    if told.first_told is None or told.last_told is None:
        return told.since + told.notice.patience
    return reminders.next_after(told.first_told, told.notice.deadline, told.last_told)
