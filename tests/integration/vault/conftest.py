"""What every test of the vault store starts from: one document in a mount of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.stores.vault.plugin import VaultPlace
from providers.stores.vault.store import VaultStore
from tests.canary import CANARY
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.integration.vault.setting import SIBLINGS, Credentials, Documents, opened, policy_for
from tests.servers.openbao import OpenBao, running_openbao


@pytest.fixture
def mount(openbao: OpenBao) -> str:
    return openbao.mount_kv()


@pytest.fixture
def outside(openbao: OpenBao, mount: str) -> Documents:
    documents = Documents(openbao, mount, 2)
    documents.replace({**SIBLINGS, "token": "tok_first_of_all"})
    return documents


@pytest.fixture
def proxy(openbao: OpenBao) -> Iterator[FaultProxy]:
    with fault_proxy(openbao.url) as running:
        yield running


@pytest.fixture
def access(openbao: OpenBao) -> Credentials:
    return Credentials(token=openbao.root_token)


@pytest.fixture
def store(proxy: FaultProxy, mount: str, access: Credentials) -> VaultStore:
    return opened(proxy.url, mount, access)


@pytest.fixture
def place(outside: Documents) -> VaultPlace:
    return VaultPlace(path=outside.path, field="token")


@pytest.fixture
def policy(openbao: OpenBao, mount: str) -> str:
    return openbao.policy(policy_for(mount))


@pytest.fixture(scope="session")
def guarded_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("openbao-tls")


@pytest.fixture(scope="session")
def guarded(guarded_folder: Path) -> Iterator[OpenBao]:
    """OpenBao behind TLS, with a certificate of its own authority."""
    with running_openbao(guarded_folder, tls=True) as server:
        CANARY.add(server.root_token, for_session=True)
        yield server


@pytest.fixture(scope="session")
def authority(guarded: OpenBao, guarded_folder: Path) -> Path:
    """The file of that authority."""
    return guarded_folder / "vault-ca.pem"
