"""The vault store keeps the contract on a real OpenBao, for KV v2 and for KV v1."""

from __future__ import annotations

import pytest

from providers.stores.vault.plugin import VaultPlace
from providers.stores.vault.store import VaultStore
from rotator.domain.errors import Conflict
from rotator.testing.store_contract import (
    ComparesAndSets,
    CreatesPlaces,
    KeepsNoVersions,
    KeepsVersions,
    StoreContract,
    fresh,
    version_of,
)
from tests.fakes.fault_proxy import FaultProxy
from tests.integration.vault.setting import SIBLINGS, AtOneDocument, Documents, DocumentsV1
from tests.servers.openbao import OpenBao


class TestKeyValueV2(AtOneDocument, ComparesAndSets, KeepsVersions, CreatesPlaces, StoreContract):
    """KV v2: compared and set, versioned."""


class TestKeyValueV1(AtOneDocument, KeepsNoVersions, CreatesPlaces, StoreContract):
    @pytest.fixture
    def mount(self, openbao: OpenBao) -> str:
        return openbao.mount_kv(version=1)

    @pytest.fixture
    def outside(self, openbao: OpenBao, mount: str, proxy: FaultProxy) -> Documents:
        documents = DocumentsV1(openbao, mount, 1)
        documents.proxy = proxy
        documents.replace({**SIBLINGS, "token": "tok_first_of_all"})
        return documents

    def test_what_somebody_else_wrote_before_we_looked_is_not_overwritten(
        self, store: VaultStore, place: VaultPlace, outside: Documents
    ) -> None:
        stale = version_of(store.current(place))
        outside.replace({**outside.fields(), "username": "somebody"})
        with pytest.raises(Conflict):
            store.write(place, fresh(), stale, "rotation-1")
        assert outside.fields()["username"] == "somebody"
