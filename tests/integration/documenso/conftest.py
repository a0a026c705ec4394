"""One Documenso and one faulty link to it for all tests of the issuer; each test begins with an empty team."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Iterator

import pytest

from rotator.domain.contracts import Issuer
from rotator.testing.access import DictionaryAccess
from tests.fakes.documenso import Documenso, documenso
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.integration.documenso.setting import access_to, opened


@pytest.fixture(scope="module", autouse=True)
def _one_reading_of_the_systems_certificates() -> Iterator[None]:
    """It takes longer than any test here, and nothing here is https."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


@pytest.fixture(scope="session")
def running() -> Iterator[tuple[Documenso, FaultProxy]]:
    with documenso() as service, fault_proxy(service.url) as proxy:
        yield service, proxy


@pytest.fixture
def service(running: tuple[Documenso, FaultProxy]) -> Documenso:
    service, proxy = running
    service.reset()
    proxy.heal()
    proxy.seen.clear()
    return service


@pytest.fixture
def proxy(running: tuple[Documenso, FaultProxy], service: Documenso) -> FaultProxy:
    return running[1]


@pytest.fixture
def access(service: Documenso) -> DictionaryAccess:
    return access_to(service)


@pytest.fixture
def issuer(service: Documenso, access: DictionaryAccess) -> Issuer:
    return opened(service.url, access)


@pytest.fixture
def behind_proxy(proxy: FaultProxy, access: DictionaryAccess) -> Issuer:
    return opened(proxy.url, access)
