"""What every secret of a year was promised, counted from what the daemons did, by other arithmetic than theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rotator.domain.model import Event, SecretName
from rotator.domain.policy import Freeze, Policy
from tests.fakes.memory_issuer import MadeToken
from tests.simulation.estate import Estate
from tests.simulation.kinds import END

_HOUR = timedelta(hours=1)
LATEST = timedelta(hours=26)
"""How late a rotation may be for outages, kills, and the turns of others; beside its splay, window and freezes."""


@dataclass(frozen=True)
class Stay:
    """One token in force: from when to when, and until when it could have been."""

    secret: SecretName
    token: MadeToken
    begins: datetime
    ends: datetime


def stays(estate: Estate) -> Iterator[Stay]:
    """Give every token that was in force, by the events of the year and the issuer's truth."""
    for name, account in estate.account_of.items():
        made = account.issuer_fake.made()
        confirmed = [event for event in _history(estate, name) if event.kind in ("adopted", "confirmed")]
        ends = [event.at for event in confirmed[1:]] + [END]
        for event, end in zip(confirmed, ends, strict=True):
            of_that_handle = (token for token in reversed(made) if token.handle == event.detail["handle"])
            token = next(token for token in of_that_handle if token.created_at <= event.at)
            yield Stay(SecretName(name), token, event.at, end)


def begun_by_schedule(estate: Estate) -> Iterator[Event]:
    told = (event for name in estate.account_of for event in _history(estate, name))
    return (event for event in told if event.kind == "opened" and event.detail["cause"] == "due")


def _history(estate: Estate, name: str) -> list[Event]:
    """Give what the ledger remembers. Who watched missed what a killed process had written down and not told."""
    return estate.ledger.history(SecretName(name))


def is_open(policy: Policy, moment: datetime) -> bool:
    """Tell whether a policy's window is open then and no freeze forbids it, by the clock on the wall."""
    window = policy.schedule.window
    local = moment.astimezone(ZoneInfo(window.zone) if window else UTC)
    if any(_lies_in(freeze, local) for freeze in policy.schedule.freezes):
        return False
    if window is None:
        return True
    shown = local.time()
    if window.start < window.end:
        return local.weekday() in window.days and window.start <= shown < window.end
    yesterday = (local.weekday() - 1) % 7
    return (local.weekday() in window.days and shown >= window.start) or (
        yesterday in window.days and shown < window.end
    )


def _lies_in(freeze: Freeze, local: datetime) -> bool:
    if not freeze.yearly:
        return freeze.first <= local.date() <= freeze.last
    first, day, last = (f"{each:%m-%d}" for each in (freeze.first, local, freeze.last))
    return first <= day <= last if first <= last else day >= first or day <= last


def opens_before(policy: Policy, moment: datetime, end: datetime) -> bool:
    """Tell whether there is a time between the two at which a rotation may begin."""
    while moment < end:
        moment += timedelta(minutes=15)
        if moment < end and is_open(policy, moment):
            return True
    return False


def earliest_due(policy: Policy, token: MadeToken) -> datetime | None:
    """Give the first moment at which a schedule can ask for a token's successor; None where only people do."""
    schedule, moments = policy.schedule, []
    if schedule.every is not None:
        moments.append(schedule.every.after(token.created_at))
    if schedule.cron is not None:
        moments.append(next(at for at in cron_times(policy) if at > token.created_at))
    if schedule.before_expiry is not None and token.expires_at is not None:
        moments.append(schedule.before_expiry.before(token.expires_at) - schedule.splay)
    return min(moments, default=None)


def next_opening(policy: Policy, moment: datetime) -> datetime:
    while not is_open(policy, moment):
        moment += timedelta(minutes=15)
    return moment


def cron_times(policy: Policy) -> list[datetime]:
    """Give the times of these years that a policy's crontab line asks for. Reads only what lines here say."""
    assert policy.schedule.cron is not None
    minute, hour, day, months, _ = policy.schedule.cron.split()
    zone = ZoneInfo(policy.schedule.window.zone) if policy.schedule.window else UTC
    return [
        datetime(year, int(month), int(day), int(hour), int(minute), tzinfo=zone).astimezone(UTC)
        for year in (2025, 2026, 2027)
        for month in months.split(",")
    ]


def most_begun_in_an_hour(estate: Estate) -> int:
    times = [event.at for event in begun_by_schedule(estate)]
    return max(sum(begin <= other < begin + _HOUR for other in times) for begin in times)
