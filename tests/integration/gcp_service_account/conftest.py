"""One project for the package, and an account of each test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rotator.domain.contracts import Issuer
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.fakes.gcp_iam import Gcp
from tests.fakes.token_services.service import serving
from tests.integration.gcp_service_account.setting import access_with, opened


@pytest.fixture(scope="package")
def project() -> Iterator[Gcp]:
    with serving(Gcp(MovingClock())) as running:
        yield running


@pytest.fixture(scope="package")
def running_proxy(project: Gcp) -> Iterator[FaultProxy]:
    with fault_proxy(project.url) as running:
        yield running


@pytest.fixture
def access(project: Gcp) -> DictionaryAccess:
    return access_with(project, project.manager)


@pytest.fixture
def gcp(project: Gcp) -> Gcp:
    project.reset()
    return project


@pytest.fixture
def proxy(running_proxy: FaultProxy) -> FaultProxy:
    running_proxy.heal()
    running_proxy.seen.clear()
    return running_proxy


@pytest.fixture
def account(gcp: Gcp) -> str:
    return gcp.new_account()


@pytest.fixture
def issuer(gcp: Gcp, account: str, access: DictionaryAccess) -> Issuer:
    return opened(gcp, account, access=access)
