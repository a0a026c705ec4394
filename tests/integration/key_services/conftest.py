"""A clock for each test's service, and the service itself."""

from __future__ import annotations

import pytest

from rotator.testing.moving_clock import MovingClock


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()
