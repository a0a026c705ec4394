"""The Key Vault store keeps the contract, for a whole secret and for one field of it."""

from __future__ import annotations

import pytest

from providers.stores.azure_key_vault.plugin import AzurePlace
from providers.stores.azure_key_vault.store import KeyVaultStore
from rotator.domain.errors import Conflict
from rotator.testing.store_contract import CreatesPlaces, KeepsVersions, StoreContract, fresh, version_of
from tests.fakes.azure_key_vault import KeyVault
from tests.integration.azure_key_vault.setting import SomebodyElse


class TestAField(KeepsVersions, CreatesPlaces, StoreContract):
    @pytest.fixture
    def store(self, store: KeyVaultStore) -> KeyVaultStore:
        return store

    @pytest.fixture
    def place(self, place: AzurePlace) -> AzurePlace:
        return place

    @pytest.fixture
    def outside(self, outside: SomebodyElse) -> SomebodyElse:
        return outside

    @pytest.fixture
    def missing_place(self, vault: KeyVault, field: str | None) -> AzurePlace:
        return AzurePlace(secret="not-there", field=field)

    @pytest.fixture
    def new_place(self, vault: KeyVault, field: str | None) -> AzurePlace:
        return AzurePlace(secret="not-there-yet", field=field, create=True)

    def test_what_somebody_else_wrote_before_we_looked_is_not_overwritten(
        self, store: KeyVaultStore, place: AzurePlace, outside: SomebodyElse
    ) -> None:
        stale = version_of(store.current(place))
        outside.put("set-by-hand")
        before = outside.footprint()
        with pytest.raises(Conflict):
            store.write(place, fresh(), stale, "rotation-1")
        assert outside.footprint() == before


class TestAWholeSecret(TestAField):
    @pytest.fixture
    def field(self) -> None:
        return None


class TestASecretWithManyPagesOfVersions(TestAField):
    @pytest.fixture
    def vault(self, vault: KeyVault) -> KeyVault:
        vault.page_size = 2
        return vault

    @pytest.fixture
    def place(self, vault: KeyVault, place: AzurePlace) -> AzurePlace:
        for number in range(5):
            vault.add(place.secret, f'{{"token": "earlier {number}", "port": 1}}')
        return place
