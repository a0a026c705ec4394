"""What a policy file may say to the issuers of Entra ID, Google Cloud and AppRoles, and what it is told otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from providers.issuers import azure_app, gcp_service_account, openbao_approle
from providers.issuers.gcp_service_account.key_file import Form, read, throwaway, written
from rotator.domain.contracts import IssuerPlugin
from rotator.domain.secret_value import SecretValue

DOCS = Path(__file__).parents[3] / "docs" / "issuers"
ENTRA = {"auth": {"method": "workload_identity"}, "tenant_id": "contoso.onmicrosoft.com"}
GOOGLE = {"auth": "metadata"}
BAO = {"url": "https://bao.example.org:8200", "credentials": {"token": "env:BAO_TOKEN"}}


def problem(model: type[BaseModel], given: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(given)
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"auth": {"method": "workload_identity"}}, "add `tenant_id`"),
        ({**ENTRA, "url": "https://graph.example.com"}, "add `authority`"),
        ({**ENTRA, "url": "http://127.0.0.1:8080"}, "https only"),
        ({**ENTRA, "propagation": "5 minutes"}, "no longer than 3 minutes"),
        ({**ENTRA, "auth": {"method": "client_secret"}}, "needs client_id, tenant_id"),
        ({**ENTRA, "credentials": {"client_secret": "env:X"}}, "has no credentials client_secret"),
    ],
)
def test_what_is_wrong_with_a_connection_to_entra_is_said(config: dict[str, Any], says: str) -> None:
    assert says in problem(azure_app.PLUGIN.config, config)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://graph.microsoft.com", "https://login.microsoftonline.com"),
        ("https://graph.microsoft.us", "https://login.microsoftonline.us"),
        ("https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
    ],
)
def test_each_cloud_is_known_by_the_address_of_its_graph(url: str, authority: str) -> None:
    config: Any = azure_app.PLUGIN.config.model_validate({**ENTRA, "url": url})
    assert (config.sign_in_at, config.audience) == (authority, url)


def test_an_application_is_named_by_its_client_id() -> None:
    assert "application" in problem(azure_app.PLUGIN.options, {"application": "billing"})


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"auth": "key"}, "needs a reference `service_account_key`"),
        ({**GOOGLE, "credentials": {"service_account_key": "env:X"}}, "takes none"),
        ({**GOOGLE, "token_url": "http://tokens.example.com"}, "plain http"),
        ({**GOOGLE, "propagation": "10 minutes"}, "no longer than 3 minutes"),
        ({"auth": "guess"}, "'key' or 'metadata'"),
    ],
)
def test_what_is_wrong_with_a_connection_to_google_is_said(config: dict[str, Any], says: str) -> None:
    assert says in problem(gcp_service_account.PLUGIN.config, config)


@pytest.mark.parametrize("account", ["app", "app@acme/keys", "../app@acme.example", "App <app@acme.example>"])
def test_a_service_account_is_named_by_its_email(account: str) -> None:
    assert "service_account" in problem(gcp_service_account.PLUGIN.options, {"service_account": account})


def test_what_is_wrong_with_an_approle_is_said() -> None:
    connection, options = openbao_approle.PLUGIN.config, openbao_approle.PLUGIN.options
    assert "token: env:NAME" in problem(connection, {"url": BAO["url"]})
    assert "mount" in problem(connection, {**BAO, "mount": "../sys"})
    assert "role" in problem(options, {"role": "app/secret-id"})


@pytest.mark.parametrize("plugin", [azure_app.PLUGIN, gcp_service_account.PLUGIN, openbao_approle.PLUGIN])
def test_the_page_names_every_setting_and_every_option(plugin: IssuerPlugin) -> None:
    page = (DOCS / f"{plugin.name}.md").read_text()
    shared = {"allow_plain_http", "ca_file"}
    for name in {*plugin.config.model_fields, *plugin.options.model_fields} - shared:
        assert f"`{name}" in page


def test_naming_the_plug_ins_imports_no_sdk() -> None:
    foreign = "('azure', 'msal', 'cryptography', 'requests', 'urllib3')"
    packages = ", ".join(
        f"providers.issuers.{name}" for name in ("azure_app", "gcp_service_account", "openbao_approle")
    )
    program = f"import sys, {packages}; print([n for n in {foreign} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- key files ---

KEY = {"type": "service_account", "client_email": "a@b.example", "private_key_id": "0f" * 20, "private_key": "PEM"}


@pytest.mark.parametrize("form", Form)
def test_what_is_written_can_be_read(form: Form) -> None:
    found = read(written({**KEY, "universe_domain": "googleapis.com"}, form))
    assert found is not None
    assert (found.account, found.id, found.private_key.reveal()) == ("a@b.example", "0f" * 20, "PEM")


@pytest.mark.parametrize("text", [" ", "[]", "{}", "null", "no key", "0f" * 20, '{"type": "service_account"}', "e30="])
def test_what_is_no_key_file_is_not_taken_for_one(text: str) -> None:
    assert read(SecretValue(text)) is None


def test_only_a_lone_word_is_asked_about_with_a_key_that_is_made_up() -> None:
    assert throwaway(SecretValue("Ab" * 20), "a@b.example") is None
    assert throwaway(SecretValue('{"private_key": "…"}'), "a@b.example") is None
    made = throwaway(SecretValue("0f" * 20), "a@b.example")
    assert made is not None
    assert made.id == "0f" * 20
