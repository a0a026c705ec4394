"""What a policy file may say of a vault in Azure and of a secret in it, and what the docs say of both."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from providers.azure.auth import METHODS, Auth
from providers.stores.azure_key_vault.plugin import PLUGIN, AzureConfig, AzurePlace
from rotator.config.plugins import Plugins
from rotator.config.policy_files import load

PAGE = (Path(__file__).parents[3] / "docs" / "stores" / "azure-key-vault.md").read_text()
APP = {"tenant_id": "contoso.onmicrosoft.com", "client_id": "1111"}
BY_SECRET = {
    "auth": {"method": "client_secret", **APP},
    "credentials": {"client_secret": "env:AZURE_CLIENT_SECRET"},
}


def config(url: str = "https://contoso.vault.azure.net", **settings: Any) -> AzureConfig:
    return AzureConfig.model_validate({"url": url, **BY_SECRET, **settings})


def problem(**settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        config(**settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "authority", "audience"),
    [
        ("https://contoso.vault.azure.net", "https://login.microsoftonline.com", "https://vault.azure.net"),
        ("https://contoso.vault.azure.net/", "https://login.microsoftonline.com", "https://vault.azure.net"),
        ("https://contoso.vault.azure.cn", "https://login.chinacloudapi.cn", "https://vault.azure.cn"),
        ("https://contoso.vault.usgovcloudapi.net", "https://login.microsoftonline.us",
         "https://vault.usgovcloudapi.net"),
    ],
)  # fmt: skip
def test_each_public_cloud_is_known_by_the_vaults_address(url: str, authority: str, audience: str) -> None:
    made = config(url)
    assert (made.sign_in_at, made.audience) == (authority, audience)


def test_in_another_cloud_one_says_where_to_sign_in() -> None:
    url = "https://contoso.vault.local.azurestack.external"
    assert "add `authority`" in problem(url=url)
    made = config(url, authority="https://adfs.local/adfs")
    assert (made.sign_in_at, made.audience) == ("https://adfs.local/adfs", "https://vault.local.azurestack.external")


def test_where_nobody_signs_in_themselves_no_authority_is_needed() -> None:
    url = "https://vault.corp.example.com"
    assert config(url, auth={"method": "managed_identity"}, credentials={}).sign_in_at is None


def test_an_address_that_tells_no_audience_needs_one() -> None:
    settings = {"url": "https://vault", "auth": {"method": "cli"}, "credentials": {}}
    assert "add `resource`" in problem(**settings)
    assert config(**settings, resource="https://vault.azure.net").audience == "https://vault.azure.net"


@pytest.mark.parametrize("name", ["url", "authority", "resource"])
@pytest.mark.parametrize("address", ["http://127.0.0.1:8443", "http://contoso.vault.azure.net", "https://a:b@c.d", "x"])
def test_nothing_but_https_is_spoken_even_on_this_machine(name: str, address: str) -> None:
    assert name in problem(**{name: address})
    assert name in problem(**{name: address}, allow_plain_http=True)


def test_an_address_with_a_path_is_no_vaults() -> None:
    assert "leave the path out" in problem(url="https://contoso.vault.azure.net/secrets/app")


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ({"method": "default"}, "known are certificate, cli, client_secret"),
        ({"method": "client_secret", "client_id": "1"}, "needs tenant_id"),
        ({"method": "certificate"}, "needs client_id, tenant_id"),
        ({"method": "client_secret", **APP, "token_file": "t"}, "has no token_file"),
        ({"method": "managed_identity", "tenant_id": "t"}, "has no tenant_id"),
        ({"method": "cli", "client_id": "1"}, "has no client_id"),
        ({"method": "cli", "tenant_id": "not a tenant"}, "tenant_id"),
        ({}, "method"),
    ],
)
def test_each_method_takes_what_belongs_to_it(auth: dict[str, str], says: str) -> None:
    assert says in problem(auth=auth)


def test_there_is_no_default_method() -> None:
    with pytest.raises(ValidationError, match="auth"):
        AzureConfig.model_validate({"url": "https://contoso.vault.azure.net"})


def test_credentials_are_those_of_the_method() -> None:
    assert "needs credentials: client_secret" in problem(credentials={})
    assert "has no credentials client_secret" in problem(auth={"method": "cli"})
    by_certificate = {"method": "certificate", **APP}
    assert config(auth=by_certificate, credentials={"certificate": "file:a.pem"}).auth.method == "certificate"


@pytest.mark.parametrize("name", ["TOKEN_X", "a.b", "", "a" * 128, "a/b", "a b", "token\n"])
def test_a_name_that_key_vault_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        AzurePlace(secret=name)


@pytest.mark.parametrize(("text", "kept"), [("90 days", "90 days"), ("never", "never")])
def test_an_expiry_is_a_duration_or_never(text: str, kept: str) -> None:
    assert str(AzurePlace.model_validate({"secret": "a", "expires_in": text}).expires_in) == kept


@pytest.mark.parametrize("wrong", ["soon", "0", 0, 90, True, ""])
def test_another_expiry_is_refused_once_and_says_what_fits(wrong: object) -> None:
    with pytest.raises(ValidationError) as caught:
        AzurePlace.model_validate({"secret": "a", "expires_in": wrong})
    assert len(caught.value.errors()) == 1
    assert "90 days" in str(caught.value)


def test_the_plug_in_declares_every_credential_of_every_method() -> None:
    assert {each.name for each in PLUGIN.credentials} == {
        credential.name for method in METHODS.values() for credential in method.credentials
    }


def test_the_policies_in_the_docs_load(tmp_path: Path) -> None:
    examples = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(examples) == 2
    for number, example in enumerate(examples):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "policy.yaml").write_text(example)
        loaded = load(folder, Plugins())
        assert "azure-key-vault" in {connection.provider for connection in loaded.connections.values()}


def test_the_docs_name_every_setting_and_every_method() -> None:
    for model in (AzureConfig, AzurePlace, Auth):
        for name in model.model_fields:
            assert f"`{name}`" in PAGE or f"`auth.{name}`" in PAGE
    for method in METHODS:
        assert f"| `{method}` |" in PAGE


def test_naming_the_plug_in_imports_no_sdk() -> None:
    assert Plugins().store("azure-key-vault") is PLUGIN
    program = (
        "import sys, providers.stores.azure_key_vault; "
        "print([n for n in ('azure', 'msal', 'cryptography', 'requests', 'urllib3') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
