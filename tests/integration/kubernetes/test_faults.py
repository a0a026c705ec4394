"""What each fault comes to: which family of error, and what is true in the cluster afterwards."""

from __future__ import annotations

import base64
import json
import threading
from datetime import timedelta
from typing import Any

import pytest

from providers.stores.kubernetes.store import KubernetesStore
from rotator.domain.errors import Ambiguous, Conflict, NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.model import Version
from rotator.testing.store_contract import fresh, held, publish, refusal_of, version_of
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
from tests.fakes.kubernetes.cluster import Cluster
from tests.integration.kubernetes.setting import (
    KEY,
    NAMESPACE,
    PLACE,
    SECRET,
    SomebodyElse,
    at,
    encoded,
    held_in,
    opened,
    token_in,
)
from tests.integration.redirects import is_taken_for_what_it_may_be
from tests.servers.process import free_ports


@pytest.fixture
def store(through_proxy: KubernetesStore) -> KubernetesStore:
    return through_proxy


def status(code: int, reason: str, message: str = "", **details: Any) -> bytes:
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason}
    return json.dumps({**said, "details": details, "code": code}).encode()


LOST = [
    pytest.param(lose_answer(), id="the answer is lost"),
    pytest.param(truncate(20), id="the answer is cut short"),
    pytest.param(answer_after(200, {"Content-Type": "text/html"}, b"<html>"), id="the answer is somebody else's page"),
    pytest.param(answer_after(200, {}, b'{"kind": "Secret"}'), id="the answer is half an object"),
    pytest.param(answer_after(500, {}, status(500, "InternalError")), id="the server says 500"),
    pytest.param(answer_after(502), id="a gateway says 502"),
    pytest.param(answer_after(503, {}, b"upstream connect error"), id="a gateway says 503"),
    pytest.param(answer_after(504, {}, status(504, "Timeout", retryAfterSeconds=1)), id="etcd took too long"),
]


@pytest.mark.parametrize("fault", LOST)
def test_a_write_whose_answer_was_lost_is_ambiguous_and_found_done_when_repeated(
    store: KubernetesStore, cluster: Cluster, proxy: FaultProxy, fault: Any
) -> None:
    expected, value = version_of(store.current(PLACE)), fresh()
    proxy.fail("PATCH", "/secrets/", fault)
    assert type(refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))) is Ambiguous
    assert token_in(cluster) == value.reveal()
    after = held_in(cluster)
    assert held(store.written(PLACE, "rotation-1")) == value.reveal()
    assert store.write(PLACE, value, expected, "rotation-1") == after["metadata"]["resourceVersion"]
    assert held_in(cluster) == after
    assert len(proxy.sent("PATCH", "/secrets/")) == 1


@pytest.mark.parametrize("fault", LOST)
def test_a_secret_whose_making_was_not_answered_is_found_and_not_made_twice(
    store: KubernetesStore, cluster: Cluster, proxy: FaultProxy, fault: Any
) -> None:
    place, value = at("not-there-yet", create=True), fresh()
    proxy.fail("POST", "/secrets", fault)
    assert type(refusal_of(lambda: store.write(place, value, None, "rotation-1"))) is Ambiguous
    after = held_in(cluster, "not-there-yet")
    assert store.write(place, value, None, "rotation-1") == after["metadata"]["resourceVersion"]
    assert len(proxy.sent("POST", "/secrets")) == 1


def test_a_write_that_never_arrived_is_made_when_repeated(
    store: KubernetesStore, cluster: Cluster, proxy: FaultProxy
) -> None:
    expected, value = version_of(store.current(PLACE)), fresh()
    proxy.fail("PATCH", "/secrets/", refuse())
    assert type(refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))) is Ambiguous
    assert token_in(cluster) == "tok_first_of_all"
    store.write(PLACE, value, expected, "rotation-1")
    assert token_in(cluster) == value.reveal()


def test_a_silent_server_is_given_up_in_time(
    store: KubernetesStore, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.http.client._ANSWER_SECONDS", 0.3)
    expected = version_of(store.current(PLACE))
    proxy.fail("PATCH", "/secrets/", delay(30))
    assert type(refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))) is Ambiguous
    proxy.fail("GET", "/secrets/", delay(30))
    assert type(refusal_of(lambda: store.current(PLACE))) is Temporary


# --- somebody else at the same moment ---


def test_a_write_between_our_look_and_our_write_is_not_lost(
    store: KubernetesStore, proxy: FaultProxy, somebody_else: SomebodyElse
) -> None:
    expected = version_of(store.current(PLACE))
    proxy.fail("PATCH", "/secrets/", first(lambda: somebody_else.put("set-by-hand")))
    with pytest.raises(Conflict):
        store.write(PLACE, fresh(), expected, "rotation-1")
    assert somebody_else.field() == "set-by-hand"


def test_a_write_of_ours_that_arrives_late_is_known_for_our_own(
    store: KubernetesStore, proxy: FaultProxy, somebody_else: SomebodyElse
) -> None:
    expected, value = version_of(store.current(PLACE)), fresh()
    proxy.fail("PATCH", "/secrets/", first(lambda: somebody_else.put(value.reveal())))
    assert store.write(PLACE, value, expected, "rotation-1") == somebody_else.footprint()


