"""What each fault comes to with GitLab: which family of error, and what is true there afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from providers.stores.gitlab.store import GitLabStore
from rotator.domain.errors import Ambiguous, Conflict, NeedsOperator, Permanent, RotatorError, Temporary
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
from tests.fakes.gitlab import GitLab, Variable
from tests.integration.gitlab.setting import FIRST, KEY, TOKEN, AtTheVariable, opened, place_of
from tests.integration.redirects import is_taken_for_what_it_may_be

PLACE = place_of()
NEW = place_of(var="NEW", create=True)


def said(message: Any, **more: str) -> bytes:
    return json.dumps({"message": message, **more}).encode()


LOST = [
    pytest.param(lose_answer(), id="the answer is lost"),
    pytest.param(truncate(20), id="half an answer"),
    pytest.param(answer_after(500, {}, said("500 Internal Server Error")), id="GitLab says 500"),
    pytest.param(answer_after(502, {"Content-Type": "text/html"}, b"<html>"), id="a gateway says 502"),
    pytest.param(answer_after(503, {}, said("GitLab is not responding")), id="a 503"),
    pytest.param(answer_after(200, {"Content-Type": "text/html"}, b"<html>"), id="somebody else's page"),
    pytest.param(answer_after(200, {}, b'{"key": "API_TOKEN"}'), id="an answer without a value"),
]


@pytest.mark.parametrize("fault", LOST)
def test_a_write_whose_answer_was_lost_is_found_and_not_made_again(
    store: GitLabStore, outside: AtTheVariable, proxy: FaultProxy, fault: Any
) -> None:
    expected, value = version_of(store.current(PLACE)), fresh()
    proxy.fail("PUT", KEY, fault)
    assert type(refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))) is Ambiguous
    assert outside.field() == value.reveal()
    before = outside.footprint()
    for again in (store, opened(proxy.url)):
        assert again.write(PLACE, value, expected, "rotation-1") == version_of(store.current(PLACE)) != expected
    assert outside.footprint() == before
    assert len(proxy.sent("PUT", KEY)) == 1


@pytest.mark.parametrize("fault", LOST[:3])
def test_a_hidden_variable_is_set_once_more_to_the_same_value(
    store: GitLabStore, outside: AtTheVariable, proxy: FaultProxy, fault: Any
) -> None:
    outside.variable.hidden = outside.variable.masked = True
    expected, value = version_of(store.current(PLACE)), fresh()
    proxy.fail("PUT", KEY, fault)
    assert type(refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))) is Ambiguous
    store.write(PLACE, value, expected, "rotation-1")
    store.write(PLACE, value, expected, "rotation-1")
    assert outside.field() == value.reveal()
    assert len(proxy.sent("PUT", KEY)) == 2


def test_a_hidden_variable_that_was_gone_and_is_there_again_is_set_anew(
    store: GitLabStore, outside: AtTheVariable
) -> None:
    """Who was told that it is gone made it again, with the old value, and had the rotation go on in this process."""
    outside.variable.hidden = outside.variable.masked = True
    expected, value, variable = version_of(store.current(PLACE)), fresh(), outside.variable
    store.write(PLACE, value, expected, "rotation-1")
    outside.owner.variables.remove(variable)
    assert store.current(PLACE) is None
    outside.owner.variables.append(variable)
    outside.put(FIRST)
    store.write(PLACE, value, version_of(store.current(PLACE)), "rotation-1")
    assert outside.field() == value.reveal()


def test_a_variable_that_was_made_and_not_answered_for_is_found_and_not_made_again(
    store: GitLabStore, service: GitLab, proxy: FaultProxy
) -> None:
    value = fresh()
    proxy.fail("POST", "/variables", lose_answer())
    assert type(refusal_of(lambda: store.write(NEW, value, None, "rotation-1"))) is Ambiguous
    assert store.write(NEW, value, None, "rotation-1") == version_of(store.current(NEW))
    assert AtTheVariable(service, NEW).field() == value.reveal()
    assert len(proxy.sent("POST", ".")) == 1


def test_a_write_that_never_arrived_is_made_when_repeated(
    store: GitLabStore, outside: AtTheVariable, proxy: FaultProxy
) -> None:
    expected, value = version_of(store.current(PLACE)), fresh()
    proxy.fail("PUT", KEY, refuse())
    assert type(refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))) is Ambiguous
    assert outside.field() == FIRST
    store.write(PLACE, value, expected, "rotation-1")
    assert outside.field() == value.reveal()


def test_a_success_that_stored_another_value_is_noticed(
    store: GitLabStore, outside: AtTheVariable, proxy: FaultProxy
) -> None:
    """Both by what GitLab answers to the write, and by a look."""
    expected, value = version_of(store.current(PLACE)), fresh()
    shown = json.dumps({**outside.variable.told, "value": "tok_mangled"}).encode()
    proxy.fail("PUT", KEY, answer(200, {}, shown))
    refusal = refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "shows another value" in str(refusal)
    assert "tok_mangled" not in str(refusal)
    proxy.fail("PUT", KEY, answer(200, {}, json.dumps({**outside.variable.told, "value": value.reveal()}).encode()))
    version = store.write(PLACE, value, expected, "rotation-1")
    assert held(store.current(PLACE)) == FIRST
    assert store.read(PLACE, version) is None


# --- somebody else at the same moment ---------------------------------------------------------------------------------


def test_somebody_who_writes_between_our_look_and_our_write_is_overwritten_as_is_documented(
    store: GitLabStore, outside: AtTheVariable, proxy: FaultProxy
) -> None:
    value = fresh()
    proxy.fail("PUT", KEY, first(lambda: outside.put("set-by-hand")))
    publish(store, PLACE, value)
    assert outside.field() == value.reveal()


def test_somebody_who_writes_before_our_look_is_not_overwritten(
    store: GitLabStore, outside: AtTheVariable, proxy: FaultProxy
) -> None:
    expected = version_of(store.current(PLACE))
    proxy.fail("GET", KEY, first(lambda: outside.put("set-by-hand")))
    assert type(refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))) is Conflict
    assert outside.field() == "set-by-hand"


def test_a_variable_that_is_removed_between_our_look_and_our_write_is_not_made_again(
    store: GitLabStore, outside: AtTheVariable, proxy: FaultProxy
) -> None:
    expected, ours = version_of(store.current(PLACE)), outside.variable
    proxy.fail("PUT", KEY, first(lambda: outside.owner.variables.remove(ours)))
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is Conflict
    assert "nothing there" in str(refusal)
    assert store.current(PLACE) is None


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_variable_that_is_made_between_our_look_and_our_write_is_ours_only_with_our_value(
    store: GitLabStore, outside: AtTheVariable, proxy: FaultProxy, is_ours: bool
) -> None:
    value = fresh()
    made = Variable("NEW", value.reveal() if is_ours else "set-by-hand", environment_scope="production")
    proxy.fail("POST", "/variables", first(lambda: outside.owner.variables.append(made)))
    if is_ours:
        assert store.write(NEW, value, None, "rotation-1") == version_of(store.current(NEW))
    else:
        assert type(refusal_of(lambda: store.write(NEW, value, None, "rotation-1"))) is Conflict
    assert outside.owner.named("NEW") == [made]


def test_a_version_is_another_one_once_the_token_was_replaced(service: GitLab, store: GitLabStore) -> None:
    """It is keyed with the token, so that it tells nothing of the value. The engine then compares fingerprints."""
    service.tokens["glpat-the_next"] = service.tokens[TOKEN]
    assert version_of(opened(service.url, "glpat-the_next").current(PLACE)) != version_of(store.current(PLACE))


# --- time and ways ----------------------------------------------------------------------------------------------------


def test_a_silent_server_is_given_up_in_time(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.http.client._ANSWER_SECONDS", 0.2)
    store = opened(proxy.url)
    expected = version_of(store.current(PLACE))
    proxy.fail("PUT", KEY, delay(30))
    assert type(refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))) is Ambiguous
    proxy.fail("GET", KEY, delay(30))
    assert type(refusal_of(lambda: store.current(PLACE))) is Temporary


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(
    store: GitLabStore, service: GitLab, outside: AtTheVariable, proxy: FaultProxy, status: int
) -> None:
    expected = version_of(store.current(PLACE))
    with fault_proxy(service.url) as elsewhere:
        proxy.fail("PUT", KEY, answer(status, {"Location": f"{elsewhere.url}/api/v4/projects/1/variables/{KEY}"}))
        refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
        assert elsewhere.seen == []
    assert is_taken_for_what_it_may_be(refusal, status, "renamed or moved")
    assert outside.field() == FIRST


def test_a_project_that_was_moved_is_told_apart_from_a_missing_one(store: GitLabStore, service: GitLab) -> None:
    expected = version_of(store.current(PLACE))
    service.owners[0].path = "acme/website"
    service.moved["acme/web"] = service.owners[0]
    for call in (lambda: store.preflight(PLACE), lambda: store.write(PLACE, fresh(), expected, "rotation-1")):
        refusal = refusal_of(call)
        assert isinstance(refusal, Permanent)
        assert "renamed or moved" in refusal.remedy


# --- rate limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7", "RateLimit-Reset": "1"}, timedelta(seconds=7)),
        ({}, timedelta(minutes=1)),
        ({"RateLimit-Reset": "soon"}, timedelta(minutes=1)),
    ],
)
def test_a_rate_limit_is_waited_for(
    store: GitLabStore, outside: AtTheVariable, proxy: FaultProxy, headers: dict[str, str], wait: timedelta
) -> None:
    expected = version_of(store.current(PLACE))
    proxy.fail("PUT", KEY, answer(429, headers, b"Retry later\n"))
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is Temporary
    assert refusal.retry_after == wait
    assert outside.field() == FIRST


def test_a_rate_limit_without_retry_after_is_waited_for_until_its_reset(store: GitLabStore, proxy: FaultProxy) -> None:
    now = store._variables._session._access.clock.now()
    reset = str(int((now + timedelta(seconds=40)).timestamp()))
    proxy.fail("GET", KEY, answer(429, {"RateLimit-Reset": reset}, b"Retry later\n"))
    refusal = refusal_of(lambda: store.current(PLACE))
    assert type(refusal) is Temporary
    assert refusal.retry_after is not None
    assert timedelta(seconds=38) < refusal.retry_after <= timedelta(seconds=40)


# --- refusals ---------------------------------------------------------------------------------------------------------

ODD = "tok_of_somebody_else"


@pytest.mark.parametrize(
    ("fault", "family", "words"),
    [
        (answer(401, {}, said("401 Unauthorized")), NeedsOperator, "expired, or was revoked"),
        (answer(401, {}, b'{"error": "invalid_token"}'), NeedsOperator, "gitlab.sh"),
        (answer(403, {}, b'{"error": "insufficient_scope", "scope": "api"}'), Permanent, "scope `api`"),
        (answer(403, {}, said("403 Forbidden")), Permanent, "role Maintainer in the project"),
        (answer(403, {"Content-Type": "text/html"}, b"<html>"), Permanent, "not GitLab's"),
        (answer(404, {}, said("404 Project Not Found")), Permanent, "cannot see it"),
        (answer(404, {}, b'{"error": "404 Not Found"}'), Permanent, "/api/v4"),
        (answer(405, {}, said("Non GET methods are not allowed for moved projects")), Permanent, "renamed or moved"),
        (answer(400, {}, said({"value": ["is invalid", ODD]})), Permanent, "masked variable"),
        (answer(400, {}, said({"encrypted_value": [ODD]})), Permanent, "10,000 characters"),
        (answer(400, {}, said({"environment_scope": [ODD]})), Permanent, "does not take this `environment_scope`"),
        (answer(400, {}, said({"description": [ODD]})), Permanent, "names no field"),
        (answer(400, {}, said({}, error=ODD)), Permanent, "names no field"),
        (answer(422, {}, said(ODD)), Permanent, "status is all"),
        (answer(503, {"Retry-After": "5"}, said(ODD)), Ambiguous, "may have been made"),
    ],
)
def test_each_refusal_of_a_write_has_its_family_and_its_words(
    store: GitLabStore, outside: AtTheVariable, proxy: FaultProxy, fault: Any, family: type[RotatorError], words: str
) -> None:
    expected = version_of(store.current(PLACE))
    proxy.fail("PUT", KEY, fault)
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is family
    assert words in str(refusal)
    assert ODD not in str(refusal)
    assert TOKEN not in str(refusal)
    assert outside.field() == FIRST


@pytest.mark.parametrize(
    ("fault", "family"),
    [
        (answer(500), Temporary),
        (answer(408), Temporary),
        (lose_answer(), Temporary),
        (truncate(20), Temporary),
        (answer(404, {"Content-Type": "text/html"}, b"<html>nothing here</html>"), Permanent),
        (answer(200, {"Content-Type": "text/html"}, b"<html>please sign in</html>"), Permanent),
        (answer(200, {}, b'{"key": "API_TOKEN"}'), Permanent),
        (answer(200, {}, b'{"key": "OTHER", "variable_type": "env_var", "value": "x"}'), Permanent),
        (answer(200, {}, b'[{"key": "API_TOKEN", "value": "x"}]'), Permanent),
        (answer(200, {}, b'{"key": "API_TOKEN", "variable_type": "env_var", "value": 7}'), Permanent),
    ],
)
def test_each_fault_of_a_look_has_its_family(
    store: GitLabStore, proxy: FaultProxy, fault: Any, family: type[RotatorError]
) -> None:
    proxy.fail("GET", KEY, fault)
    assert type(refusal_of(lambda: store.current(PLACE))) is family
