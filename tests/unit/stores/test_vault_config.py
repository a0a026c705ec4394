"""What a policy file may say of a Vault connection and of a place in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from providers.stores.vault.auth import METHODS
from providers.stores.vault.login import SIGN_IN
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


def test_the_environments_address_brings_its_namespace_and_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BAO_ADDR", raising=False)
    for name, value in {"VAULT_ADDR": "https://vault:8200", "VAULT_NAMESPACE": "theirs", "BAO_NAMESPACE": "ours",
                        "VAULT_CACERT": "/etc/ssl/ours.pem"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    made = VaultConfig(credentials=TOKEN)
    assert (made.url, made.namespace, made.ca_file) == ("https://vault:8200", "ours", Path("/etc/ssl/ours.pem"))
    assert VaultConfig(credentials=TOKEN, namespace="written").namespace == "written"


def test_a_written_address_brings_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BAO_NAMESPACE", "VAULT_NAMESPACE", "BAO_CACERT", "VAULT_CACERT"):
        monkeypatch.setenv(name, "elsewhere")
    made = config()
    assert (made.namespace, made.ca_file) == (None, None)


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


@pytest.mark.parametrize(
    ("auth", "credentials"),
    [
        ({"method": "kubernetes", "role": "rotator"}, {"jwt": "file:/var/run/secrets/token"}),
        ({"method": "jwt"}, {"jwt": "env:CI_JOB_JWT"}),
        ({"method": "aws", "role": "rotator", "region": "eu-west-1", "server_id": "vault.example.com"}, {}),
        ({"method": "aws"}, {"access_key_id": "env:A", "secret_access_key": "env:B", "session_token": "env:C"}),
        ({"method": "cert", "certificate_file": "/etc/rotator/tls.pem"}, {}),
        ({"method": "cert", "certificate_file": "/a.crt", "key_file": "/a.key", "role": "rotator"}, {}),
        ({"method": "userpass", "username": "rotator"}, {"password": "env:P"}),
        ({"method": "approle", "mount": "/ci/approle/", "namespace": "root"}, APPROLE),
    ],
)
def test_each_method_takes_what_belongs_to_it(auth: dict[str, str], credentials: dict[str, str]) -> None:
    assert config(auth=auth, credentials=credentials).auth.method == auth["method"]


@pytest.mark.parametrize(
    ("auth", "credentials", "says"),
    [
        ({"method": "kubernetes"}, {"jwt": "env:J"}, "kubernetes needs role"),
        ({"method": "userpass"}, {"password": "env:P"}, "userpass needs username"),
        ({"method": "cert"}, {}, "cert needs certificate_file"),
        ({"method": "jwt", "username": "me"}, {"jwt": "env:J"}, "jwt has no username"),
        ({"method": "token", "role": "rotator"}, TOKEN, "token has no role"),
        ({"method": "aws"}, {"access_key_id": "env:A"}, "aws needs credentials: secret_access_key"),
        ({"method": "cert", "certificate_file": "/a.pem"}, TOKEN, "cert has no credentials token"),
        ({"method": "userpass", "username": "../sys/seal"}, {"password": "env:P"}, "username"),
        ({"method": "aws", "region": "evil.example.com/"}, {}, "region"),
        ({"method": "approle", "mount": "../sys"}, APPROLE, "mount"),
    ],
)
def test_what_does_not_belong_to_a_method_is_refused(
    auth: dict[str, str], credentials: dict[str, str], says: str
) -> None:
    assert says in problem(auth=auth, credentials=credentials)


def test_a_certificate_is_shown_by_https_alone() -> None:
    auth = {"method": "cert", "certificate_file": "/a.pem"}
    assert "only a connection by https can" in problem(url="http://127.0.0.1:8200", auth=auth, credentials={})


def test_every_method_but_the_handed_token_has_a_way_to_sign_in() -> None:
    assert {*SIGN_IN, "token"} == set(METHODS)


def test_an_unknown_method_is_told_which_there_are() -> None:
    assert "known are approle, aws, cert, jwt, kubernetes, token, userpass" in problem(auth={"method": "kerberos"})


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
    sdks = ("hvac", "requests", "urllib3", "boto3", "botocore")
    program = f"import sys, providers.stores.vault; print([name for name in {sdks} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