def test_a_secret_that_is_made_or_deleted_at_that_moment_is_a_conflict(
    store: KubernetesStore, cluster: Cluster, proxy: FaultProxy, somebody_else: SomebodyElse
) -> None:
    place = at("not-there-yet", create=True)
    theirs = {"metadata": {"name": "not-there-yet"}, "data": {KEY: encoded("theirs-first")}}
    proxy.fail("POST", "/secrets", first(lambda: somebody_else.core.create_namespaced_secret(NAMESPACE, theirs)))
    with pytest.raises(Conflict):
        store.write(place, fresh(), None, "rotation-1")
    assert token_in(cluster, "not-there-yet") == "theirs-first"
    expected = version_of(store.current(PLACE))
    proxy.fail("PATCH", "/secrets/", first(lambda: somebody_else.core.delete_namespaced_secret(SECRET, NAMESPACE)))
    with pytest.raises(Conflict, match="it is gone"):
        store.write(PLACE, fresh(), expected, "rotation-1")


def test_of_eight_writers_at_once_one_wins_and_the_others_know(store: KubernetesStore, cluster: Cluster) -> None:
    expected = version_of(store.current(PLACE))
    outcomes: list[str] = []

    def write() -> None:
        try:
            outcomes.append(store.write(PLACE, fresh(), expected, "rotation-1"))
        except Conflict:
            outcomes.append("conflict")

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(outcomes) == [held_in(cluster)["metadata"]["resourceVersion"], *["conflict"] * 7]


def test_a_409_without_a_change_to_see_is_tried_again(store: KubernetesStore, proxy: FaultProxy) -> None:
    expected = version_of(store.current(PLACE))
    proxy.fail("PATCH", "/secrets/", answer(409, {}, status(409, "Conflict", name=SECRET, kind="secrets")))
    assert type(refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))) is Temporary


def test_another_value_stored_than_was_sent_is_noticed_and_then_a_persons_to_decide(
    store: KubernetesStore, cluster: Cluster
) -> None:
    cluster.admission.append(lambda found: found["data"].update({KEY: encoded("what-a-webhook-made-of-it")}))
    expected, value = version_of(store.current(PLACE)), fresh()
    refusal = refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "stored something else" in str(refusal)
    assert held(store.current(PLACE)) == "what-a-webhook-made-of-it"
    with pytest.raises(Conflict):
        store.write(PLACE, value, expected, "rotation-1")


@pytest.mark.parametrize("stored", [b"", b"\xff\xfe"])
def test_what_is_no_text_stored_instead_of_the_value_that_was_sent_leaves_the_write_ambiguous(
    store: KubernetesStore, cluster: Cluster, stored: bytes
) -> None:
    cluster.admission.append(lambda found: found["data"].update({KEY: base64.b64encode(stored).decode()}))
    expected = version_of(store.current(PLACE))
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "stored something else" in str(refusal)


# --- refusals ---


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(
    store: KubernetesStore, cluster: Cluster, proxy: FaultProxy, code: int
) -> None:
    with fault_proxy(proxy.upstream) as elsewhere:
        proxy.fail("PATCH", "/secrets/", answer(code, {"Location": f"{elsewhere.url}/api/v1"}))
        refusal = refusal_of(lambda: publish(store, PLACE, fresh()))
        assert is_taken_for_what_it_may_be(refusal, code, "redirect")
        assert elsewhere.seen == []
    assert token_in(cluster) == "tok_first_of_all"


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"Retry-After": "7"}, b"Too many requests, please try again later.\n", timedelta(seconds=7)),
        ({}, status(429, "TooManyRequests", retryAfterSeconds=5), timedelta(seconds=5)),
        ({}, status(429, "TooManyRequests", retryAfterSeconds=10**20), None),
        ({}, b"", None),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_busy_server_has_done_nothing_and_says_when_to_come_back(
    store: KubernetesStore,
    cluster: Cluster,
    proxy: FaultProxy,
    method: str,
    headers: dict[str, str],
    body: bytes,
    wait: Any,
) -> None:
    expected = version_of(store.current(PLACE))
    proxy.fail(method, "/secrets/", answer(429, headers, body))
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is Temporary
    assert refusal.retry_after == wait
    assert token_in(cluster) == "tok_first_of_all"


@pytest.mark.parametrize(
    ("fault", "family"),
    [
        (answer(500, {}, status(500, "InternalError", "etcdserver: leader changed")), Temporary),
        (answer(502), Temporary),
        (answer(503, {"Retry-After": "7"}, status(503, "ServiceUnavailable")), Temporary),
        (answer(408), Temporary),
        (lose_answer(), Temporary),
        (truncate(20), Temporary),
        (answer(401, {}, status(401, "Unauthorized", "Unauthorized")), NeedsOperator),
        (answer(400, {}, status(400, "BadRequest", "tok_of_somebody_else")), Permanent),
        (answer(403, {"Content-Type": "text/html"}, b"<html>tok_of_somebody_else</html>"), Permanent),
        (answer(404, {}, b"404 page not found\n"), Permanent),
        (answer(404, {}, status(404, "NotFound", "the server could not find the requested resource")), Permanent),
        (answer(200, {"Content-Type": "text/html"}, b"<html>please sign in</html>"), Permanent),
        (answer(200, {}, b'{"kind": "Secret", "metadata": {"name": "documenso"}}'), Permanent),
        (answer(200, {}, b"[]"), Permanent),
        (answer(413, {}, status(413, "RequestEntityTooLarge")), Permanent),
    ],
)
def test_each_fault_while_reading_has_its_family(
    store: KubernetesStore, proxy: FaultProxy, fault: Any, family: type[RotatorError]
) -> None:
    proxy.fail("GET", "/secrets/", fault)
    refusal = refusal_of(lambda: store.current(PLACE))
    assert type(refusal) is family
    assert "tok_of_somebody_else" not in str(refusal)


def test_a_server_that_is_not_there_is_temporary() -> None:
    [port] = free_ports()
    store = opened(f"http://127.0.0.1:{port}")
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), Version("1"), "rotation-1"))
    assert type(refusal) is Temporary
    assert "no connection" in str(refusal)
