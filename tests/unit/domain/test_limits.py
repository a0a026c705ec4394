"""Limits of connections: how rates are written, and that the pace made of one never overfills a window."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.domain.limits import Limits, Rate

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/min", Rate(100, MINUTE)),
        ("5/s", Rate(5, SECOND)),
        ("4500/h", Rate(4500, HOUR)),
        ("10 / 15 min", Rate(10, 15 * MINUTE)),
        ("1/day", Rate(1, 24 * HOUR)),
    ],
)
def test_a_rate_is_written_as_people_say_it(text, rate):
    assert Rate.parse(text) == rate
    assert Rate.parse(str(rate)) == rate


@pytest.mark.parametrize("text", ["", "100", "0/min", "100/month", "-1/s", "1.5/s", "100/min/h", "min/100"])
def test_what_is_no_rate_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="100/min"):
        Rate.parse(text)


@given(
    rate=st.builds(Rate, st.integers(1, 5000), st.sampled_from([SECOND, MINUTE, HOUR])),
    rests=st.lists(st.integers(0, 3), max_size=5),
)
def test_no_window_holds_more_than_the_rate_and_a_busy_one_nearly_that(rate, rests):
    sent = _sent(rate, rests)
    for first, moment in enumerate(sent):
        in_window = [other for other in sent[first:] if other - moment < rate.per]
        assert len(in_window) <= rate.requests
    busy = 100 * rate.pace
    assert busy / rate.per * rate.requests <= 100 * 1.04


def _sent(rate: Rate, rests: list[int]) -> list[timedelta]:
    """Give when requests are sent by somebody who always has one more to send, but for some rests."""
    now = spent_until = timedelta()
    sent = []
    for rest in [*rests, 0]:
        now += rest * rate.per
        for _ in range(min(rate.requests + 2, 120)):
            now = max(now, spent_until - rate.head_start)
            spent_until = max(now, spent_until) + rate.pace
            sent.append(now)
    return sent


def test_of_two_limits_the_stricter_holds():
    ours, theirs = Limits(Rate(100, MINUTE), None), Limits(Rate(5, SECOND), 4)
    assert ours.narrowed(theirs) == theirs.narrowed(ours) == Limits(Rate(100, MINUTE), 4)
    assert ours.narrowed(Limits()) == ours
    assert Limits(None, 8).narrowed(Limits(None, 3)).concurrency == 3
    assert not Limits()
