"""TLS to a real OpenBao: the authority that the connection names is trusted, and nobody else."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from providers.stores.vault.plugin import VaultPlace
from providers.stores.vault.store import VaultStore
from rotator.domain.errors import Ambiguous, Permanent
from rotator.testing.store_contract import fresh, held, publish, refusal_of, version_of
from tests.fakes import loopback
from tests.fakes.own_authority import own_authority
from tests.integration.vault.setting import Credentials, Documents, opened
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
    assert "missing.pem cannot be used" in str(refusal)
    assert "`ca_file`" in str(refusal)


def test_a_file_that_holds_no_authorities_is_refused(guarded: OpenBao, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing of the kind")
    refusal = refusal_of(lambda: store_at(guarded, empty).current(PLACE))
    assert type(refusal) is Permanent
    assert "ca_file" in str(refusal)


class _TlsThatBreaks(loopback.Handler):
    """In front of OpenBao. Once a write was made, what is said in answer is not TLS any more."""

    openbao: OpenBao
    instead: bytes

    def do_GET(self) -> None:  # noqa: N802  # http.server's name, as is the next
        self._hand_over()

    do_POST = do_GET  # noqa: N815

    def _hand_over(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = self.openbao.answer(self.command, self.path.removeprefix("/v1/"), json.loads(body or b"null"))
        if self.command == "POST" and "/data/" in self.path:
            self.close_connection = True
            with socket.socket(fileno=self.connection.detach()) as plain:
                plain.sendall(self.instead)
            return
        self.send_response_only(given.status_code)
        self.send_header("Content-Length", str(len(given.content)))
        self.end_headers()
        self.wfile.write(given.content)


@pytest.mark.parametrize(
    "instead",
    [
        pytest.param(b"\x15\x03\x03\x00\x02\x02\x50", id="a fatal alert"),
        pytest.param(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", id="a gateway's plain answer"),
    ],
)
def test_a_write_after_which_tls_broke_is_ambiguous_and_found_done_when_repeated(
    openbao: OpenBao, outside: Documents, place: VaultPlace, access: Credentials, tmp_path: Path, instead: bytes
) -> None:
    own, value = own_authority(tmp_path), fresh()
    with loopback.serving(_TlsThatBreaks, own.server, openbao=openbao, instead=instead) as url:
        store = opened(url, outside.mount, access, ca_file=own.ca_file)
        expected = version_of(store.current(place))
        refusal = refusal_of(lambda: store.write(place, value, expected, "rotation-1"))
        assert type(refusal) is Ambiguous
        assert outside.field() == value.reveal()
        assert store.write(place, value, expected, "rotation-1") == "2"
