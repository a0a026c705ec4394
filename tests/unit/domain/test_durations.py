"""Lengths of time as people write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from rotator.domain.durations import Duration
from tests.unit.domain.builders import NOON, utc


@pytest.mark.parametrize(
    ("text", "months", "exact"),
    [
        ("90 days", 0, timedelta(days=90)),
        ("90days", 0, timedelta(days=90)),
        ("1 day", 0, timedelta(days=1)),
        ("24h", 0, timedelta(hours=24)),
        ("24 H", 0, timedelta(hours=24)),
        ("5d", 0, timedelta(days=5)),
        ("1 sec", 0, timedelta(seconds=1)),
        ("1 minute", 0, timedelta(minutes=1)),
        ("36 hours", 0, timedelta(hours=36)),
        ("2 weeks", 0, timedelta(days=14)),
        ("1w", 0, timedelta(days=7)),
        ("15m", 0, timedelta(minutes=15)),
        ("15 min", 0, timedelta(minutes=15)),
        ("15 mins", 0, timedelta(minutes=15)),
        ("30 secs", 0, timedelta(seconds=30)),
        ("30s", 0, timedelta(seconds=30)),
        ("6 months", 6, timedelta()),
        ("6mo", 6, timedelta()),
        ("1 year", 12, timedelta()),
        ("2y", 24, timedelta()),
        ("1h 30m", 0, timedelta(minutes=90)),
        ("1h30m", 0, timedelta(minutes=90)),
        ("1 year 2 months 3 days", 14, timedelta(days=3)),
        ("  7  Days  ", 0, timedelta(days=7)),
        ("0s", 0, timedelta()),
        ("0", 0, timedelta()),
    ],
)
def test_people_write_durations_in_many_ways(text, months, exact):
    assert Duration.parse(text) == Duration(months, exact)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be empty"),
        ("   ", "cannot be empty"),
        ("90", "write for example '90 days'"),
        ("days", "write for example '90 days'"),
        ("90 dogs", "write for example '90 days'"),
        ("-5 days", "write for example '90 days'"),
        ("1.5 hours", "write for example '90 days'"),
        ("1h, 30m", "write for example '90 days'"),
        ("1 day ago", "write for example '90 days'"),
        ("P90D", "write for example '90 days'"),
        ("٣ days", "write for example '90 days'"),
        pytest.param("500ms", "write for example '90 days'", id="milliseconds are not minutes"),
        pytest.param("6M", "could mean minutes or months", id="a capital M"),
        pytest.param("1y 6 M", "could mean minutes or months", id="a capital M among others"),
        pytest.param("999999999 days", "longer than a thousand years", id="more days than a calendar has"),
        pytest.param("999999999w 999999999w", "longer than a thousand years", id="more than a timedelta holds"),
        pytest.param("9" * 5000 + " days", "write for example '90 days'", id="more digits than an int takes"),
    ],
)
def test_nonsense_is_refused_with_an_example_of_what_is_accepted(text, says):
    with pytest.raises(ValueError, match=says):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (Duration(), "0s"),
        (Duration(1), "1 month"),
        (Duration(6), "6 months"),
        (Duration(12), "1 year"),
        (Duration(26), "2 years 2 months"),
        (Duration(exact=timedelta(days=90)), "90 days"),
        (Duration(exact=timedelta(hours=24)), "1 day"),
        (Duration(exact=timedelta(seconds=93784)), "1 day 2 hours 3 minutes 4 seconds"),
        (Duration(1, timedelta(days=1)), "1 month 1 day"),
    ],
)
def test_durations_print_as_people_write_them(duration, text):
    assert str(duration) == text


@given(st.integers(0, 1200), st.integers(0, 100 * 366 * 86400))
def test_what_is_printed_reads_back_as_the_same(months, seconds):
    duration = Duration(months, timedelta(seconds=seconds))
    assert Duration.parse(str(duration)) == duration


@given(st.text(max_size=30) | st.text("0123456789 dhmosMy", max_size=30))
def test_any_text_at_all_is_read_or_refused_with_a_value_error(text):
    with suppress(ValueError):
        assert Duration.parse(text).after(NOON) >= NOON


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2026-01-15 10:00", "1 month", "2026-02-15 10:00"),
        pytest.param("2026-01-31 10:00", "1 month", "2026-02-28 10:00", id="a shorter month ends earlier"),
        pytest.param("2028-01-31 10:00", "1 month", "2028-02-29 10:00", id="a leap year's February"),
        pytest.param("2028-02-29 10:00", "1 year", "2029-02-28 10:00", id="no 29 February next year"),
        pytest.param("2028-02-29 10:00", "4 years", "2032-02-29 10:00", id="a 29 February four years on"),
        pytest.param("2026-12-31 23:59", "1 month", "2027-01-31 23:59", id="over the new year"),
        pytest.param("2026-11-30 00:00", "3 months", "2027-02-28 00:00", id="over the new year into February"),
        pytest.param("2026-03-01 00:00", "24 months", "2028-03-01 00:00", id="two years"),
        pytest.param("2026-01-31 00:00", "1 month 1 day", "2026-03-01 00:00", id="months first, then the exact part"),
        pytest.param("2026-02-28 00:00", "90 days", "2026-05-29 00:00", id="days are exact"),
        pytest.param("2026-06-15 12:00", "0s", "2026-06-15 12:00", id="nothing"),
        pytest.param("2026-06-15 12:00", "1000 years", "3026-06-15 12:00", id="the longest there is"),
    ],
)
def test_months_are_calendar_months(start, length, end):
    assert Duration.parse(length).after(utc(start)) == utc(end)


@pytest.mark.parametrize(
    ("end", "length", "start"),
    [
        ("2026-03-15 10:00", "14 days", "2026-03-01 10:00"),
        pytest.param("2026-03-31 10:00", "1 month", "2026-02-28 10:00", id="a month before the 31st of March"),
        pytest.param("2026-01-15 10:00", "1 month", "2025-12-15 10:00", id="over the new year"),
        pytest.param("2028-02-29 10:00", "1 year", "2027-02-28 10:00", id="a year before a leap day"),
        pytest.param("9999-12-31 23:59", "14 days", "9999-12-17 23:59", id="an issuer that means never"),
    ],
)
def test_before_counts_backwards_on_the_calendar(end, length, start):
    assert Duration.parse(length).before(utc(end)) == utc(start)


any_moment = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis wants naive bounds
any_duration = st.builds(Duration, st.integers(0, 120), st.timedeltas(timedelta(), timedelta(days=1000)))


@given(any_moment, any_duration)
def test_after_is_later_and_before_is_earlier(moment, duration):
    assert duration.before(moment) <= moment <= duration.after(moment)


this_century = st.datetimes(datetime(2000, 3, 1), datetime(2096, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  as above


@given(this_century, st.integers(0, 47), st.timedeltas(timedelta(), timedelta(days=1000)))
def test_no_span_of_months_is_shorter_or_longer_than_the_bounds_say(moment, months, exact):
    duration = Duration(months, exact)
    assert duration.shortest <= duration.after(moment) - moment <= duration.longest


@pytest.mark.parametrize(
    ("text", "shortest", "longest"),
    [("1 month", 28, 31), ("3 months", 89, 92), ("6 months", 181, 184), ("1 year", 365, 366), ("90 days", 90, 90)],
)
def test_months_have_a_shortest_and_a_longest_length(text, shortest, longest):
    duration = Duration.parse(text)
    assert (duration.shortest, duration.longest) == (timedelta(days=shortest), timedelta(days=longest))


def test_a_rough_length_is_good_for_comparing():
    assert Duration.parse("3 months").roughly > Duration.parse("90 days").roughly
    assert Duration.parse("1 month").roughly < Duration.parse("31 days").roughly


def test_only_nothing_is_false():
    assert not Duration.parse("0s")
    assert Duration.parse("1s")
    assert Duration.parse("1 month")


def test_a_year_equals_twelve_months_and_a_month_equals_no_number_of_days():
    assert Duration.parse("1 year") == Duration.parse("12 months")
    assert Duration.parse("24h") == Duration.parse("1 day")
    assert Duration.parse("1 month") not in {Duration.parse(f"{days} days") for days in (28, 29, 30, 31)}


class Settings(BaseModel):
    length: Duration


@pytest.mark.parametrize("given", ["90 days", Duration(exact=timedelta(days=90))])
def test_a_config_holds_a_duration_written_as_text_or_made_by_code(given):
    settings = Settings(length=given)
    assert settings.length == Duration(exact=timedelta(days=90))
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_a_config_may_say_zero_without_a_unit():
    assert not Settings.model_validate({"length": 0}).length


@pytest.mark.parametrize("given", [90, 1.5, True, False, None, ["90 days"], "90 dogs", "999999999w 999999999w"])
def test_anything_else_in_a_config_is_a_problem_that_names_its_place(given):
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"length": given})
    assert [error["loc"] for error in caught.value.errors()] == [("length",)]
    assert "write for example" in str(caught.value)


def test_the_json_schema_says_that_a_duration_is_text():
    assert Settings.model_json_schema()["properties"]["length"]["type"] == "string"
