"""A cluster of two: what a standby node does for us, and what its answers mean when it has lost the active one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.stores.vault.plugin import VaultPlace
from providers.stores.vault.store import VaultStore
from rotator.domain.errors import Ambiguous, NeedsOperator, Temporary
from rotator.domain.model import Version
from rotator.testing.store_contract import fresh, held, publish, refusal_of
from tests.fakes.fault_proxy import FaultProxy, answer
from tests.integration.vault.setting import Credentials, opened
from tests.servers.openbao_pair import OpenBaoPair, running_pair
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import poll

PLACE = VaultPlace(path="app", field="token")


@pytest.fixture(scope="module")
def pair(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBaoPair]:
    folder = tmp_path_factory.mktemp("openbao-pair")
    with postgresql.fresh_database() as database, running_pair(folder, database) as running:
        running.active.request("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        # A standby takes a moment to see a mount, and says "waiting for the primary to upgrade" before it serves it.
        poll(lambda: running.standby.answer("GET", "secret/data/app").json() == {"errors": []}, 30, what="the mount")
        yield running


def test_a_standby_serves_as_long_as_there_is_an_active_node_and_the_next_one_is_waited_for(pair: OpenBaoPair) -> None:
    store = opened(pair.standby.url, "secret", Credentials(token=pair.active.root_token))
    value = fresh()
    publish(store, PLACE, value)
    assert pair.active.request("GET", "secret/data/app")["data"]["data"] == {"token": value.reveal()}

    pair.kill_the_active_node()
    refusal = refusal_of(lambda: store.current(PLACE))
    assert type(refusal) is Temporary
    assert "307" in str(refusal)
    assert "It is a standby node" in str(refusal)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (307, b""),
        (500, b'{"errors": ["local node not active but active cluster node not found"]}'),
        (503, b'{"errors": ["no active Vault instance found"]}'),
    ],
)
def test_a_write_that_a_standby_could_not_hand_over_may_have_been_made(
    store: VaultStore, place: VaultPlace, proxy: FaultProxy, status: int, body: bytes
) -> None:
    """The three answers that OpenBao 2.7.2 gave in the 14 seconds after the active node was killed."""
    proxy.fail("POST", "/data/", answer(status, {"Location": "http://127.0.0.1:1/v1/secret/data/app"}, body))
    proxy.fail("GET", "/sys/health", answer(429, {}, b'{"initialized": true, "sealed": false, "standby": true}'))
    refusal = refusal_of(lambda: store.write(place, fresh(), Version("1"), "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "It is a standby node" in str(refusal)
    assert held(store.current(place)) == "tok_first_of_all"


def test_a_server_that_was_never_initialised_is_not_taken_for_a_sealed_one(
    store: VaultStore, place: VaultPlace, proxy: FaultProxy
) -> None:
    proxy.fail("GET", "/data/", answer(503, {}, b'{"errors": ["Vault is sealed"]}'))
    proxy.fail("GET", "/sys/health", answer(501, {}, b'{"initialized": false, "sealed": true, "standby": true}'))
    refusal = refusal_of(lambda: store.current(place))
    assert type(refusal) is NeedsOperator
    assert "never initialised" in str(refusal)
