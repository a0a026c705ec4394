"""What every test of the Jenkins store starts from: a furnished Jenkins, a proxy that can fail, and the store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.stores.jenkins.store import JenkinsStore
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.fakes.jenkins import PREFIX, JenkinsService, jenkins_service
from tests.integration.jenkins.setting import SECRET_TEXT, AtTheCredential, furnish, opened


@pytest.fixture(scope="session")
def running() -> Iterator[JenkinsService]:
    with jenkins_service() as service:
        yield service


@pytest.fixture
def jenkins(running: JenkinsService) -> JenkinsService:
    furnish(running)
    return running


@pytest.fixture
def proxy(jenkins: JenkinsService) -> Iterator[FaultProxy]:
    with fault_proxy(jenkins.url.removesuffix(PREFIX)) as running:
        yield running


@pytest.fixture
def store(jenkins: JenkinsService, proxy: FaultProxy) -> JenkinsStore:
    return opened(jenkins, f"{proxy.url}{PREFIX}")


@pytest.fixture
def outside(jenkins: JenkinsService) -> AtTheCredential:
    return AtTheCredential(jenkins, SECRET_TEXT)
