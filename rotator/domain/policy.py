"""What a user wants, checked and resolved: one ``Policy`` for each secret. Made by ``config``, read by everybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any, Final

from rotator.domain.durations import Duration
from rotator.domain.limits import NO_LIMITS, Limits
from rotator.domain.terms import ConnectionName, IssuerRef, Mode, Overlap, SecretName, Target
from rotator.domain.trial import Trial


@dataclass(frozen=True)
class Source:
    """Where something was written: for errors, and for the history."""

    file: Path
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Window:
    """When rotations may happen: on these days (Monday is 0), between these times, in this zone (IANA name)."""

    days: frozenset[int]
    start: time
    end: time
    zone: str

    @property
    def longest_closed(self) -> timedelta:
        """Give the longest time between its end and its next start, in a week without a change of the clocks."""
        starts = sorted(_DAY * day + _since_midnight(self.start) for day in self.days)
        length = _since_midnight(self.end) - _since_midnight(self.start)
        length += _DAY if length <= timedelta() else timedelta()
        following = [*starts[1:], starts[0] + _WEEK]
        return max(after - before - length for before, after in zip(starts, following, strict=True))


_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)


def _since_midnight(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute)


@dataclass(frozen=True)
class Freeze:
    """Days on which nothing is changed, the first and the last included."""

    first: date
    last: date
    yearly: bool = False
    """Every year; the year of both dates is that of a leap year and means nothing."""

    @property
    def length(self) -> timedelta:
        """Give how long it lasts; one that begins before New Year and ends after it, too."""
        days = (self.last - self.first).days + 1
        return timedelta(days=days if days > 0 else days + 366)

    def __str__(self) -> str:
        form = "%m-%d" if self.yearly else "%F"
        return f"{self.first:{form}} to {self.last:{form}}"


@dataclass(frozen=True)
class Schedule:
    """When a token is due. The earliest of all that is set counts; nothing set: only ``rotate now``."""

    every: Duration | None = None
    cron: str | None = None
    """Five fields, as in crontab, in UTC or in the window's zone."""
    before_expiry: Duration | None = None
    window: Window | None = None
    splay: timedelta = timedelta()
    """Spreads due times over this long, by the secret's name: the same every time."""
    freezes: tuple[Freeze, ...] = ()
    """When nothing is changed, in the window's zone or in UTC."""


@dataclass(frozen=True)
class Policy:
    """One secret: who makes its token, where its consumers read it, when it is due."""

    name: SecretName
    issuer: IssuerRef
    token_name: str
    targets: tuple[Target, ...]
    source: Source
    lifetime: Duration | None = None
    schedule: Schedule = field(default_factory=Schedule)
    overlap: Overlap = field(default_factory=Overlap)
    compromise: Mode = Mode.ROTATE_FIRST
    owner: str = ""
    tags: frozenset[str] = frozenset()
    notify: tuple[str, ...] = ()
    """The channels that are told when a person should know something."""
    trial: Trial | None = None
    """What a new token must pass beside the issuer's own check, before and after its consumers can see it."""


@dataclass(frozen=True)
class Connection:
    """A configured provider. ``config`` is the plug-in's own validated model."""

    name: ConnectionName
    provider: str
    config: Any
    source: Source
    limits: Limits = NO_LIMITS
    """The provider's own, narrowed by what the policies say."""
    hosts: tuple[str, ...] = ()
    """Where it leads, by the addresses in its settings."""


@dataclass(frozen=True)
class PolicySet:
    """All policies and connections of one commit, valid as a whole."""

    policies: tuple[Policy, ...]
    connections: dict[ConnectionName, Connection]
    commit: str | None = None

    def named(self, name: SecretName) -> Policy | None:
        return next((policy for policy in self.policies if policy.name == name), None)
