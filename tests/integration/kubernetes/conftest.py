"""What every test of the kubernetes store starts from: a fresh cluster with one Secret, under the shipped Role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.stores.kubernetes.plugin import KubernetesPlace
from providers.stores.kubernetes.store import KubernetesStore
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.fakes.kubernetes.cluster import Cluster
from tests.fakes.kubernetes.server import serving
from tests.fakes.own_authority import OwnAuthority, own_authority
from tests.integration.kubernetes.setting import PLACE, SomebodyElse, cluster_with_a_secret, opened


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> OwnAuthority:
    return own_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def cluster() -> Cluster:
    return cluster_with_a_secret()


@pytest.fixture
def url(cluster: Cluster, authority: OwnAuthority) -> Iterator[str]:
    with serving(cluster, authority.server) as address:
        yield address


@pytest.fixture
def ca_file(authority: OwnAuthority) -> Path:
    return authority.ca_file


@pytest.fixture
def store(url: str, ca_file: Path) -> KubernetesStore:
    return opened(url, ca_file=ca_file)


@pytest.fixture
def place() -> KubernetesPlace:
    return PLACE


@pytest.fixture
def somebody_else(url: str, ca_file: Path) -> SomebodyElse:
    return SomebodyElse(url, ca_file)


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[FaultProxy]:
    """Between the store and the cluster, in plain HTTP on loopback."""
    with serving(cluster) as address, fault_proxy(address) as running:
        yield running


@pytest.fixture
def through_proxy(proxy: FaultProxy) -> KubernetesStore:
    return opened(proxy.url)
