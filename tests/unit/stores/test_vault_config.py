"""What a policy file may say of a Vault connection and of a place in it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from pydantic import ValidationError

from providers.stores.vault.login import METHODS
from providers.stores.vault.plugin import PLUGIN, VaultConfig, VaultPlace

TOKEN = {"token": "env:VAULT_TOKEN"}
APPROLE = {"role_id": "env:ROLE", "secret_id": "file:secret-id"}


def config(**settings: object) -> VaultConfig:
    return VaultConfig.model_validate({"url": "https://vault.example.com:8200", "credentials": TOKEN, **settings})


def problem(**settings: object) -> str:
    with pytest.raises(ValidationError) as caught:
        config(**settings)
    return str(caught.value)


def test_an_address_and_a_token_are_enough() -> None:
    made = config()
    assert (made.mount, made.namespace, made.auth.method, made.auth.mount) == ("secret", None, "token", None)


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({"BAO_ADDR": "https://bao:8200", "VAULT_ADDR": "https://vault:8200"}, "https://bao:8200"),
        ({"VAULT_ADDR": "https://vault:8200"}, "https://vault:8200"),
    ],
)
def test_an_address_that_is_not_written_is_the_environments(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str
) -> None:
    for name in ("BAO_ADDR", "VAULT_ADDR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert VaultConfig(credentials=TOKEN).url == url
    assert config(url="https://written:8200").url == "https://written:8200"


def test_no_address_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BAO_ADDR", raising=False)
    monkeypatch.delenv("VAULT_ADDR", raising=False)
    with pytest.raises(ValidationError, match="BAO_ADDR or VAULT_ADDR"):
        VaultConfig(credentials=TOKEN)


@pytest.mark.parametrize(
    "url", ["http://vault.example.com:8200", "vault.example.com", "https://user:pw@vault", "ftp://vault"]
)
def test_an_address_that_would_give_the_token_away_is_refused(url: str) -> None:
    assert "url" in problem(url=url)


def test_an_environments_address_is_checked_as_a_written_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAO_ADDR", "http://vault.example.com:8200")
    with pytest.raises(ValidationError, match="https"):
        VaultConfig(credentials=TOKEN)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8200", "http://localhost:8200", "http://[::1]:8200"])
def test_plain_http_is_for_this_machine(url: str) -> None:
    assert config(url=url).url == url


def test_plain_http_elsewhere_has_to_be_asked_for() -> None:
    assert config(url="http://vault:8200", allow_plain_http=True).url == "http://vault:8200"


@pytest.mark.parametrize("url", ["https://vault:8200/v1", "https://vault:8200/v1/"])
def test_an_address_holds_no_api_version(url: str) -> None:
    assert "leave /v1 out" in problem(url=url)


def test_each_method_names_the_credentials_it_misses() -> None:
    assert "approle needs credentials: secret_id" in problem(
        auth={"method": "approle"}, credentials={"role_id": "env:R"}
    )
    assert "token needs credentials: token" in problem(credentials={})


def test_a_credential_of_another_method_is_refused() -> None:
    assert "no credentials token" in problem(auth={"method": "approle"}, credentials={**APPROLE, **TOKEN})
    assert config(auth={"method": "approle"}, credentials=APPROLE).auth.method == "approle"


def test_an_unknown_method_is_told_which_there_are() -> None:
    assert "known are approle, token" in problem(auth={"method": "kerberos"})


@pytest.mark.parametrize("path", ["prod/app", "/prod/app", "prod/app/", "/prod/app/"])
def test_slashes_around_a_path_mean_nothing(path: str) -> None:
    assert VaultPlace(path=path, field="token").path == "prod/app"


@pytest.mark.parametrize(
    "path", ["", "/", "prod//app", "prod/../app", "./app", "prod/ app", "prod/app ", "a\nb", "a\x00b"]
)
def test_a_path_that_would_become_another_one_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        VaultPlace(path=path, field="token")
    with pytest.raises(ValidationError):
        VaultPlace(path="prod/app", field="token", mount=path)


def test_a_place_names_its_field() -> None:
    with pytest.raises(ValidationError):
        VaultPlace.model_validate({"path": "prod/app"})
    with pytest.raises(ValidationError):
        VaultPlace(path="prod/app", field="")


def test_the_example_is_one_that_works() -> None:
    example = yaml.safe_load(PLUGIN.example)
    PLUGIN.config.model_validate({k: v for k, v in example["connections"]["vault-prod"].items() if k != "provider"})
    [store] = example["policies"][0]["stores"]
    PLUGIN.place.model_validate({k: v for k, v in store.items() if k != "connection"})


def test_the_plug_in_declares_every_credential_of_every_method() -> None:
    assert {each.name for each in PLUGIN.credentials} == {
        credential.name for method in METHODS.values() for credential in method.credentials
    }


def test_naming_the_plug_in_imports_no_sdk() -> None:
    program = (
        "import sys, providers.stores.vault; print([n for n in ('hvac', 'requests', 'httpx') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
