"""What every test of the Key Vault store starts from: an empty vault, and one secret with tags in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from azure.keyvault.secrets._shared import http_challenge_cache

from providers.stores.azure_key_vault.plugin import AzurePlace
from providers.stores.azure_key_vault.store import KeyVaultStore
from tests.fakes.azure_key_vault import KeyVault
from tests.fakes.fault_proxy import FaultProxy
from tests.integration.azure_key_vault.setting import DOCUMENT, TAGS, Azure, SomebodyElse, running_azure


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    with running_azure(tmp_path_factory.mktemp("azure")) as running:
        yield running


@pytest.fixture
def azure(servers: Azure) -> Azure:
    http_challenge_cache.clear()  # the SDK keeps challenges for the whole process
    servers.vault.reset()
    servers.entra.signed_in.clear()
    servers.proxy.heal()
    servers.proxy.seen.clear()
    return servers


@pytest.fixture
def vault(azure: Azure) -> KeyVault:
    return azure.vault


@pytest.fixture
def proxy(azure: Azure) -> FaultProxy:
    return azure.proxy


@pytest.fixture
def store(azure: Azure) -> Iterator[KeyVaultStore]:
    opened = azure.store()
    yield opened
    opened._vault.close()


@pytest.fixture
def field() -> str | None:
    return "token"


@pytest.fixture
def place(azure: Azure, field: str | None) -> AzurePlace:
    azure.client().set_secret(
        "app-token",
        DOCUMENT if field else "start",
        tags=TAGS,
        content_type="application/json",
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return AzurePlace(secret="app-token", field=field)


@pytest.fixture
def outside(azure: Azure, place: AzurePlace) -> SomebodyElse:
    return SomebodyElse(azure.client(), place)
