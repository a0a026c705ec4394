"""What each fault comes to: which family of error, and what is true at Vercel afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from providers.stores.vercel.plugin import VercelPlace
from providers.stores.vercel.store import VercelStore
from rotator.domain.errors import Ambiguous, Conflict, Permanent, RotatorError, Temporary
from rotator.testing.access import DictionaryAccess
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
from tests.fakes.vercel import Vercel
from tests.fakes.vercel_account import Project
from tests.integration.redirects import is_taken_for_what_it_may_be
from tests.integration.vercel.setting import AtTheRecord, opened, place_of
from tests.servers.process import free_ports

NOW = 1_795_348_800
"""When the tests' clock stands, in seconds since the epoch."""

LOST = [
    pytest.param(lose_answer(), id="the answer is lost"),
    pytest.param(truncate(20), id="the answer is cut short"),
    pytest.param(answer_after(200, {"Content-Type": "text/html"}, b"<html>"), id="the answer is somebody else's page"),
    pytest.param(answer_after(200, {}, b'{"id": "env1"}'), id="the answer lacks what Vercel's has"),
    pytest.param(answer_after(204), id="the answer is empty"),
    pytest.param(answer_after(500, {}, b'{"error": {"code": "internal_server_error"}}'), id="Vercel says 500"),
    pytest.param(answer_after(502), id="a gateway says 502"),
    pytest.param(answer_after(504), id="a gateway says 504"),
]


@pytest.mark.parametrize("fault", LOST)
def test_a_write_whose_answer_was_lost_is_ambiguous_and_found_done_when_repeated(
    store: VercelStore, place: VercelPlace, outside: AtTheRecord, proxy: FaultProxy, fault: Any
) -> None:
    expected, value = version_of(store.current(place)), fresh()
    proxy.fail("PATCH", "/env/", fault)
    assert type(refusal_of(lambda: store.write(place, value, expected, "rotation-1"))) is Ambiguous
    assert outside.field() == value.reveal()
    assert store.write(place, value, expected, "rotation-1") == outside.version
    assert len(proxy.sent("PATCH", "/env/")) == 1


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_of_a_write_only_record_is_a_conflict_when_repeated_and_mended_over_what_is_there(
    store: VercelStore, place: VercelPlace, outside: AtTheRecord, proxy: FaultProxy, fault: Any
) -> None:
    outside.env.type = "sensitive"
    expected, value = version_of(store.current(place)), fresh()
    proxy.fail("PATCH", "/env/", fault)
    assert type(refusal_of(lambda: store.write(place, value, expected, "rotation-1"))) is Ambiguous
    assert type(refusal_of(lambda: store.write(place, value, expected, "rotation-1"))) is Conflict
    assert len(proxy.sent("PATCH", "/env/")) == 1
    version = store.write(place, value, version_of(store.current(place)), "rotation-1")
    assert (version, outside.field()) == (outside.version, value.reveal())


@pytest.mark.parametrize("fault", LOST)
def test_a_record_whose_making_was_not_answered_is_found_made(
    store: VercelStore, project: Project, proxy: FaultProxy, fault: Any
) -> None:
    place, value = place_of(var="NEW", create=True, type="encrypted"), fresh()
    proxy.fail("POST", "/env", fault)
    assert type(refusal_of(lambda: store.write(place, value, None, "rotation-1"))) is Ambiguous
    store.write(place, value, None, "rotation-1")
    assert [env.value for env in project.envs if env.key == "NEW"] == [value.reveal()]
    assert len(proxy.sent("POST", "/env")) == 1


def test_a_write_that_never_arrived_is_made_when_repeated(
    store: VercelStore, place: VercelPlace, outside: AtTheRecord, proxy: FaultProxy
) -> None:
    expected, value = version_of(store.current(place)), fresh()
    proxy.fail("PATCH", "/env/", refuse())
    assert type(refusal_of(lambda: store.write(place, value, expected, "rotation-1"))) is Ambiguous
    assert outside.field() == "tok_first_of_all"
    store.write(place, value, expected, "rotation-1")
    assert outside.field() == value.reveal()


def test_a_silent_server_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch,
    proxy: FaultProxy,
    access: DictionaryAccess,
    place: VercelPlace,
    outside: AtTheRecord,
) -> None:
    monkeypatch.setattr("providers.http.client._ANSWER_SECONDS", 0.2)
    store = opened(proxy.url, access)
    proxy.fail("PATCH", "/env/", delay(30))
    assert type(refusal_of(lambda: store.write(place, fresh(), outside.version, "rotation-1"))) is Ambiguous
    proxy.fail("GET", "/env", delay(30))
    assert type(refusal_of(lambda: store.current(place))) is Temporary


def test_a_write_of_somebody_else_just_before_ours_is_overwritten_and_one_before_our_look_is_not(
    store: VercelStore, place: VercelPlace, outside: AtTheRecord, proxy: FaultProxy
) -> None:
    """Vercel compares nothing: what comes between our look and our write is lost, and the traits say so."""
    assert not store.traits(place).compares_and_sets
    expected, value = version_of(store.current(place)), fresh()
    proxy.fail("GET", "/env", first(lambda: outside.put("set-by-hand")))
    assert type(refusal_of(lambda: store.write(place, value, expected, "rotation-1"))) is Conflict
    assert outside.field() == "set-by-hand"
    proxy.fail("PATCH", "/env/", first(lambda: outside.put("in between")))
    store.write(place, value, outside.version, "rotation-1")
    assert outside.field() == value.reveal()


