"""A fake vault and a fake Entra ID behind TLS, somebody else there with Microsoft's own client, and our store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient

from providers.stores.azure_key_vault.key_vault import KeyVault as Connection
from providers.stores.azure_key_vault.key_vault import Timeouts
from providers.stores.azure_key_vault.plugin import AzureConfig, AzurePlace
from providers.stores.azure_key_vault.store import KeyVaultStore
from providers.stores.azure_key_vault.versions import KEY_TAG
from rotator.testing.access import DictionaryAccess
from tests.fakes.azure import serving
from tests.fakes.azure_key_vault import AUDIENCE, KeyVault
from tests.fakes.entra import CLIENT, TENANT, Entra
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.fakes.own_authority import own_authority
from tests.fakes.tls_gateway import tls_gateway

DOCUMENT = '{"url": "https://a.example",\n  "token": "start", "port": 1.10, "emoji": "\\ud83d\\udd11", "käse": null}'
TAGS = {"team": "data", "file-encoding": "utf-8"}
BY_SECRET = {"method": "client_secret", "tenant_id": TENANT, "client_id": CLIENT}


@dataclass
class Azure:
    """All of it. Our store goes through ``proxy``; somebody else, at ``direct``, does not."""

    vault: KeyVault
    entra: Entra
    proxy: FaultProxy
    url: str
    direct: str
    ca_file: Path

    def client(self) -> SecretClient:
        """Microsoft's own client, as somebody else uses it."""
        credential = ClientSecretCredential(
            TENANT,
            CLIENT,
            self.entra.client_secret,
            authority=self.direct,
            disable_instance_discovery=True,
            connection_verify=str(self.ca_file),
        )
        verify: dict[str, Any] = {"connection_verify": str(self.ca_file), "verify_challenge_resource": False}
        return SecretClient(self.direct, credential, retry_total=0, **verify)

    def config(self, **settings: Any) -> AzureConfig:
        basics = {"url": self.url, "authority": self.url, "resource": AUDIENCE, "ca_file": self.ca_file}
        method = {"auth": BY_SECRET, "credentials": {"client_secret": "env:AZURE_CLIENT_SECRET"}}
        return AzureConfig(**{**basics, **method, **settings})

    def access(self, **credentials: str) -> DictionaryAccess:
        return DictionaryAccess(credentials or {"client_secret": self.entra.client_secret})

    def store(self, access: DictionaryAccess | None = None, *, read: float = 10, **settings: Any) -> KeyVaultStore:
        """Open the store as the plug-in does, with a shorter patience where a test needs one."""
        access = access or self.access()
        vault = Connection(self.config(**settings), access, Timeouts(read=timedelta(seconds=read)))
        return KeyVaultStore(vault, access.clock)


@contextmanager
def running_azure(folder: Path) -> Iterator[Azure]:
    authority, entra = own_authority(folder), Entra()
    vault = KeyVault(entra.tokens)
    with (
        serving(vault.answer, entra.answer) as plain,
        fault_proxy(plain) as proxy,
        tls_gateway(proxy.url, authority.server) as url,
        tls_gateway(plain, authority.server) as direct,
    ):
        vault.public_url = entra.public_url = url
        yield Azure(vault, entra, proxy, url, direct, authority.ca_file)


class SomebodyElse:
    """Another user of one secret, with Microsoft's own client."""

    def __init__(self, client: SecretClient, place: AzurePlace) -> None:
        self._client, self._name, self._field = client, place.secret, place.field

    def replace(self, text: str, **attributes: Any) -> str | None:
        """Make a version, with the tags and the content type that the secret has."""
        before = self._client.get_secret(self._name).properties
        kept = {"tags": before.tags, "content_type": before.content_type, "not_before": before.not_before}
        return self._client.set_secret(self._name, text, **{**kept, **attributes}).properties.version

    def put(self, value: str) -> None:
        text = self._text()
        self.replace(json.dumps({**json.loads(text), self._field: value}) if self._field else value)

    def field(self) -> str | None:
        return json.loads(self._text()).get(self._field) if self._field else self._text()

    def siblings(self) -> object:
        about = self._client.get_secret(self._name).properties
        tags = {name: value for name, value in (about.tags or {}).items() if name != KEY_TAG}
        text = self._text().replace(json.dumps(self.field(), ensure_ascii=False), "…", 1) if self._field else ""
        return text, tags, about.content_type, about.not_before, about.expires_on, about.enabled

    def footprint(self) -> object:
        versions = self._client.list_properties_of_secret_versions(self._name)
        return {each.version: (each.updated_on, str(each.tags), each.enabled) for each in versions}, self._text()

    def _text(self) -> str:
        return self._client.get_secret(self._name).value or ""
