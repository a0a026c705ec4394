"""What the Jenkins store makes of lost answers, failing gateways, lies and other people: each outcome by name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from providers.stores.jenkins.store import JenkinsStore
from rotator.domain.errors import Ambiguous, Conflict, NeedsOperator, Permanent, RotatorError, Temporary
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
from tests.fakes.jenkins import PREFIX, JenkinsService
from tests.integration.jenkins.setting import SECRET_TEXT as PLACE
from tests.integration.jenkins.setting import AtTheCredential, opened

PAGE = b"<html><head><title>Please sign in</title></head><body></body></html>"


@pytest.fixture
def expected(store: JenkinsStore, outside: AtTheCredential) -> Version | None:
    return version_of(store.current(PLACE))


LOST = [
    pytest.param(lose_answer(), id="the answer is lost"),
    pytest.param(answer_after(500, {}, PAGE), id="Jenkins says 500"),
    pytest.param(answer_after(502, {}, PAGE), id="a gateway says 502"),
    pytest.param(answer_after(504), id="a gateway says 504"),
    pytest.param(answer_after(408), id="a gateway says 408"),
    pytest.param(answer_after(200, {"Content-Type": "text/html"}, PAGE), id="the answer is somebody else's page"),
    pytest.param(answer_after(202), id="a success that Jenkins does not give"),
]


@pytest.mark.parametrize("fault", LOST)
def test_a_write_whose_answer_was_lost_is_ambiguous_and_a_repeat_changes_nothing_more(
    store: JenkinsStore, outside: AtTheCredential, proxy: FaultProxy, expected: Version, fault: Any
) -> None:
    value = fresh()
    proxy.fail("POST", "config.xml", fault)
    assert type(refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))) is Ambiguous
    before = outside.footprint()
    assert store.write(PLACE, value, expected, "rotation-1") == expected
    assert outside.footprint() == before
    assert outside.field() == value.reveal()


def test_another_process_may_repeat_a_write_whose_answer_was_lost(
    jenkins: JenkinsService, store: JenkinsStore, outside: AtTheCredential, proxy: FaultProxy, expected: Version
) -> None:
    value = fresh()
    proxy.fail("POST", "config.xml", lose_answer())
    refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))
    assert opened(jenkins).write(PLACE, value, expected, "rotation-1") == expected
    assert outside.field() == value.reveal()


def test_a_write_that_never_arrived_is_made_when_repeated(
    store: JenkinsStore, outside: AtTheCredential, proxy: FaultProxy, expected: Version
) -> None:
    value = fresh()
    proxy.fail("POST", "config.xml", refuse())
    assert type(refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))) is Ambiguous
    assert outside.field() == "tok_first_of_all"
    store.write(PLACE, value, expected, "rotation-1")
    assert outside.field() == value.reveal()


def test_a_failure_before_the_write_changed_nothing(
    jenkins: JenkinsService, outside: AtTheCredential, proxy: FaultProxy, expected: Version
) -> None:
    by_password = opened(jenkins, f"{proxy.url}{PREFIX}", login="password")
    proxy.fail("GET", "crumbIssuer", answer(503))
    assert type(refusal_of(lambda: by_password.write(PLACE, fresh(), expected, "rotation-1"))) is Temporary
    assert outside.field() == "tok_first_of_all"


AFTERWARDS = [
    pytest.param(answer(500, {}, PAGE), None, id="500"),
    pytest.param(lose_answer(), None, id="no answer"),
    pytest.param(answer(429, {"Retry-After": "60"}), 60, id="a rate limit"),
    pytest.param(answer(401, {}, PAGE), None, id="a token that died"),
    pytest.param(answer(404, {}, PAGE), None, id="not there any more"),
]


@pytest.mark.parametrize(("fault", "wait"), AFTERWARDS)
def test_whatever_goes_wrong_after_a_write_never_says_that_nothing_was_changed(
    store: JenkinsStore, outside: AtTheCredential, proxy: FaultProxy, expected: Version, fault: Any, wait: int | None
) -> None:
    value = fresh()
    proxy.fail("POST", "config.xml", first(lambda: proxy.fail("GET", "api/json", fault)))
    refusal = refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert refusal.retry_after == (timedelta(seconds=wait) if wait else None)
    assert outside.field() == value.reveal()


# --- a success that is none -------------------------------------------------------------------------------------------


def test_a_success_that_stored_nothing_is_noticed_where_a_build_used_the_old_secret(
    jenkins: JenkinsService, store: JenkinsStore, outside: AtTheCredential, proxy: FaultProxy, expected: Version
) -> None:
    jenkins.build(outside.credential)
    proxy.fail("POST", "config.xml", answer(200))
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "the same secret as before" in str(refusal)
    value = fresh()
    assert store.write(PLACE, value, expected, "rotation-1") == expected
    assert jenkins.build(outside.credential) == value.reveal()


def test_a_success_that_stored_nothing_is_not_noticed_otherwise_as_is_documented(
    store: JenkinsStore, outside: AtTheCredential, proxy: FaultProxy, expected: Version
) -> None:
    proxy.fail("POST", "config.xml", answer(200))
    assert store.write(PLACE, fresh(), expected, "rotation-1") == expected
    assert outside.field() == "tok_first_of_all"


def test_a_credential_that_is_removed_while_we_write_is_noticed_although_jenkins_says_yes(
    store: JenkinsStore, outside: AtTheCredential, proxy: FaultProxy, expected: Version
) -> None:
    """``updateByXml`` drops the store's word that there was nothing to update."""

    def removed(_forward: Any, _ending: Any) -> Any:
        outside.remove()
        return answer(200)(_forward, _ending)

    proxy.fail("POST", "config.xml", removed)
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "does not show it any more" in str(refusal)


