"""When a window is open, in its zone's wall-clock time. 15 June 2026 is a Monday; Berlin is 2 hours ahead then."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.domain.policy import Freeze, Schedule, Window
from rotator.domain.schedule import frozen_until, leave_a_day, may_begin, opens
from tests.unit.domain.builders import NOON, utc

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def window(days: str, start: str, end: str, zone: str = "UTC") -> Window:
    chosen = DAYS if days == "daily" else days.split(",")
    return Window(
        frozenset(DAYS.index(day) for day in chosen), time.fromisoformat(start), time.fromisoformat(end), zone
    )


WORKDAYS = "mon,tue,wed,thu"
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("window", "asked", "opening"),
    [
        pytest.param(window(WORKDAYS, "09:00", "16:00"), "2026-06-15 12:00", "2026-06-15 12:00", id="open"),
        pytest.param(window(WORKDAYS, "09:00", "16:00"), "2026-06-15 08:59", "2026-06-15 09:00", id="opens today"),
        pytest.param(window(WORKDAYS, "09:00", "16:00"), "2026-06-15 09:00", "2026-06-15 09:00", id="opens now"),
        pytest.param(window(WORKDAYS, "09:00", "16:00"), "2026-06-15 15:59", "2026-06-15 15:59", id="last minute"),
        pytest.param(window(WORKDAYS, "09:00", "16:00"), "2026-06-15 16:00", "2026-06-16 09:00", id="just closed"),
        pytest.param(window(WORKDAYS, "09:00", "16:00"), "2026-06-18 16:00", "2026-06-22 09:00", id="over the weekend"),
        pytest.param(window("mon", "09:00", "16:00"), "2026-06-15 17:00", "2026-06-22 09:00", id="once a week"),
        pytest.param(window("mon", "09:00", "16:00"), "2026-06-16 00:00", "2026-06-22 09:00", id="six days ahead"),
        pytest.param(window("daily", "00:00", "00:00"), "2026-06-15 12:34", "2026-06-15 12:34", id="always"),
        pytest.param(window("mon", "00:00", "00:00"), "2026-06-15 23:59", "2026-06-15 23:59", id="all day: its end"),
        pytest.param(window("mon", "00:00", "00:00"), "2026-06-16 00:00", "2026-06-22 00:00", id="all day: over"),
        pytest.param(window("fri", "22:00", "04:00"), "2026-06-19 23:00", "2026-06-19 23:00", id="night: Friday"),
        pytest.param(window("fri", "22:00", "04:00"), "2026-06-20 03:59", "2026-06-20 03:59", id="night: Saturday"),
        pytest.param(window("fri", "22:00", "04:00"), "2026-06-20 04:00", "2026-06-26 22:00", id="night: over"),
        pytest.param(window("fri", "22:00", "04:00"), "2026-06-19 03:00", "2026-06-19 22:00", id="night: not yet"),
        pytest.param(window("sun", "22:00", "04:00"), "2026-06-15 03:00", "2026-06-15 03:00", id="night: into Monday"),
        pytest.param(window("daily", "09:00", "16:00", BERLIN), "2026-06-15 06:59", "2026-06-15 07:00", id="summer"),
        pytest.param(window("daily", "09:00", "16:00", BERLIN), "2026-01-15 06:59", "2026-01-15 08:00", id="winter"),
        pytest.param(window("mon", "01:00", "05:00", BERLIN), "2026-06-14 22:00", "2026-06-14 23:00", id="its day"),
        pytest.param(
            window("mon", "00:00", "00:00", "Pacific/Auckland"), "2026-06-14 11:59", "2026-06-14 12:00",
            id="Monday begins on Sunday",
        ),
        pytest.param(
            window("mon", "00:00", "00:00", "America/Los_Angeles"), "2026-06-16 06:59", "2026-06-16 06:59",
            id="Monday ends on Tuesday",
        ),
        pytest.param(
            window("daily", "09:00", "10:00", "Asia/Kathmandu"), "2026-06-15 00:00", "2026-06-15 03:15",
            id="a zone of five hours and three quarters",
        ),
    ],
)  # fmt: skip
def test_a_window_opens(window, asked, opening):
    assert opens(window, utc(asked)) == utc(opening)


@pytest.mark.parametrize(
    ("window", "asked", "opening"),
    [
        # 29 March 2026, 01:00 UTC: from 02:00 to 03:00
        pytest.param(
            window("daily", "02:00", "03:00", BERLIN), "2026-03-29 00:30", "2026-03-30 00:00",
            id="spring: it is skipped, the next day's counts",
        ),
        pytest.param(
            window("sun", "02:15", "02:45", BERLIN), "2026-03-29 00:30", "2026-04-05 00:15",
            id="spring: it is skipped, the next week's counts",
        ),
        pytest.param(
            window("sun", "02:00", "03:00", BERLIN), "2026-03-22 03:00", "2026-04-05 00:00",
            id="spring: asked a week before, it comes after two",
        ),
        pytest.param(
            window("daily", "02:30", "04:00", BERLIN), "2026-03-29 00:30", "2026-03-29 01:00",
            id="spring: its beginning is skipped",
        ),
        pytest.param(
            window("daily", "01:30", "02:30", BERLIN), "2026-03-29 00:59", "2026-03-29 00:59",
            id="spring: its end is skipped, still open",
        ),
        pytest.param(
            window("daily", "01:30", "02:30", BERLIN), "2026-03-29 01:00", "2026-03-29 23:30",
            id="spring: its end is skipped, closed",
        ),
        pytest.param(
            window("sat", "22:00", "04:00", BERLIN), "2026-03-29 01:59", "2026-03-29 01:59",
            id="spring: a night is an hour shorter, still open",
        ),
        pytest.param(
            window("sat", "22:00", "04:00", BERLIN), "2026-03-29 02:00", "2026-04-04 20:00",
            id="spring: a night is an hour shorter, closed",
        ),
        # 25 October 2026, 01:00 UTC: from 03:00 back to 02:00
        pytest.param(
            window("daily", "02:00", "03:00", BERLIN), "2026-10-25 01:59", "2026-10-25 01:59",
            id="autumn: an hour is two hours long",
        ),
        pytest.param(
            window("daily", "02:00", "03:00", BERLIN), "2026-10-25 02:00", "2026-10-26 01:00",
            id="autumn: and then it is over",
        ),
        pytest.param(
            window("sat", "22:00", "04:00", BERLIN), "2026-10-25 02:59", "2026-10-25 02:59",
            id="autumn: a night is an hour longer",
        ),
        pytest.param(
            window("daily", "02:30", "04:00", BERLIN), "2026-10-25 00:00", "2026-10-25 00:30",
            id="autumn: it opens at the first half past 2",
        ),
    ],
)  # fmt: skip
def test_a_window_at_the_change_of_daylight_saving(window, asked, opening):
    assert opens(window, utc(asked)) == utc(opening)


def test_a_window_without_days_is_refused():
    with pytest.raises(ValueError, match="at least one day"):
        opens(Window(frozenset(), time(9), time(16), "UTC"), NOON)


def test_a_time_in_any_zone_is_taken_and_the_answer_is_in_utc():
    opening = opens(window("daily", "09:00", "16:00"), NOON.astimezone(ZoneInfo(BERLIN)))
    assert opening == NOON
    assert opening.tzinfo is UTC


moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis wants naive bounds
times_of_day = st.times(timezones=st.none()).map(lambda at: at.replace(second=0, microsecond=0))
zones = st.sampled_from(
    ["UTC", BERLIN, "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"]
)
windows = st.builds(Window, st.frozensets(st.integers(0, 6), min_size=1), times_of_day, times_of_day, zones)


@given(windows, moments)
def test_a_window_is_open_at_the_moment_it_says_it_opens(window, moment):
    opening = opens(window, moment)
    assert moment <= opening <= moment + timedelta(days=15)
    assert opens(window, opening) == opening


@given(windows, moments, st.timedeltas(timedelta(), timedelta(days=8)))
def test_nothing_is_open_between_a_moment_and_the_opening(window, moment, later):
    opening = opens(window, moment)
    if moment + later < opening:
        assert opens(window, moment + later) == opening


# --- freezes ---------------------------------------------------------------------------------------------------------

BLACK_FRIDAY = Freeze(date(2026, 11, 27), date(2026, 11, 27))
AT_NEW_YEAR = Freeze(date(2024, 12, 20), date(2024, 1, 3), yearly=True)
LEAP_DAY = Freeze(date(2024, 2, 29), date(2024, 2, 29), yearly=True)


@pytest.mark.parametrize(
    ("freeze", "moment", "end"),
    [
        pytest.param(BLACK_FRIDAY, "2026-11-26 23:59", None, id="the day before"),
        pytest.param(BLACK_FRIDAY, "2026-11-27 00:00", "2026-11-28 00:00", id="its first minute"),
        pytest.param(BLACK_FRIDAY, "2026-11-27 23:59", "2026-11-28 00:00", id="its last minute"),
        pytest.param(BLACK_FRIDAY, "2027-11-27 12:00", None, id="another year"),
        pytest.param(AT_NEW_YEAR, "2026-12-20 00:00", "2027-01-04 00:00", id="before New Year"),
        pytest.param(AT_NEW_YEAR, "2027-01-03 23:59", "2027-01-04 00:00", id="after New Year"),
        pytest.param(AT_NEW_YEAR, "2031-12-31 12:00", "2032-01-04 00:00", id="every year"),
        pytest.param(AT_NEW_YEAR, "2027-01-04 00:00", None, id="it is over"),
        pytest.param(LEAP_DAY, "2027-02-28 12:00", "2027-03-01 00:00", id="a leap day in another year"),
        pytest.param(LEAP_DAY, "2028-02-29 12:00", "2028-03-01 00:00", id="a leap day in its year"),
    ],
)
def test_a_freeze_holds_for_whole_days(freeze, moment, end):
    found = frozen_until(Schedule(freezes=(freeze,)), utc(moment))
    assert found == (utc(end) if end else None)


def test_a_freeze_is_kept_in_the_zone_of_the_window():
    schedule = Schedule(window=window("daily", "00:00", "00:00", BERLIN), freezes=(BLACK_FRIDAY,))
    assert frozen_until(schedule, utc("2026-11-26 22:59")) is None
    assert frozen_until(schedule, utc("2026-11-26 23:00")) == utc("2026-11-27 23:00")


def test_after_a_freeze_the_window_is_waited_for_and_after_the_window_the_next_freeze():
    mondays = window("mon", "09:00", "16:00")
    monday_too = Freeze(date(2026, 11, 30), date(2026, 11, 30))
    schedule = Schedule(window=mondays, freezes=(BLACK_FRIDAY, monday_too))
    assert may_begin(schedule, utc("2026-11-27 10:00")) == utc("2026-12-07 09:00")
    assert may_begin(schedule, utc("2026-11-23 10:00")) == utc("2026-11-23 10:00")


def every_year(first: str, last: str) -> Freeze:
    return Freeze(date.fromisoformat(f"2024-{first}"), date.fromisoformat(f"2024-{last}"), yearly=True)


A_YEAR = (every_year("01-01", "12-31"),)
A_YEAR_FROM_JULY = (every_year("07-01", "06-30"),)
TWO_HALVES = (every_year("12-01", "06-30"), every_year("06-15", "12-15"))
UNTIL_FURTHER_NOTICE = (Freeze(date(2026, 12, 1), date.max),)


@pytest.mark.parametrize("freezes", [A_YEAR, A_YEAR_FROM_JULY, TWO_HALVES, UNTIL_FURTHER_NOTICE])
@pytest.mark.parametrize("opening", [None, window("mon", "09:00", "16:00", BERLIN)])
def test_nobody_looks_further_than_ten_years_for_a_day_that_freezes_leave(freezes, opening):
    moment = utc("2026-12-01 12:00")
    assert may_begin(Schedule(window=opening, freezes=freezes), moment) == utc("2036-12-01 12:00")


@pytest.mark.parametrize(
    ("freezes", "leave_one"),
    [
        pytest.param((), True, id="none"),
        pytest.param((AT_NEW_YEAR, LEAP_DAY, BLACK_FRIDAY), True, id="some"),
        pytest.param((every_year("03-02", "02-29"),), True, id="all but the first of March"),
        pytest.param(UNTIL_FURTHER_NOTICE, True, id="one that is not of every year"),
        pytest.param(A_YEAR, False, id="a whole year"),
        pytest.param(A_YEAR_FROM_JULY, False, id="a whole year, over New Year"),
        pytest.param(TWO_HALVES, False, id="two that are a whole year together"),
        pytest.param((every_year("03-01", "02-28"),), False, id="all but a leap day"),
    ],
)
def test_freezes_leave_a_day_of_every_year_or_none(freezes, leave_one):
    assert leave_a_day(freezes) is leave_one


@pytest.mark.parametrize(
    ("days", "start", "end", "closed"),
    [
        ("mon", "09:00", "16:00", timedelta(days=6, hours=17)),
        ("mon,tue,wed,thu", "09:00", "16:00", timedelta(days=3, hours=17)),
        ("daily", "22:00", "04:00", timedelta(hours=18)),
        ("daily", "00:00", "00:00", timedelta()),
        ("fri,sun", "22:00", "04:00", timedelta(days=4, hours=18)),
    ],
)
def test_the_longest_time_that_a_window_is_closed(days, start, end, closed):
    assert window(days, start, end).longest_closed == closed
