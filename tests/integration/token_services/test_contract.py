"""Every profile of a token service keeps an issuer's promises, at a fake with its service's rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rotator.domain.clock import Clock
from rotator.domain.contracts import Issuer
from rotator.testing.issuer_contract import IssuerContract
from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import TokenService, serving
from tests.integration.token_services.setting import SETTINGS, opened


@pytest.fixture(scope="module", params=SETTINGS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def service(name: str) -> Iterator[TokenService]:
    with serving(SETTINGS[name].service(MovingClock())) as running:
        yield running


@pytest.fixture(scope="module")
def issuer(name: str, service: TokenService) -> Issuer:
    return opened(name, service)


@pytest.fixture(scope="module")
def stranger(name: str, service: TokenService) -> Issuer:
    return opened(name, service, credentials=SETTINGS[name].wrong)


class TestTokenServices(IssuerContract):
    @pytest.fixture
    def clock(self, service: TokenService) -> Clock:
        return service.clock
