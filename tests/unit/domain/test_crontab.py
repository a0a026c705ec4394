"""Crontab lines mean what cron means by them. The calendar at hand: 15 June 2026 is a Monday."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from rotator.domain import crontab
from tests.unit.domain.builders import NOON, utc

BERLIN = ZoneInfo("Europe/Berlin")


def times(line: str, since: str, how_many: int, zone=UTC) -> list[str]:
    found, moment = [], utc(since)
    for _ in range(how_many):
        moment = crontab.next_time(line, moment, zone)
        assert moment is not None
        found.append(f"{moment:%Y-%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("line", "since", "next_ones"),
    [
        pytest.param(
            "0 3 1 */3 *",
            "2026-06-15 12:00",
            ["2026-07-01 03:00", "2026-10-01 03:00", "2027-01-01 03:00", "2027-04-01 03:00"],
            id="quarterly",
        ),
        pytest.param("0 3 1 1 *", "2026-06-15 12:00", ["2027-01-01 03:00", "2028-01-01 03:00"], id="yearly"),
        pytest.param("30 4 * * *", "2026-06-15 04:29", ["2026-06-15 04:30", "2026-06-16 04:30"], id="daily"),
        pytest.param("30 4 * * *", "2026-06-15 04:30", ["2026-06-16 04:30"], id="never the moment itself"),
        pytest.param("*/15 9-10 * * *", "2026-06-15 10:30", ["2026-06-15 10:45", "2026-06-16 09:00"], id="steps"),
        pytest.param("0 0 29 2 *", "2026-06-15 12:00", ["2028-02-29 00:00", "2032-02-29 00:00"], id="leap days"),
        pytest.param("0 0 31 * *", "2026-06-15 12:00", ["2026-07-31 00:00", "2026-08-31 00:00"], id="long months"),
        pytest.param(
            "0 0 1 jan,jul *", "2026-06-15 12:00", ["2026-07-01 00:00", "2027-01-01 00:00"], id="months by name"
        ),
        pytest.param(
            "59 23 31 12 *", "2026-12-31 23:58", ["2026-12-31 23:59", "2027-12-31 23:59"], id="new year's eve"
        ),
    ],
)
def test_the_next_times_of_a_line(line, since, next_ones):
    assert times(line, since, len(next_ones)) == next_ones


SUNDAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY = 6, 0, 1, 2, 3, 4, 5


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("0", [SUNDAY]),
        ("7", [SUNDAY]),
        ("1", [MONDAY]),
        ("6", [SATURDAY]),
        ("sun", [SUNDAY]),
        ("MON", [MONDAY]),
        ("1-5", [MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY]),
        ("mon-fri", [MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY]),
        ("0-2", [MONDAY, TUESDAY, SUNDAY]),
        ("5-7", [FRIDAY, SATURDAY, SUNDAY]),
        ("sun-tue", [MONDAY, TUESDAY, SUNDAY]),
        ("fri-sun", [FRIDAY, SATURDAY, SUNDAY]),
        ("sat-mon", [MONDAY, SATURDAY, SUNDAY]),
        ("1,3,5", [MONDAY, WEDNESDAY, FRIDAY]),
        ("mon,4", [MONDAY, THURSDAY]),
        pytest.param("*/2", [TUESDAY, THURSDAY, SATURDAY, SUNDAY], id="every second day begins with Sunday"),
        ("1-5/2", [MONDAY, WEDNESDAY, FRIDAY]),
        ("0-7", [MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY]),
        ("*", [MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY]),
    ],
)
def test_weekdays_are_counted_from_sunday(field, days):
    assert sorted(utc(time).weekday() for time in times(f"0 3 * * {field}", "2026-06-15 12:00", len(days))) == days
    assert len(set(times(f"0 3 * * {field}", "2026-06-15 12:00", len(days) + 1))) == len(days) + 1


@pytest.mark.parametrize(
    ("line", "next_ones"),
    [
        pytest.param(
            "0 3 13 * fri", ["2026-06-19 03:00", "2026-06-26 03:00", "2026-07-03 03:00", "2026-07-10 03:00",
                             "2026-07-13 03:00", "2026-07-17 03:00"],
            id="the 13th, and every Friday",
        ),
        pytest.param("0 3 * * fri", ["2026-06-19 03:00", "2026-06-26 03:00"], id="any day of the month: Fridays"),
        pytest.param("0 3 13 * *", ["2026-07-13 03:00", "2026-08-13 03:00"], id="any weekday: the 13th"),
        pytest.param("0 3 */2 * fri", ["2026-06-19 03:00", "2026-07-03 03:00"], id="a step is any day: odd Fridays"),
    ],
)  # fmt: skip
def test_a_day_of_the_month_and_a_weekday_are_either_or_as_in_cron(line, next_ones):
    assert times(line, "2026-06-15 12:00", len(next_ones)) == next_ones


@pytest.mark.parametrize(
    ("line", "since", "next_ones"),
    [
        pytest.param("0 3 * * *", "2026-01-10 12:00", ["2026-01-11 02:00"], id="winter"),
        pytest.param("0 3 * * *", "2026-06-15 12:00", ["2026-06-16 01:00"], id="summer"),
        pytest.param(
            "0 3 * * *", "2026-03-28 01:00", ["2026-03-28 02:00", "2026-03-29 01:00", "2026-03-30 01:00"],
            id="into summer: 3 o'clock stays 3 o'clock",
        ),
        pytest.param(
            "30 2 * * *", "2026-03-28 12:00", ["2026-03-29 01:30", "2026-03-30 00:30"],
            id="into summer: half past 2 does not exist and comes as half past 3",
        ),
        pytest.param(
            "30 2 * * *", "2026-10-24 12:00", ["2026-10-25 00:30", "2026-10-26 01:30"],
            id="into winter: half past 2 comes twice and is due once",
        ),
        pytest.param(
            "30 2 25 10 *", "2026-10-24 12:00", ["2026-10-25 00:30", "2027-10-25 00:30"],
            id="into winter: once a year",
        ),
        pytest.param(
            "0 * * * *", "2026-10-25 00:00", ["2026-10-25 01:00", "2026-10-25 02:00"],
            id="into winter: hourly goes on hourly",
        ),
        pytest.param(
            "*/30 * * * *", "2026-03-29 00:30", ["2026-03-29 01:00", "2026-03-29 01:30"],
            id="into summer: half-hourly goes on half-hourly",
        ),
    ],
)  # fmt: skip
def test_lines_are_kept_in_the_zones_wall_clock_time(line, since, next_ones):
    assert times(line, since, len(next_ones), BERLIN) == next_ones


def test_a_token_made_in_the_repeated_hour_is_not_due_again_in_it():
    made_just_after_the_first_half_past_two = utc("2026-10-25 00:30:05")
    assert crontab.next_time("30 2 * * *", made_just_after_the_first_half_past_two, BERLIN) == utc("2026-10-26 01:30")


def test_a_token_made_in_the_second_of_the_repeated_hours_is_due_at_the_next_hour():
    assert crontab.next_time("0 3 * * *", utc("2026-10-25 01:15"), BERLIN) == utc("2026-10-25 02:00")


def test_half_an_hour_of_daylight_saving_is_enough():
    lord_howe = ZoneInfo("Australia/Lord_Howe")  # its clocks are put from 2:00 to 2:30 on 4 October 2026
    assert times("15 2 * * *", "2026-10-03 12:00", 2, lord_howe) == ["2026-10-03 15:45", "2026-10-04 15:15"]


def test_microseconds_do_not_make_a_time_due_twice():
    assert crontab.next_time("0 12 * * *", NOON.replace(microsecond=1), UTC) == utc("2026-06-16 12:00")


def test_a_time_in_another_zone_is_the_same_moment():
    assert crontab.next_time("0 3 * * *", NOON.astimezone(BERLIN), UTC) == utc("2026-06-16 03:00")


@pytest.mark.parametrize("line", ["0 3 31 2 *", "0 3 30 feb *", "0 0 31 4,6,9,11 *"])
def test_a_date_that_never_comes_is_none(line):
    assert crontab.next_time(line, NOON, UTC) is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "five fields"),
        ("0 3 * *", "five fields"),
        ("0 0 3 * * *", "five fields"),
        ("@daily", "five fields"),
        ("61 3 * * *", "61"),
        ("0 25 * * *", "25"),
        ("0 3 0 * *", "0"),
        ("0 3 * 13 *", "13"),
        ("0 3 * * 8", "`8` is not a weekday"),
        ("0 3 * * dog", "`dog` is not a weekday"),
        ("0 3 * * mon-", "`mon-` is not a weekday"),
        ("0 3 * * */0", "`*/0` is not a weekday".replace("*", r"\*")),
        ("0 3 * * mon,,tue", "`` is not a weekday"),
        ("a b c d e", "not a weekday"),
        ("0 3 x * *", "x"),
    ],
)
def test_what_is_no_crontab_line_is_refused(line, says):
    with pytest.raises(ValueError, match=says):
        crontab.next_time(line, NOON, UTC)
