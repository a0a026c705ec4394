"""One service for each test, empty but for its manager; a test's module says by ``SERVICE`` which."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rotator.testing.moving_clock import MovingClock
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.fakes.token_services.service import TokenService, serving


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def service(request: pytest.FixtureRequest, clock: MovingClock) -> Iterator[TokenService]:
    with serving(request.module.SERVICE(clock)) as running:
        yield running


@pytest.fixture
def proxy(service: TokenService) -> Iterator[FaultProxy]:
    with fault_proxy(service.url) as running:
        yield running
