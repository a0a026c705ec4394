"""One directory for the module, and an application of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from rotator.domain.contracts import Issuer
from tests.fakes.fault_proxy import FaultProxy
from tests.fakes.graph import Graph
from tests.integration.azure_app.setting import Directory, running_directory


@pytest.fixture(scope="package")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with running_directory(tmp_path_factory.mktemp("entra")) as running:
        yield running


@pytest.fixture
def directory(servers: Directory) -> Directory:
    servers.graph.reset()
    servers.clock._now = datetime.now(UTC)  # azure-identity tells time by the machine's clock
    servers.entra.signed_in.clear()
    servers.proxy.heal()
    servers.proxy.seen.clear()
    return servers


@pytest.fixture
def graph(directory: Directory) -> Graph:
    return directory.graph


@pytest.fixture
def proxy(directory: Directory) -> FaultProxy:
    return directory.proxy


@pytest.fixture
def application(graph: Graph) -> str:
    return graph.new_application()


@pytest.fixture
def issuer(directory: Directory, application: str) -> Issuer:
    return directory.issuer(application)
