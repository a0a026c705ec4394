"""What every test of the GitLab store starts from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.stores.gitlab.plugin import GitLabPlace
from providers.stores.gitlab.store import GitLabStore
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.fakes.gitlab import GitLab, gitlab
from tests.integration.gitlab.setting import AtTheVariable, furnish, opened, place_of


@pytest.fixture(scope="session")
def running() -> Iterator[GitLab]:
    with gitlab() as service:
        yield service


@pytest.fixture
def service(running: GitLab) -> GitLab:
    furnish(running)
    return running


@pytest.fixture(scope="session")
def between(running: GitLab) -> Iterator[FaultProxy]:
    with fault_proxy(running.url) as proxy:
        yield proxy


@pytest.fixture
def proxy(between: FaultProxy, service: GitLab) -> FaultProxy:
    between.heal()
    between.seen.clear()
    return between


@pytest.fixture
def store(proxy: FaultProxy) -> GitLabStore:
    return opened(proxy.url)


@pytest.fixture
def place() -> GitLabPlace:
    return place_of()


@pytest.fixture
def outside(service: GitLab, place: GitLabPlace) -> AtTheVariable:
    return AtTheVariable(service, place)