def test_another_value_stored_with_a_200_is_seen_when_it_is_read_back(
    store: VercelStore, place: VercelPlace, outside: AtTheRecord, proxy: FaultProxy
) -> None:
    value = fresh()

    def store_nothing(forward: Any, _ending: Any) -> Any:
        given = forward()
        outside.env.value = ""
        return given

    proxy.fail("PATCH", "/env/", store_nothing)
    version = publish(store, place, value)
    assert held(store.current(place)) is None
    assert held(store.read(place, version)) is None


def told(**changes: Any) -> Any:
    """Let Vercel do it, and tell something else of the record than is true."""

    def fault(forward: Any, _ending: Any) -> Any:
        given = forward()
        return answer(given.status, {}, json.dumps({**json.loads(given.body), **changes}).encode())(forward, _ending)

    return fault


@pytest.mark.parametrize(
    "changes",
    [{"type": "plain"}, {"target": ["production", "preview"]}, {"id": "envother"}, {"updatedAt": 1}],
    ids=["another type", "more targets", "another record", "not changed since"],
)
@pytest.mark.parametrize("kind", ["encrypted", "sensitive"])
def test_a_write_that_vercel_tells_otherwise_of_is_not_taken_for_done(
    store: VercelStore,
    place: VercelPlace,
    outside: AtTheRecord,
    proxy: FaultProxy,
    kind: str,
    changes: dict[str, Any],
) -> None:
    outside.env.type = kind
    proxy.fail("PATCH", "/env/", told(**changes))
    refusal = refusal_of(lambda: store.write(place, fresh(), version_of(store.current(place)), "rotation-1"))
    assert type(refusal) is Ambiguous


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(
    store: VercelStore, place: VercelPlace, outside: AtTheRecord, proxy: FaultProxy, status: int, method: str
) -> None:
    with fault_proxy(proxy.upstream) as elsewhere:
        proxy.fail(method, "/env", answer(status, {"Location": f"{elsewhere.url}/v10/projects/site/env"}))
        refusal = refusal_of(lambda: store.write(place, fresh(), outside.version, "rotation-1"))
        assert is_taken_for_what_it_may_be(refusal, 0 if method == "GET" else status, "redirect")
        assert elsewhere.seen == []
    assert outside.field() == "tok_first_of_all"


def limited(**limit: Any) -> bytes:
    return json.dumps({"error": {"code": "rate_limited", "message": "Try again", "limit": limit}}).encode()


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"Retry-After": "7"}, limited(reset=NOW + 60), 7),
        ({"X-RateLimit-Reset": str(NOW + 30), "X-RateLimit-Remaining": "0"}, limited(), 30),
        ({}, limited(remaining=0, reset=NOW + 45, total=100), 45),
        ({}, limited(remaining=0, reset=(NOW + 45) * 1000, total=100), 45),
        ({"X-RateLimit-Reset": "soon"}, limited(reset="later"), None),
        ({}, b"<html>slow down</html>", None),
    ],
    ids=[
        "Retry-After",
        "the header's end",
        "the body's end",
        "the body's end in milliseconds",
        "nonsense",
        "a gateway",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_rate_limit_is_temporary_and_says_when_to_come_back(
    store: VercelStore,
    place: VercelPlace,
    outside: AtTheRecord,
    proxy: FaultProxy,
    method: str,
    headers: dict[str, str],
    body: bytes,
    wait: int | None,
) -> None:
    proxy.fail(method, "/env", answer(429, headers, body))
    refusal = refusal_of(lambda: store.write(place, fresh(), outside.version, "rotation-1"))
    assert type(refusal) is Temporary
    assert refusal.retry_after == (None if wait is None else timedelta(seconds=wait))
    assert outside.field() == "tok_first_of_all"


@pytest.mark.parametrize(
    ("fault", "family"),
    [
        (answer(500, {}, b'{"error": {"code": "internal"}}'), Temporary),
        (answer(502), Temporary),
        (answer(503, {"Retry-After": "7"}), Temporary),
        (answer(408), Temporary),
        (lose_answer(), Temporary),
        (truncate(20), Temporary),
        (answer(404, {"Content-Type": "text/html"}, b"<html>nothing here</html>"), Permanent),
        (answer(403, {"Content-Type": "text/html"}, b"<html>blocked</html>"), Permanent),
        (answer(200, {"Content-Type": "text/html"}, b"<html>please sign in</html>"), Permanent),
        (answer(200, {}, b"[]"), Permanent),
        (answer(200, {}, b'{"envs": "none"}'), Permanent),
        (answer(200, {}, b'{"envs": [{"id": "env1", "key": "A", "type": "plain", "target": [1]}]}'), Permanent),
        (answer(200, {}, b'{"key": "A"}'), Permanent),
    ],
)
def test_each_fault_while_looking_has_its_family(
    store: VercelStore, place: VercelPlace, proxy: FaultProxy, fault: Any, family: type[RotatorError]
) -> None:
    proxy.fail("GET", "/env", fault)
    assert type(refusal_of(lambda: store.current(place))) is family


def test_a_server_that_is_not_there_is_temporary(access: DictionaryAccess, service: Vercel) -> None:
    [port] = free_ports()
    store = opened(f"http://127.0.0.1:{port}", access)
    assert type(refusal_of(lambda: store.write(place_of(), fresh(), None, "rotation-1"))) is Temporary
