"""TLS to a real OpenBao: the authority that the connection names is trusted, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.stores.vault.plugin import VaultPlace
from providers.stores.vault.store import VaultStore
from rotator.domain.errors import Permanent
from rotator.testing.store_contract import fresh, held, publish, refusal_of
from tests.integration.vault.setting import Credentials, opened
from tests.servers.openbao import OpenBao

PLACE = VaultPlace(path="app", field="token")


def store_at(guarded: OpenBao, ca_file: Path | None) -> VaultStore:
    return opened(guarded.url, "secret", Credentials(token=guarded.root_token), ca_file=ca_file)


def test_the_named_authority_is_trusted(guarded: OpenBao, authority: Path) -> None:
    store, value = store_at(guarded, authority), fresh()
    publish(store, PLACE, value)
    assert held(store.current(PLACE)) == value.reveal()


def test_an_authority_that_nobody_named_is_not_trusted(
    guarded: OpenBao, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "VAULT_CACERT", "BAO_CACERT"):
        monkeypatch.setenv(variable, str(authority))
    refusal = refusal_of(lambda: store_at(guarded, None).current(PLACE))
    assert type(refusal) is Permanent
    assert "`ca_file`" in str(refusal)


def test_a_file_of_authorities_that_is_not_there_is_named(guarded: OpenBao, tmp_path: Path) -> None:
    refusal = refusal_of(lambda: store_at(guarded, tmp_path / "missing.pem").current(PLACE))
    assert type(refusal) is Permanent
    assert "`ca_file` cannot be read" in str(refusal)


def test_a_file_that_holds_no_authorities_is_refused(guarded: OpenBao, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing of the kind")
    refusal = refusal_of(lambda: store_at(guarded, empty).current(PLACE))
    assert type(refusal) is Permanent
    assert "ca_file" in str(refusal)
