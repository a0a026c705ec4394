"""What each fault comes to: which family of error, and what is true at Heroku afterwards."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from providers.stores.heroku.plugin import HerokuPlace
from providers.stores.heroku.store import HerokuStore
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.model import Version
from rotator.domain.secret_value import SecretValue
from rotator.testing.store_contract import fresh, publish, refusal_of, version_of
from tests.fakes.fault_proxy import (
    Answer,
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
from tests.fakes.heroku import App, Heroku, Refusal
from tests.integration.heroku.conftest import FIRST, VAR, AtTheDashboard, opened
from tests.integration.redirects import is_taken_for_what_it_may_be
from tests.servers.process import free_ports

V3 = Version("v3")
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lose_answer(), id="the answer is lost"),
        pytest.param(truncate(20), id="the answer is cut short"),
        pytest.param(answer_after(500, JSON, b'{"id": "internal_server_error"}'), id="Heroku says 500"),
        pytest.param(answer_after(502), id="a gateway says 502"),
        pytest.param(answer_after(503, {}, b"upstream connect error"), id="a gateway says 503"),
        pytest.param(answer_after(504), id="a gateway says 504"),
    ],
)
def test_a_write_whose_answer_was_lost_is_ambiguous_and_found_done_when_repeated(
    store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard, proxy: FaultProxy, fault: Any
) -> None:
    value = fresh()
    proxy.fail("PATCH", "/config-vars", fault)
    assert type(refusal_of(lambda: store.write(place, value, V3, "rotation-1"))) is Ambiguous
    assert outside.field() == value.reveal()
    assert store.write(place, value, V3, "rotation-1") == "v4"
    assert len(proxy.sent("PATCH", ".")) == 1


@pytest.mark.parametrize("fault", [lose_answer(), answer(429), answer(401, JSON, b'{"id": "unauthorized"}')])
def test_a_write_that_cannot_be_read_back_is_ambiguous(
    store: HerokuStore, place: HerokuPlace, proxy: FaultProxy, fault: Any
) -> None:
    proxy.fail("PATCH", ".", first(lambda: proxy.fail("GET", "/releases", fault)))
    value = fresh()
    assert type(refusal_of(lambda: store.write(place, value, V3, "rotation-1"))) is Ambiguous
    assert store.write(place, value, V3, "rotation-1") == "v4"


def test_a_write_that_never_arrived_is_made_when_repeated(
    store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard, proxy: FaultProxy
) -> None:
    proxy.fail("PATCH", ".", refuse())
    value = fresh()
    assert type(refusal_of(lambda: store.write(place, value, V3, "rotation-1"))) is Ambiguous
    assert outside.field() == FIRST
    assert store.write(place, value, V3, "rotation-1") == "v4"


def test_a_success_that_changed_nothing_is_noticed(
    store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard, proxy: FaultProxy
) -> None:
    proxy.fail("PATCH", ".", answer(200, {"Content-Type": "text/html"}, b"<html>please sign in</html>"))
    refusal = refusal_of(lambda: store.write(place, fresh(), V3, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "no release" in str(refusal)
    assert outside.field() == FIRST


def test_a_success_that_stored_something_else_is_noticed(
    store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard, proxy: FaultProxy
) -> None:
    def store_something_else(_forward: Any, _ending: Any) -> Answer:
        outside.put("something-else")
        return Answer(200, tuple(JSON.items()), b"{}")

    proxy.fail("PATCH", ".", store_something_else)
    refusal = refusal_of(lambda: store.write(place, fresh(), V3, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "v4 holds something else" in str(refusal)


def test_somebody_who_writes_right_after_us_is_noticed(
    store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard, proxy: FaultProxy
) -> None:
    def overtaken(forward: Any, _ending: Any) -> Answer:
        done: Answer = forward()
        outside.put("set-by-hand")
        return done

    proxy.fail("PATCH", ".", overtaken)
    assert type(refusal_of(lambda: store.write(place, fresh(), V3, "rotation-1"))) is Ambiguous


def test_another_var_changed_at_the_same_moment_stays_changed(
    store: HerokuStore, place: HerokuPlace, app: App, proxy: FaultProxy
) -> None:
    proxy.fail("PATCH", ".", first(lambda: app.set({"RACK_ENV": "staging"})))
    value = fresh()
    assert store.write(place, value, V3, "rotation-1") == "v5"
    assert (app.in_force.vars["RACK_ENV"], app.in_force.vars[VAR]) == ("staging", value.reveal())


def test_our_var_changed_between_our_look_and_our_write_is_lost_as_the_docs_say(
    store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard, proxy: FaultProxy
) -> None:
    """Heroku has no condition for a write. The trait says so: ``compares_and_sets`` is false."""
    proxy.fail("PATCH", ".", first(lambda: outside.put("set-by-hand")))
    value = fresh()
    store.write(place, value, V3, "rotation-1")
    assert outside.field() == value.reveal()


def test_several_vars_of_one_app_are_written_side_by_side(store: HerokuStore, app: App) -> None:
    values = {f"TOKEN_{number}": fresh() for number in range(6)}
    writers = [
        threading.Thread(target=publish, args=(store, HerokuPlace(app=app.name, var=name), value))
        for name, value in values.items()
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {name: app.in_force.vars[name] for name in values} == {name: values[name].reveal() for name in values}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(
    heroku: Heroku, store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard, proxy: FaultProxy, status: int
) -> None:
    with fault_proxy(heroku.url) as elsewhere:
        location = {"Location": f"{elsewhere.url}/apps/{place.app}/config-vars"}
        proxy.fail("PATCH", ".", answer(status, location))
        refusal = refusal_of(lambda: store.write(place, fresh(), V3, "rotation-1"))
        assert is_taken_for_what_it_may_be(refusal, status, "redirect")
        assert elsewhere.seen == []
    assert outside.field() == FIRST


@pytest.mark.parametrize(
    ("fault", "family"),
    [
        (answer(500), Temporary),
        (answer(502), Temporary),
        (answer(503, {"Retry-After": "7"}), Temporary),
        (answer(409, JSON, b'{"id": "conflict"}'), Temporary),
        (lose_answer(), Temporary),
        (truncate(20), Temporary),
        (answer(404, {"Content-Type": "text/html"}, b"<html>nothing here</html>"), Permanent),
        (answer(200, {"Content-Type": "text/html"}, b"<html>please sign in</html>"), Permanent),
        (answer(200, JSON, b"[]"), Permanent),
        (answer(200, JSON, b'[{"version": 3, "status": "odd", "current": true}]'), Permanent),
        (answer(200, JSON, b'[{"version": "3", "status": "succeeded", "current": true}]'), Permanent),
        (answer(410, JSON, b'{"id": "gone", "message": "tok_of_somebody_else"}'), Permanent),
    ],
)
def test_each_fault_while_reading_has_its_family(
    store: HerokuStore, place: HerokuPlace, proxy: FaultProxy, fault: Any, family: type[RotatorError]
) -> None:
    proxy.fail("GET", "/releases", fault)
    refusal = refusal_of(lambda: store.current(place))
    assert type(refusal) is family
    assert "tok_of_somebody_else" not in str(refusal)


def test_config_vars_that_are_no_texts_are_not_herokus(
    store: HerokuStore, place: HerokuPlace, proxy: FaultProxy
) -> None:
    for body in (b"[]", b'{"' + VAR.encode() + b'": 7}'):
        proxy.fail("GET", "/config-vars", answer(200, JSON, body))
        assert type(refusal_of(lambda: store.current(place))) is Permanent


def test_a_slow_heroku_is_given_up_in_time(
    heroku: Heroku, token: str, place: HerokuPlace, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.http.client._ANSWER_SECONDS", 0.2)
    store = opened(proxy.url, token)
    proxy.fail("PATCH", ".", delay(30))
    assert type(refusal_of(lambda: store.write(place, fresh(), V3, "rotation-1"))) is Ambiguous
    proxy.fail("GET", "/releases", delay(30))
    assert type(refusal_of(lambda: store.current(place))) is Temporary


def test_a_heroku_that_is_not_there_is_temporary(token: str, place: HerokuPlace) -> None:
    [port] = free_ports()
    assert type(refusal_of(lambda: opened(f"http://127.0.0.1:{port}", token).current(place))) is Temporary


# --- what Heroku itself refuses ---


@pytest.mark.parametrize(
    ("headers", "wait"),
    [({}, 8), ({"Retry-After": "7"}, 7)],
    ids=["no word of when", "seconds"],
)
def test_used_up_requests_are_waited_for(
    store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard, proxy: FaultProxy, headers: Any, wait: int
) -> None:
    proxy.fail("PATCH", ".", answer(429, {**JSON, **headers}, b'{"id": "rate_limit"}'))
    refusal = refusal_of(lambda: store.write(place, fresh(), V3, "rotation-1"))
    assert type(refusal) is Temporary
    assert refusal.retry_after == timedelta(seconds=wait)
    assert outside.field() == FIRST


def test_an_account_whose_requests_run_out_in_the_middle_has_set_nothing_twice(
    heroku: Heroku, store: HerokuStore, place: HerokuPlace, app: App
) -> None:
    value = fresh()
    for left, family in enumerate([Temporary, Temporary, Temporary, Ambiguous]):
        heroku.requests_left = left
        assert type(refusal_of(lambda: store.write(place, value, V3, "rotation-1"))) is family
    heroku.requests_left = 2
    assert store.write(place, value, V3, "rotation-1") == "v4"
    assert app.newest.number == 4


@pytest.mark.parametrize(
    ("refusal", "family", "remedy"),
    [
        (Refusal(402, "delinquent"), NeedsOperator, "paid"),
        (Refusal(403, "two_factor"), NeedsOperator, "second factor"),
        (Refusal(403, "suspended"), NeedsOperator, "suspended"),
        (Refusal(403, "forbidden"), Permanent, "operate"),
        (Refusal(422, "verification_needed"), NeedsOperator, "verified"),
        (Refusal(422, "invalid_params"), Permanent, "64 KB"),
    ],
)
def test_each_refusal_says_what_to_do(
    heroku: Heroku, store: HerokuStore, place: HerokuPlace, refusal: Refusal, family: type, remedy: str
) -> None:
    heroku.refuses_account = refusal
    for call in (lambda: store.current(place), lambda: store.write(place, fresh(), V3, "rotation-1")):
        error = refusal_of(call)
        assert type(error) is family
        assert remedy in error.remedy


def test_a_token_that_is_dead_needs_a_person(heroku: Heroku, store: HerokuStore, place: HerokuPlace) -> None:
    heroku.tokens.clear()
    refusal = refusal_of(lambda: store.current(place))
    assert isinstance(refusal, NeedsOperator)
    assert "deploy/permissions/heroku.sh" in refusal.remedy


def test_more_than_an_app_may_hold_is_refused(store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard) -> None:
    refusal = refusal_of(lambda: store.write(place, SecretValue("tok_" + "x" * 65_536), V3, "rotation-1"))
    assert isinstance(refusal, Permanent)
    assert "64 KB" in refusal.remedy
    assert outside.field() == FIRST


def test_a_netrc_that_names_heroku_changes_nothing(
    store: HerokuStore, place: HerokuPlace, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, may_hold_values: Any
) -> None:
    netrc = may_hold_values(tmp_path / ".netrc")
    netrc.write_text("machine 127.0.0.1 login ada@example.com password HRKU-of-ada-herself\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    assert version_of(store.current(place)) == "v3"
