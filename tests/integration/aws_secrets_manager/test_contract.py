"""The store keeps the contract: on moto, with the permissions that we ship, and on a fake where moto differs."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from providers.stores.aws_secrets_manager.plugin import AwsPlace
from providers.stores.aws_secrets_manager.store import SecretsManagerStore
from rotator.domain.contracts import Place, Store
from rotator.domain.model import Version
from rotator.testing.store_contract import ComparesAndSets, CreatesPlaces, KeepsVersions, Stages, StoreContract
from tests.fakes.secrets_manager import SecretsManager
from tests.integration.aws_secrets_manager.setting import DOCUMENT, AtTheSecret, client_of, store_at


class SecretsManagerContract(ComparesAndSets, Stages, KeepsVersions, CreatesPlaces, StoreContract):
    field: str | None = "token"
    keeps_several = False

    def is_way_back(self, store: Store[Any], place: Place, version: Version) -> bool:
        """Every version can be read for as long as AWS keeps it; a rollback goes to the one with the label."""
        assert isinstance(store, SecretsManagerStore)
        assert isinstance(place, AwsPlace)
        described = store._described(place)
        return described is not None and "AWSPREVIOUS" in described.labels(version)

    @pytest.fixture
    def store(self, guest: SecretsManagerStore) -> SecretsManagerStore:
        return guest

    @pytest.fixture
    def client(self, host: Any) -> Any:
        return host

    @pytest.fixture
    def place(self, client: Any) -> AwsPlace:
        name = f"prod/{uuid4()}"
        document = DOCUMENT if self.field else "start"
        client.create_secret(Name=name, SecretString=document, ClientRequestToken=str(uuid4()))
        return AwsPlace(secret=name, field=self.field)

    @pytest.fixture
    def missing_place(self) -> AwsPlace:
        return AwsPlace(secret=f"none/{uuid4()}", field=self.field)

    @pytest.fixture
    def new_place(self) -> AwsPlace:
        return AwsPlace(secret=f"new/{uuid4()}", field=self.field, create=True)

    @pytest.fixture
    def outside(self, client: Any, place: AwsPlace) -> AtTheSecret:
        return AtTheSecret(client, place.secret, place.field)


class TestAFieldOnMoto(SecretsManagerContract):
    pass


class TestAWholeSecretOnMoto(SecretsManagerContract):
    field = None


class TestAFieldOnTheFake(SecretsManagerContract):
    @pytest.fixture
    def store(self, fake: SecretsManager) -> SecretsManagerStore:
        return store_at(fake.url)

    @pytest.fixture
    def client(self, fake: SecretsManager) -> Any:
        return client_of(fake.url)


class TestAWholeSecretOnTheFake(TestAFieldOnTheFake):
    field = None
