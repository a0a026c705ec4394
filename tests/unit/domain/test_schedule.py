"""When a token is due: intervals, cron, expiry and the splay; the earliest counts."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.domain.durations import Duration
from rotator.domain.policy import Schedule, Window
from rotator.domain.schedule import due, splay_of
from tests.unit.domain.builders import NOON, utc

BERLIN_BY_DAY = Window(frozenset(range(7)), time(9), time(17), "Europe/Berlin")


def every(text: str, **more) -> Schedule:
    return Schedule(every=Duration.parse(text), **more)


@pytest.mark.parametrize(
    ("schedule", "since", "expires_at", "at", "why"),
    [
        pytest.param(every("90 days"), "2026-01-01 10:00", None, "2026-04-01 10:00", "every 90 days", id="every"),
        pytest.param(every("3 months"), "2026-11-30 10:00", None, "2027-02-28 10:00", "every 3 months", id="months"),
        pytest.param(
            Schedule(cron="0 3 1 */3 *"), "2026-01-01 10:00", None, "2026-04-01 03:00", "cron 0 3 1 */3 *",
            id="quarterly",
        ),
        pytest.param(
            Schedule(cron="0 3 * * 0"), "2026-06-15 12:00", None, "2026-06-21 03:00", "cron 0 3 * * 0",
            id="on Sundays",
        ),
        pytest.param(
            Schedule(cron="0 3 * * *", window=BERLIN_BY_DAY), "2026-06-15 12:00", None, "2026-06-16 01:00",
            "cron 0 3 * * *", id="cron in its window's zone",
        ),
        pytest.param(
            Schedule(before_expiry=Duration.parse("14 days")), "2026-01-01 10:00", "2026-04-01 10:00",
            "2026-03-18 10:00", "14 days before it expires", id="before expiry",
        ),
        pytest.param(
            Schedule(before_expiry=Duration.parse("1 month")), "2026-01-01 10:00", "2026-03-31 10:00",
            "2026-02-28 10:00", "1 month before it expires", id="a month before expiry",
        ),
        pytest.param(
            every("90 days", before_expiry=Duration.parse("14 days")), "2026-01-01 10:00", "2026-02-01 10:00",
            "2026-01-18 10:00", "14 days before it expires", id="earliest: before expiry",
        ),
        pytest.param(
            every("90 days", before_expiry=Duration.parse("14 days")), "2026-01-01 10:00", "2027-01-01 10:00",
            "2026-04-01 10:00", "every 90 days", id="earliest: every",
        ),
        pytest.param(
            every("90 days", cron="0 3 1 * *"), "2026-01-15 10:00", None, "2026-02-01 03:00", "cron 0 3 1 * *",
            id="earliest: cron",
        ),
        pytest.param(
            every("90 days", before_expiry=Duration.parse("14 days")), "2026-01-01 10:00", None,
            "2026-04-01 10:00", "every 90 days", id="no expiry is known",
        ),
        pytest.param(
            Schedule(before_expiry=Duration.parse("14 days")), "2026-01-01 10:00", "9999-12-31 23:59",
            "9999-12-17 23:59", "14 days before it expires", id="it expires when the calendar ends",
        ),
        pytest.param(
            every("1000 years"), "2026-01-01 10:00", None, "3026-01-01 10:00", "every 1000 years",
            id="in a thousand years",
        ),
    ],
)  # fmt: skip
def test_a_token_is_due_when_the_first_rule_says_so(schedule, since, expires_at, at, why):
    found = due(schedule, "api", utc(since), utc(expires_at) if expires_at else None)
    assert found is not None
    assert (found.at, found.why) == (utc(at), why)


@pytest.mark.parametrize(
    ("schedule", "since", "expires_at", "at"),
    [
        pytest.param(
            every("90 days"), "2026-01-01 10:00", "2026-02-01 10:00", "2026-01-29 07:36", id="a tenth of a short life"
        ),
        pytest.param(
            every("2 years"), "2026-01-01 10:00", "2027-01-01 10:00", "2026-12-25 10:00", id="a week of a long life"
        ),
        pytest.param(
            Schedule(cron="0 3 1 1 *"), "2026-01-02 10:00", "2026-06-30 10:00", "2026-06-23 10:00", id="cron is late"
        ),
        pytest.param(
            every("90 days"), "2026-01-01 10:00", "2025-12-01 10:00", "2025-12-01 10:00", id="it has expired already"
        ),
    ],
)
def test_a_token_that_expires_before_its_schedule_thinks_of_it_is_due_in_time(schedule, since, expires_at, at):
    found = due(schedule, "api", utc(since), utc(expires_at))
    assert found is not None
    assert (found.at, found.why) == (utc(at), f"it expires at {expires_at}")


@pytest.mark.parametrize(
    ("schedule", "expires_at"),
    [
        pytest.param(Schedule(), None, id="nothing is set"),
        pytest.param(Schedule(), NOON, id="it expires, and nothing is set"),
        pytest.param(Schedule(before_expiry=Duration.parse("14 days")), None, id="it never expires"),
        pytest.param(
            Schedule(window=BERLIN_BY_DAY, splay=timedelta(hours=6)), None, id="a window alone asks for nothing"
        ),
        pytest.param(Schedule(cron="0 3 31 2 *"), None, id="a date that never comes"),
    ],
)
def test_a_token_is_never_due_by_itself(schedule, expires_at):
    assert due(schedule, "api", NOON, expires_at) is None


# --- the splay -------------------------------------------------------------------------------------------------------

SIX_HOURS = timedelta(hours=6)


def test_the_splay_makes_intervals_and_cron_later_and_expiry_earlier():
    offset = splay_of(Schedule(splay=SIX_HOURS), "api")
    assert timedelta() < offset < SIX_HOURS

    by_interval = due(every("90 days", splay=SIX_HOURS), "api", NOON, None)
    by_cron = due(Schedule(cron="0 3 * * *", splay=SIX_HOURS), "api", NOON, None)
    by_expiry = due(
        Schedule(before_expiry=Duration.parse("14 days"), splay=SIX_HOURS), "api", NOON, utc("2026-12-31 12:00")
    )
    assert by_interval is not None
    assert by_cron is not None
    assert by_expiry is not None
    assert by_interval.at == NOON + timedelta(days=90) + offset
    assert by_cron.at == utc("2026-06-16 03:00") + offset
    assert by_expiry.at == utc("2026-12-17 12:00") - offset


def test_a_secrets_share_of_the_splay_never_changes():
    """Literals: if they changed, every due time of every installation would move on the day of an upgrade."""
    a_day = Schedule(splay=timedelta(days=1))
    assert splay_of(a_day, "api") == timedelta(seconds=7006)
    assert splay_of(a_day, "documenso-production") == timedelta(seconds=51366)


def test_the_shares_are_spread_evenly():
    hours = [
        splay_of(Schedule(splay=timedelta(hours=10)), f"secret-{number}") // timedelta(hours=1)
        for number in range(2000)
    ]
    assert set(hours) == set(range(10))
    assert all(150 < hours.count(hour) < 250 for hour in range(10))


@given(st.text(), st.timedeltas(timedelta(), timedelta(days=365)))
def test_a_share_is_less_than_the_whole_splay(name, splay):
    share = splay_of(Schedule(splay=splay), name)
    assert timedelta() <= share <= splay


def test_without_a_splay_every_secret_is_due_at_the_same_time():
    assert splay_of(Schedule(), "api") == timedelta()
