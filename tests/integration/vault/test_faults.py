"""What each fault comes to: which family of error, and what is true in Vault afterwards."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from providers.stores.vault.plugin import VaultPlace
from providers.stores.vault.store import VaultStore
from rotator.domain.errors import Ambiguous, Conflict, Permanent, RotatorError, Temporary
from rotator.domain.model import Version
from rotator.testing.store_contract import fresh, publish, refusal_of, version_of
from tests.fakes.fault_proxy import (
    FaultProxy,
    answer,
    answer_after,
    delay,
    fault_proxy,
    first,
    lose_answer,
    refuse,
    truncate,
)
from tests.integration.redirects import is_taken_for_what_it_may_be
from tests.integration.vault.setting import SIBLINGS, Credentials, Documents, opened
from tests.servers.openbao import OpenBao, running_openbao
from tests.servers.process import free_ports


def test_a_write_between_our_look_and_our_write_is_not_lost(
    store: VaultStore, place: VaultPlace, outside: Documents, proxy: FaultProxy
) -> None:
    proxy.fail("POST", "/data/", first(lambda: outside.put("set-by-hand")))
    with pytest.raises(Conflict):
        store.write(place, fresh(), Version("1"), "rotation-1")
    assert outside.field() == "set-by-hand"


def test_of_eight_writers_at_once_one_wins_and_the_others_know(
    store: VaultStore, place: VaultPlace, outside: Documents
) -> None:
    outcomes: list[str] = []

    def write() -> None:
        try:
            outcomes.append(store.write(place, fresh(), Version("1"), "rotation-1"))
        except Conflict:
            outcomes.append("conflict")

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(outcomes) == ["2"] + ["conflict"] * 7
    assert version_of(store.current(place)) == "2"


LOST = [
    pytest.param(lose_answer(), id="the answer is lost"),
    pytest.param(answer_after(200, {"Content-Type": "text/html"}, b"<html>"), id="the answer is somebody else's page"),
    pytest.param(answer_after(502), id="a gateway says 502"),
    pytest.param(answer_after(503, {}, b"upstream connect error"), id="a gateway says 503"),
    pytest.param(answer_after(504), id="a gateway says 504"),
    pytest.param(answer_after(500, {}, b'{"errors": ["storage"]}'), id="the server says 500"),
]


@pytest.mark.parametrize("fault", [*LOST, pytest.param(truncate(20), id="the answer is cut short")])
def test_a_write_whose_answer_was_lost_is_ambiguous_and_found_done_when_repeated(
    store: VaultStore, place: VaultPlace, outside: Documents, proxy: FaultProxy, fault: Any
) -> None:
    expected, value = version_of(store.current(place)), fresh()
    proxy.fail("POST", "/data/", fault)
    assert type(refusal_of(lambda: store.write(place, value, expected, "rotation-1"))) is Ambiguous
    assert outside.field() == value.reveal()
    assert store.write(place, value, expected, "rotation-1") == "2"
    assert len(proxy.sent("POST", "/data/")) == 1


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_of_a_store_without_versions_is_ambiguous_and_found_done_when_repeated(
    openbao: OpenBao, proxy: FaultProxy, access: Credentials, fault: Any
) -> None:
    documents = Documents(openbao, openbao.mount_kv(version=1), version=1)
    documents.replace({**SIBLINGS, "token": "tok_first_of_all"})
    store, place = opened(proxy.url, documents.mount, access), VaultPlace(path=documents.path, field="token")
    expected, value = version_of(store.current(place)), fresh()
    proxy.fail("PUT", documents.path, fault)
    assert type(refusal_of(lambda: store.write(place, value, expected, "rotation-1"))) is Ambiguous
    assert documents.field() == value.reveal()
    assert store.write(place, value, expected, "rotation-1") == version_of(store.current(place))
    assert len(proxy.sent("PUT", documents.path)) == 1


def test_a_silent_server_is_given_up_in_time(
    openbao: OpenBao, proxy: FaultProxy, access: Credentials, outside: Documents
) -> None:
    store = opened(proxy.url, outside.mount, access, read=0.2)
    place = VaultPlace(path=outside.path, field="token")
    proxy.fail("POST", "/data/", delay(30))
    assert type(refusal_of(lambda: store.write(place, fresh(), Version("1"), "rotation-1"))) is Ambiguous
    proxy.fail("GET", "/data/", delay(30))
    assert type(refusal_of(lambda: store.current(place))) is Temporary


def test_a_write_that_arrives_late_is_known_for_our_own(
    store: VaultStore, place: VaultPlace, outside: Documents, proxy: FaultProxy
) -> None:
    value = fresh()
    proxy.fail("POST", "/data/", first(lambda: outside.put(value.reveal())))
    assert store.write(place, value, Version("1"), "rotation-1") == "2"


def test_a_write_that_never_arrived_is_made_when_repeated(
    store: VaultStore, place: VaultPlace, outside: Documents, proxy: FaultProxy
) -> None:
    proxy.fail("POST", "/data/", refuse())
    value = fresh()
    assert type(refusal_of(lambda: store.write(place, value, Version("1"), "rotation-1"))) is Ambiguous
    assert outside.field() == "tok_first_of_all"
    assert store.write(place, value, Version("1"), "rotation-1") == "2"


def test_a_standby_that_lags_behind_is_asked_again_later(
    openbao: OpenBao, store: VaultStore, place: VaultPlace, outside: Documents, proxy: FaultProxy
) -> None:
    stale = openbao.answer("GET", outside.url)
    outside.put("newer")
    proxy.fail("GET", "/data/", answer(200, {"Content-Type": "application/json"}, stale.content), times=2)
    refusal = refusal_of(lambda: store.write(place, fresh(), Version("1"), "rotation-1"))
    assert type(refusal) is Temporary
    assert outside.field() == "newer"


REDIRECTS = [301, 302, 303, 307, 308]


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(
    store: VaultStore, place: VaultPlace, outside: Documents, proxy: FaultProxy, status: int
) -> None:
    with fault_proxy(outside.bao.url) as elsewhere:
        address = {"Location": f"{elsewhere.url}/v1/{outside.url}"}
        proxy.fail("POST", "/data/", answer(status, address))
        proxy.fail("GET", "/sys/health", answer(status, address))
        refusal = refusal_of(lambda: store.write(place, fresh(), Version("1"), "rotation-1"))
        assert is_taken_for_what_it_may_be(refusal, status, "redirect")
        assert elsewhere.seen == []
    assert outside.field() == "tok_first_of_all"


@pytest.mark.parametrize(
    ("fault", "family"),
    [
        (answer(429, {"Retry-After": "7"}, b'{"errors": ["rate limit quota exceeded"]}'), Temporary),
        (answer(412, {}, b'{"errors": ["required index state not present"]}'), Temporary),
        (answer(503, {"Retry-After": "7"}, b'{"errors": ["Vault is sealed"]}'), Temporary),
        (answer(500, {}, b'{"errors": ["storage"]}'), Temporary),
        (answer(502), Temporary),
        (lose_answer(), Temporary),
        (truncate(20), Temporary),
        (answer(404, {"Content-Type": "text/html"}, b"<html>nothing here</html>"), Permanent),
        (answer(200, {"Content-Type": "text/html"}, b"<html>please sign in</html>"), Permanent),
        (answer(200, {}, b'{"data": {"data": "no map", "metadata": {"version": 1}}}'), Permanent),
        (answer(400, {}, b'{"errors": ["tok_of_somebody_else"]}'), Permanent),
        (answer(413, {}, b'{"errors": ["http: request body too large"]}'), Permanent),
    ],
)
def test_each_fault_while_reading_has_its_family(
    store: VaultStore, place: VaultPlace, proxy: FaultProxy, fault: Any, family: type[RotatorError]
) -> None:
    proxy.fail("GET", "/data/", fault)
    refusal = refusal_of(lambda: store.current(place))
    assert type(refusal) is family
    assert "tok_of_somebody_else" not in str(refusal)


@pytest.mark.parametrize("status", [429, 503])
def test_the_server_says_when_to_come_back(
    store: VaultStore, place: VaultPlace, proxy: FaultProxy, status: int
) -> None:
    proxy.fail("POST", "/data/", answer(status, {"Retry-After": "7"}, b'{"errors": ["later"]}'))
    refusal = refusal_of(lambda: store.write(place, fresh(), Version("1"), "rotation-1"))
    assert type(refusal) is Temporary
    assert refusal.retry_after == timedelta(seconds=7)


def test_a_server_that_is_not_there_is_temporary(access: Credentials) -> None:
    [port] = free_ports()
    store = opened(f"http://127.0.0.1:{port}", "secret", access)
    refusal = refusal_of(lambda: store.write(VaultPlace(path="a", field="b"), fresh(), None, "rotation-1"))
    assert type(refusal) is Temporary
    assert "cannot be reached" in str(refusal)


def test_a_rate_limit_of_the_server_is_temporary(
    openbao: OpenBao, store: VaultStore, place: VaultPlace, mount: str
) -> None:
    openbao.request("POST", f"sys/quotas/rate-limit/{mount}", {"rate": 1, "interval": "60s", "path": f"{mount}/"})
    refusal = refusal_of(lambda: [store.current(place) for _ in range(3)])
    assert type(refusal) is Temporary
    assert "429" in str(refusal)


def test_a_server_that_says_when_its_rate_limit_ends_is_believed(
    openbao: OpenBao, store: VaultStore, place: VaultPlace, mount: str
) -> None:
    openbao.request("POST", "sys/quotas/config", {"enable_rate_limit_response_headers": True})
    openbao.request("POST", f"sys/quotas/rate-limit/{mount}", {"rate": 1, "interval": "60s", "path": f"{mount}/"})
    refusal = refusal_of(lambda: [store.current(place) for _ in range(3)])
    openbao.request("POST", "sys/quotas/config", {"enable_rate_limit_response_headers": False})
    assert type(refusal) is Temporary
    assert refusal.retry_after is not None
    assert timedelta() < refusal.retry_after <= timedelta(seconds=60)


def test_a_sealed_server_is_temporary_and_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_openbao(tmp_path_factory.mktemp("openbao")) as own:
        store, place = opened(own.url, "secret", Credentials(token=own.root_token)), VaultPlace(path="a", field="b")
        publish(store, place, fresh())
        own.request("PUT", "sys/seal")
        for call in (lambda: store.current(place), lambda: store.write(place, fresh(), Version("1"), "rotation-1")):
            refusal = refusal_of(call)
            assert type(refusal) is Temporary
            assert "sealed" in str(refusal)
