"""Signing in: each method by the real azure-identity, against a fake Entra ID; and what is never given away."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.keyvault.secrets._shared import http_challenge_cache
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from providers.stores.azure_key_vault.plugin import AzurePlace
from providers.stores.azure_key_vault.store import KeyVaultStore
from rotator.domain.errors import NeedsOperator, Permanent, RotatorError, Temporary
from rotator.testing.store_contract import fresh, held, publish, refusal_of
from tests.fakes.azure_key_vault import AUDIENCE, KeyVault
from tests.fakes.entra import CLIENT, TENANT
from tests.fakes.fault_proxy import Fault, FaultProxy, answer, lose_answer
from tests.integration.azure_key_vault.setting import BY_SECRET, Azure

APP = {"tenant_id": TENANT, "client_id": CLIENT}


@pytest.fixture(autouse=True)
def _no_azure_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


def works(store: KeyVaultStore, place: AzurePlace) -> bool:
    value = fresh()
    publish(store, place, value)
    return held(store.current(place)) == value.reveal()


# --- a client secret ---


def test_one_sign_in_serves_all_calls_of_a_connection(azure: Azure, place: AzurePlace) -> None:
    azure.entra.signed_in.clear()
    store = azure.store()
    assert works(store, place)
    assert works(store, place)
    assert azure.entra.signed_in == ["client_secret"]


def test_a_client_secret_that_was_replaced_is_taken_up_when_the_token_is_refused(
    azure: Azure, place: AzurePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = azure.access()
    store = azure.store(access)
    assert works(store, place)
    azure.entra.tokens.clear()
    monkeypatch.setattr(azure.entra, "client_secret", fresh().reveal())
    refusal = refusal_of(lambda: store.current(place))
    assert "AADSTS7000215" in str(refusal)
    access._credentials["client_secret"] = azure.entra.client_secret
    assert works(store, place)


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ({"tenant_id": "another.example.com"}, "AADSTS90002"),
        ({"client_id": "99999999-aaaa-bbbb-cccc-000000000009"}, "AADSTS700016"),
    ],
)
def test_what_is_wrong_with_the_app_is_said(azure: Azure, place: AzurePlace, auth: dict[str, str], says: str) -> None:
    refusal = refusal_of(lambda: azure.store(auth={**BY_SECRET, **auth}).current(place))
    assert type(refusal) is NeedsOperator
    assert says in str(refusal)


def test_a_wrong_and_an_expired_client_secret_are_told_apart(
    azure: Azure, place: AzurePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = fresh().reveal()
    refusal = refusal_of(lambda: azure.store(azure.access(client_secret=wrong)).current(place))
    assert type(refusal) is NeedsOperator
    assert "give its value, not its id" in str(refusal)
    monkeypatch.setattr(azure.entra, "expired_secret", wrong)
    refusal = refusal_of(lambda: azure.store(azure.access(client_secret=wrong)).current(place))
    assert "has expired" in str(refusal)


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        (answer(503), None),
        (answer(429, {"Retry-After": "9"}, b'{"error": "temporarily_unavailable"}'), timedelta(seconds=9)),
        (lose_answer(), None),
    ],
)
@pytest.mark.parametrize("where", ["openid-configuration", "oauth2/v2.0/token"])
def test_a_sign_in_that_may_work_later_is_temporary_even_while_writing(
    azure: Azure, place: AzurePlace, proxy: FaultProxy, where: str, fault: Fault, wait: timedelta | None
) -> None:
    store = azure.store()
    proxy.fail("*", where, fault)
    proxy.seen.clear()
    refusal = refusal_of(lambda: store.write(place, fresh(), None, "rotation-1"))
    assert type(refusal) is Temporary
    assert refusal.retry_after == wait
    assert [where in request.path for request in proxy.seen].count(True) == 1


# --- a certificate ---


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rotator")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(datetime.now(UTC))
    signed = builder.not_valid_after(datetime.now(UTC) + timedelta(days=1)).sign(key, hashes.SHA256())
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
    return (pem + signed.public_bytes(serialization.Encoding.PEM)).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


BY_CERTIFICATE = {"method": "certificate", **APP}


@pytest.mark.parametrize("password", [None, "pass-phrase"])
def test_a_certificate_signs_in(
    azure: Azure,
    place: AzurePlace,
    key: rsa.RSAPrivateKey,
    monkeypatch: pytest.MonkeyPatch,
    password: str | None,
) -> None:
    monkeypatch.setattr(azure.entra, "certificate_key", key.public_key())
    values = {"certificate": certificate(key, password.encode() if password else None)}
    values |= {"certificate_password": password} if password else {}
    references = {name: f"env:{name.upper()}" for name in values}
    azure.entra.signed_in.clear()
    assert works(azure.store(azure.access(**values), auth=BY_CERTIFICATE, credentials=references), place)
    assert azure.entra.signed_in == ["certificate"]


def unusable(azure: Azure, place: AzurePlace, pem: str, **more: str) -> RotatorError:
    values = {"certificate": pem, **more}
    settings = {"auth": BY_CERTIFICATE, "credentials": {name: f"env:{name.upper()}" for name in values}}
    refusal = refusal_of(lambda: azure.store(azure.access(**values), **settings).current(place))
    assert type(refusal) is NeedsOperator
    return refusal


def test_a_certificate_that_the_app_does_not_have_is_said(
    azure: Azure, place: AzurePlace, key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "upload it there" in str(unusable(azure, place, certificate(key)))


def test_a_certificate_that_is_none_and_one_with_another_kind_of_key_are_refused(
    azure: Azure, place: AzurePlace
) -> None:
    for pem in ("no certificate at all", certificate(ec.generate_private_key(ec.SECP256R1()))):
        assert "RSA key in PEM" in str(unusable(azure, place, pem))


def test_a_passphrase_that_is_missing_or_too_many_is_said(
    azure: Azure, place: AzurePlace, key: rsa.RSAPrivateKey
) -> None:
    for refusal in (
        unusable(azure, place, certificate(key, b"pass-phrase")),
        unusable(azure, place, certificate(key), certificate_password="pass-phrase"),
    ):
        assert "certificate_password" in str(refusal)


# --- identities that somebody else gives us ---


@pytest.fixture
def token_file(azure: Azure, tmp_path: Path, may_hold_values: Callable[[Path], Path]) -> Path:
    file = may_hold_values(tmp_path / "federated-token")
    file.write_text(azure.entra.federated_token)
    return file


def test_a_workload_signs_in_with_its_service_account(azure: Azure, place: AzurePlace, token_file: Path) -> None:
    auth = {"method": "workload_identity", **APP, "token_file": token_file}
    azure.entra.signed_in.clear()
    assert works(azure.store(auth=auth, credentials={}), place)
    assert azure.entra.signed_in == ["workload_identity"]


def test_a_workload_takes_what_aks_puts_into_the_environment(
    azure: Azure, place: AzurePlace, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = azure.store(auth={"method": "workload_identity"}, credentials={})
    refusal = refusal_of(lambda: store.current(place))
    assert type(refusal) is NeedsOperator
    assert "AZURE_FEDERATED_TOKEN_FILE" in str(refusal)
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(token_file))
    assert works(store, place)


def test_a_federated_token_that_is_not_there_is_named(azure: Azure, place: AzurePlace, tmp_path: Path) -> None:
    auth = {"method": "workload_identity", **APP, "token_file": tmp_path / "nothing-here"}
    refusal = refusal_of(lambda: azure.store(auth=auth, credentials={}).current(place))
    assert type(refusal) is NeedsOperator
    assert "nothing-here" in str(refusal)


@pytest.mark.parametrize("client_id", [None, CLIENT])
def test_a_managed_identity_signs_in(
    azure: Azure, place: AzurePlace, monkeypatch: pytest.MonkeyPatch, client_id: str | None
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{azure.direct}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", azure.entra.identity_header)
    auth = {"method": "managed_identity"} | ({"client_id": client_id} if client_id else {})
    azure.entra.signed_in.clear()
    assert works(azure.store(auth=auth, credentials={}), place)
    assert azure.entra.signed_in == [f"managed_identity {client_id}" if client_id else "managed_identity"]


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, may_hold_values: Callable[[Path], Path]) -> Path:
    """A stand-in for the Azure CLI, which prints what ``says`` beside it holds."""
    script, says = tmp_path / "az", may_hold_values(tmp_path / "says")
    script.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat {says}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return says


def test_the_azure_cli_gives_a_token(azure: Azure, place: AzurePlace, az: Path, known_values: Any) -> None:
    token = azure.entra.token_for(AUDIENCE, "cli")
    known_values.not_secret(token)  # to print it is what the CLI is asked for
    az.write_text(json.dumps({"accessToken": token, "expires_on": 4102444800}))
    assert works(azure.store(auth={"method": "cli"}, credentials={}), place)
    assert f"--resource {AUDIENCE}" in (az.parent / "asked").read_text()


def test_without_the_azure_cli_it_is_asked_for(
    azure: Azure, place: AzurePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refusal = refusal_of(lambda: azure.store(auth={"method": "cli"}, credentials={}).current(place))
    assert type(refusal) is NeedsOperator
    assert "az login" in str(refusal)


# --- what is never given away ---


def test_a_vault_that_asks_for_a_token_for_something_else_gets_none(
    azure: Azure, vault: KeyVault, place: AzurePlace
) -> None:
    vault.resource = "https://management.azure.com"
    azure.entra.signed_in.clear()
    http_challenge_cache.clear()
    refusal = refusal_of(lambda: azure.store().current(place))
    assert type(refusal) is Permanent
    assert "https://management.azure.com" in str(refusal)
    assert "`resource`" in str(refusal)
    assert azure.entra.signed_in == []


def test_a_vault_of_another_tenant_does_not_take_our_token_and_that_is_said(
    azure: Azure, vault: KeyVault, place: AzurePlace
) -> None:
    vault.tenant = "33333333-aaaa-bbbb-cccc-000000000003"
    refusal = refusal_of(lambda: azure.store().current(place))
    assert type(refusal) is NeedsOperator
    assert "which tenant the vault is in" in str(refusal)


def test_a_tenant_may_be_given_by_its_name(azure: Azure, place: AzurePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fakes.entra.TENANT", "contoso.onmicrosoft.com")
    assert works(azure.store(auth={**BY_SECRET, "tenant_id": "contoso.onmicrosoft.com"}), place)


def test_an_authority_that_nobody_named_is_not_trusted(
    azure: Azure, place: AzurePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(variable, str(azure.ca_file))
    refusal = refusal_of(lambda: azure.store(ca_file=None).write(place, fresh(), None, "rotation-1"))
    assert type(refusal) is Permanent
    assert "`ca_file`" in str(refusal)


def test_a_file_of_authorities_that_cannot_be_used_is_named(azure: Azure, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for file in ("missing.pem", "empty.pem"):
        refusal = refusal_of(lambda file=file: azure.store(ca_file=tmp_path / file))
        assert type(refusal) is Permanent
        assert file in str(refusal)


def test_the_environments_proxy_is_not_used(azure: Azure, place: AzurePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert works(azure.store(), place)


def test_one_connection_serves_many_threads(azure: Azure, place: AzurePlace) -> None:
    store = azure.store()

    def look(_turn: int) -> list[str | None]:
        return [held(store.current(place)) for _ in range(5)]

    with ThreadPoolExecutor(4) as threads:
        assert {value for values in threads.map(look, range(4)) for value in values} == {"start"}
