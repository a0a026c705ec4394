"""The fakes behave as Microsoft's own clients expect of the services: every call here is the SDK's."""

from __future__ import annotations

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient
from azure.keyvault.secrets._shared import http_challenge_cache

from providers.stores.azure_key_vault.plugin import AzurePlace
from providers.stores.azure_key_vault.store import KeyVaultStore
from rotator.testing.store_contract import fresh, held, publish
from tests.fakes.azure_key_vault import KeyVault
from tests.fakes.entra import CLIENT, TENANT
from tests.integration.azure_key_vault.setting import Azure


@pytest.fixture
def client(azure: Azure) -> SecretClient:
    return azure.client()


def test_what_the_sdk_writes_the_store_reads(client: SecretClient, store: KeyVaultStore) -> None:
    made = client.set_secret("by-the-sdk", "one", content_type="text/plain", tags={"a": "b"})
    found = store.current(AzurePlace(secret="by-the-sdk"))
    assert held(found) == "one"
    assert found
    assert found.version == made.properties.version


def test_what_the_store_writes_the_sdk_reads(client: SecretClient, store: KeyVaultStore) -> None:
    value = fresh()
    version = publish(store, AzurePlace(secret="by-the-store", create=True), value)
    found = client.get_secret("by-the-store")
    assert (found.value, found.properties.version) == (value.reveal(), version)
    assert found.properties.tags == {"rotator-key": "rotation-1"}
    assert found.properties.enabled


def test_every_set_makes_a_version_and_names_know_no_case(client: SecretClient, vault: KeyVault) -> None:
    versions = [client.set_secret(name, "same").properties.version for name in ("a", "A", "a")]
    assert len(set(versions)) == 3
    listed = [each.version for each in client.list_properties_of_secret_versions("a")]
    assert listed == sorted(version or "" for version in versions)
    assert client.get_secret("a", versions[0]).value == "same"


def test_versions_come_in_pages(client: SecretClient, vault: KeyVault, azure: Azure) -> None:
    vault.page_size = 2
    for number in range(5):
        client.set_secret("a", str(number))
    azure.proxy.seen.clear()
    assert len(list(client.list_properties_of_secret_versions("a"))) == 5
    assert len(azure.proxy.sent("GET", "skiptoken")) == 2 + 1  # the first of them to be challenged at that address


def test_a_disabled_newest_version_does_not_fall_back(client: SecretClient) -> None:
    client.set_secret("a", "one")
    second = client.set_secret("a", "two").properties.version
    client.update_secret_properties("a", second, enabled=False, tags={"why": "test"})
    with pytest.raises(HttpResponseError) as caught:
        client.get_secret("a")
    assert caught.value.status_code == 403
    assert client.update_secret_properties("a", second, enabled=True).tags == {"why": "test"}


def test_a_deleted_secret_keeps_its_name_until_it_is_recovered_or_purged(client: SecretClient) -> None:
    client.set_secret("a", "one")
    client.begin_delete_secret("a").wait()
    with pytest.raises(ResourceNotFoundError):
        client.get_secret("a")
    with pytest.raises(ResourceExistsError):
        client.set_secret("a", "two")
    assert client.get_deleted_secret("a").recovery_id
    client.begin_recover_deleted_secret("a").wait()
    assert client.get_secret("a").value == "one"
    client.begin_delete_secret("a").wait()
    client.purge_deleted_secret("a")
    assert client.set_secret("a", "three").value == "three"


def test_what_does_not_fit_is_refused(client: SecretClient) -> None:
    for settings in ({"value": "x" * 25_601}, {"value": "x", "tags": {str(number): "" for number in range(16)}}):
        with pytest.raises(HttpResponseError) as caught:
            client.set_secret("a", **settings)
        assert caught.value.status_code == 400


def test_the_first_request_is_challenged_without_its_body(azure: Azure, vault: KeyVault) -> None:
    http_challenge_cache.clear()
    before = len(azure.entra.signed_in)
    azure.client().set_secret("a", "one")
    assert len(azure.entra.signed_in) == before + 1
    assert vault.calls == ["set"]


def test_a_challenge_for_another_domain_is_refused_by_a_cautious_client(azure: Azure) -> None:
    client = SecretClient(azure.direct, azure.client()._client._config.credential, connection_verify=str(azure.ca_file))
    with pytest.raises(ValueError, match="does not match the requested domain"):
        client.get_secret("a")


def test_a_wrong_client_secret_is_refused_as_entra_does(azure: Azure) -> None:
    credential = ClientSecretCredential(
        TENANT,
        CLIENT,
        "wrong",
        authority=azure.direct,
        disable_instance_discovery=True,
        connection_verify=str(azure.ca_file),
    )
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        credential.get_token("https://vault.azure.net/.default")
