"""The machine's clock: it tells the time in UTC and waits until it is told to stop."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.clock import SystemClock

A_LONG_TIME = timedelta(days=365)


def test_the_time_is_in_utc():
    before, now, after = datetime.now(UTC), SystemClock().now(), datetime.now(UTC)
    assert before <= now <= after
    assert now.tzinfo is UTC


def test_a_stopped_clock_does_not_wait():
    stop = threading.Event()
    stop.set()
    assert SystemClock(stop).wait(A_LONG_TIME) is False


def test_a_wait_is_cut_short_when_the_process_is_to_stop():
    clock = SystemClock()
    threading.Timer(0.01, clock.stop.set).start()
    assert clock.wait(A_LONG_TIME) is False


@pytest.mark.parametrize("duration", [timedelta(), timedelta(microseconds=1), timedelta(days=-1)])
def test_a_wait_for_nothing_or_for_the_past_is_over_at_once(duration):
    assert SystemClock().wait(duration) is True


def test_two_clocks_stop_apart():
    one, other = SystemClock(), SystemClock()
    one.stop.set()
    assert one.wait(A_LONG_TIME) is False
    assert other.wait(timedelta()) is True