# --- somebody else at the same moment ---------------------------------------------------------------------------------


def test_an_edit_just_before_our_look_stops_the_write(
    store: JenkinsStore, outside: AtTheCredential, proxy: FaultProxy, expected: Version
) -> None:
    proxy.fail("GET", "api/json", first(lambda: outside.edit(description="theirs", secret="set-by-hand")))
    assert type(refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))) is Conflict
    assert outside.field() == "set-by-hand"


def test_an_edit_between_our_look_and_our_write_is_lost_as_is_documented(
    store: JenkinsStore, outside: AtTheCredential, proxy: FaultProxy
) -> None:
    value = fresh()
    proxy.fail("POST", "config.xml", first(lambda: outside.edit(description="theirs")))
    publish(store, PLACE, value)
    assert (outside.field(), outside.credential.fields["description"]) == (value.reveal(), "For the api")


def test_an_edit_just_after_our_write_makes_it_ambiguous_and_the_next_try_keeps_the_edit(
    store: JenkinsStore, outside: AtTheCredential, proxy: FaultProxy, expected: Version
) -> None:
    value = fresh()

    def edited_afterwards() -> None:
        proxy.fail("GET", "api/json", first(lambda: outside.edit(description="theirs", secret="set-by-hand")))

    proxy.fail("POST", "config.xml", first(edited_afterwards))
    assert type(refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))) is Ambiguous
    publish(store, PLACE, value)
    assert (outside.field(), outside.credential.fields["description"]) == (value.reveal(), "theirs")


# --- slow, elsewhere, too often ---------------------------------------------------------------------------------------


def test_a_silent_server_is_given_up_in_time(
    jenkins: JenkinsService, proxy: FaultProxy, expected: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.http.client._ANSWER_SECONDS", 0.2)
    store = opened(jenkins, f"{proxy.url}{PREFIX}")
    proxy.fail("POST", "config.xml", delay(30))
    assert type(refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))) is Ambiguous
    proxy.fail("GET", "config.xml", delay(30))
    assert type(refusal_of(lambda: store.current(PLACE))) is Temporary


@pytest.mark.parametrize(("method", "status"), [("GET", 302), ("POST", 301), ("POST", 307)])
def test_a_redirect_is_not_followed_and_the_login_goes_nowhere_else(
    jenkins: JenkinsService,
    store: JenkinsStore,
    outside: AtTheCredential,
    proxy: FaultProxy,
    expected: Version,
    status: int,
    method: str,
) -> None:
    with fault_proxy(jenkins.url.removesuffix(PREFIX)) as elsewhere:
        proxy.fail(method, "config.xml", answer(status, {"Location": f"{elsewhere.url}{PREFIX}/login"}))
        refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
        assert elsewhere.seen == []
    assert type(refusal) is Permanent
    assert "path prefix" in str(refusal)
    assert outside.field() == "tok_first_of_all"


@pytest.mark.parametrize(("headers", "wait"), [({"Retry-After": "7"}, 7), ({}, None)])
def test_a_rate_limit_is_waited_for_as_long_as_it_says(
    store: JenkinsStore,
    outside: AtTheCredential,
    proxy: FaultProxy,
    expected: Version,
    headers: dict[str, str],
    wait: int | None,
) -> None:
    proxy.fail("POST", "config.xml", answer(429, headers))
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is Temporary
    assert refusal.retry_after == (timedelta(seconds=wait) if wait else None)
    assert outside.field() == "tok_first_of_all"


@pytest.mark.parametrize(
    ("path", "fault", "family"),
    [
        ("config.xml", answer(500, {}, PAGE), Temporary),
        ("config.xml", answer(503, {"Retry-After": "5"}, PAGE), Temporary),
        ("api/json", answer(408), Temporary),
        ("config.xml", lose_answer(), Temporary),
        ("config.xml", truncate(20), Temporary),
        ("config.xml", answer(401, {}, PAGE), NeedsOperator),
        ("config.xml", answer(405, {}, PAGE), Permanent),
        ("config.xml", answer(200, {"Content-Type": "text/html"}, PAGE), Permanent),
        ("config.xml", answer(200), Permanent),
        ("api/json", answer(200, {"Content-Type": "text/html"}, PAGE), Permanent),
        ("api/json", answer(200, {}, b"[]"), Permanent),
    ],
)
def test_each_fault_of_a_look_has_its_family(
    store: JenkinsStore, proxy: FaultProxy, path: str, fault: Any, family: type[RotatorError]
) -> None:
    proxy.fail("GET", path, fault)
    assert type(refusal_of(lambda: store.current(PLACE))) is family
