"""What each fault comes to with GitHub: which family of error, and what is true there afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from providers.stores.github_actions.plugin import GitHubPlace
from providers.stores.github_actions.store import GitHubStore
from rotator.domain.contracts import NoBudget
from rotator.domain.errors import Ambiguous, Conflict, NeedsOperator, Permanent, RotatorError, Temporary
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
from tests.fakes.github_actions import GitHubService, Secret, github_service
from tests.integration.github_actions_setting import TOKEN, furnish, opened
from tests.integration.redirects import is_taken_for_what_it_may_be

SCOPE = "/repos/acme/web/actions"
PLACE = GitHubPlace(repository="acme/web", secret="API_TOKEN")


@pytest.fixture(scope="module")
def running() -> Iterator[GitHubService]:
    with github_service() as service:
        yield service


@pytest.fixture
def github(running: GitHubService) -> GitHubService:
    furnish(running)
    return running


@pytest.fixture
def proxy(github: GitHubService) -> Iterator[FaultProxy]:
    with fault_proxy(github.url) as proxy:
        yield proxy


@pytest.fixture
def store(proxy: FaultProxy) -> GitHubStore:
    return opened(proxy.url)


def secret(github: GitHubService) -> Secret:
    return github.scopes[SCOPE].secrets["API_TOKEN"]


def asked(message: str) -> bytes:
    return b'{"message": "' + message.encode() + b'", "status": "000"}'


LOST = [
    pytest.param(lose_answer(), id="the answer is lost"),
    pytest.param(answer_after(500, {}, asked("Server Error")), id="GitHub says 500"),
    pytest.param(answer_after(502, {}, asked("Server Error")), id="GitHub says 502"),
    pytest.param(answer_after(504), id="a gateway says 504"),
    pytest.param(answer_after(200, {"Content-Type": "text/html"}, b"<html>"), id="the answer is somebody else's page"),
]


@pytest.mark.parametrize("fault", LOST)
def test_a_write_whose_answer_was_lost_is_ambiguous_and_a_repeat_changes_nothing_until_told_what_to_expect(
    store: GitHubStore, github: GitHubService, proxy: FaultProxy, fault: Any
) -> None:
    """Whether the newer time is ours cannot be known: the engine, which knows that it was writing, writes once more."""
    expected, value = version_of(store.current(PLACE)), fresh()
    proxy.fail("PUT", "API_TOKEN", fault)
    assert type(refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))) is Ambiguous
    assert secret(github).value == value.reveal()
    first_time = secret(github).updated_at
    assert type(refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))) is Conflict
    assert secret(github).updated_at == first_time
    version = store.write(PLACE, value, version_of(store.current(PLACE)), "rotation-1")
    assert store.write(PLACE, value, expected, "rotation-1") == version
    assert secret(github).value == value.reveal()
    assert len(proxy.sent("PUT", "API_TOKEN")) == 2


def test_a_write_that_never_arrived_is_made_when_repeated(
    store: GitHubStore, github: GitHubService, proxy: FaultProxy
) -> None:
    expected, value = version_of(store.current(PLACE)), fresh()
    proxy.fail("PUT", "API_TOKEN", refuse())
    assert type(refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))) is Ambiguous
    assert secret(github).value == "tok_first_of_all"
    store.write(PLACE, value, expected, "rotation-1")
    assert secret(github).value == value.reveal()


def test_another_process_cannot_know_a_write_for_its_own(store: GitHubStore, github: GitHubService) -> None:
    expected, value = version_of(store.current(PLACE)), fresh()
    store.write(PLACE, value, expected, "rotation-1")
    with pytest.raises(Conflict):
        opened(github.url).write(PLACE, value, expected, "rotation-1")


AFTERWARDS = [
    pytest.param(answer(500), None, id="500"),
    pytest.param(lose_answer(), None, id="no answer"),
    pytest.param(answer(403, {"Retry-After": "60"}, asked("secondary rate limit")), 60, id="a rate limit"),
    pytest.param(answer(401, {}, asked("Bad credentials")), None, id="a token that died"),
]


@pytest.mark.parametrize(("fault", "wait"), AFTERWARDS)
def test_whatever_goes_wrong_after_a_write_never_says_that_nothing_was_changed(
    store: GitHubStore, github: GitHubService, proxy: FaultProxy, fault: Any, wait: int | None
) -> None:
    expected, value = version_of(store.current(PLACE)), fresh()
    proxy.fail("PUT", "API_TOKEN", first(lambda: proxy.fail("GET", "API_TOKEN", fault)))
    refusal = refusal_of(lambda: store.write(PLACE, value, expected, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert refusal.retry_after == (timedelta(seconds=wait) if wait else None)
    assert secret(github).value == value.reveal()


def test_a_success_that_stored_nothing_is_noticed(store: GitHubStore, github: GitHubService, proxy: FaultProxy) -> None:
    proxy.fail("PUT", "API_TOKEN", answer(204))
    expected = version_of(store.current(PLACE))
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert secret(github).value == "tok_first_of_all"


def test_a_look_that_lags_behind_a_write_is_repeated(
    store: GitHubStore, github: GitHubService, proxy: FaultProxy
) -> None:
    expected, value = version_of(store.current(PLACE)), fresh()
    stale = f'{{"name": "API_TOKEN", "created_at": "{expected}", "updated_at": "{expected}"}}'.encode()
    proxy.fail("PUT", "API_TOKEN", first(lambda: proxy.fail("GET", "API_TOKEN", answer(200, {}, stale), times=3)))
    version = store.write(PLACE, value, expected, "rotation-1")
    assert version == version_of(store.current(PLACE)) != expected


def test_somebody_who_writes_between_our_look_and_our_write_is_overwritten_as_is_documented(
    store: GitHubStore, github: GitHubService, proxy: FaultProxy
) -> None:
    value = fresh()
    proxy.fail("PUT", "API_TOKEN", first(lambda: github.put(SCOPE, "API_TOKEN", "set-by-hand")))
    publish(store, PLACE, value)
    assert secret(github).value == value.reveal()


def test_somebody_who_writes_before_our_look_is_not_overwritten(
    store: GitHubStore, github: GitHubService, proxy: FaultProxy
) -> None:
    expected = version_of(store.current(PLACE))
    proxy.fail("GET", "API_TOKEN", first(lambda: github.put(SCOPE, "API_TOKEN", "set-by-hand")))
    assert type(refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))) is Conflict
    assert secret(github).value == "set-by-hand"


def test_a_silent_server_is_given_up_in_time(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.http.client._ANSWER_SECONDS", 0.2)
    store = opened(proxy.url)
    expected = version_of(store.current(PLACE))
    proxy.fail("PUT", "API_TOKEN", delay(30))
    assert type(refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))) is Ambiguous
    proxy.fail("GET", "API_TOKEN", delay(30))
    assert type(refusal_of(lambda: store.current(PLACE))) is Temporary


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else(
    store: GitHubStore, github: GitHubService, proxy: FaultProxy, status: int
) -> None:
    expected = version_of(store.current(PLACE))
    with fault_proxy(github.url) as elsewhere:
        proxy.fail("PUT", "API_TOKEN", answer(status, {"Location": f"{elsewhere.url}{SCOPE}/secrets/API_TOKEN"}))
        refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
        assert elsewhere.seen == []
    assert is_taken_for_what_it_may_be(refusal, status, "renamed")
    assert secret(github).value == "tok_first_of_all"


def test_a_renamed_repository_is_told_apart_from_a_missing_one(store: GitHubStore, github: GitHubService) -> None:
    github.renamed["acme/web"] = "12345"
    refusal = refusal_of(lambda: store.preflight(PLACE))
    assert isinstance(refusal, Permanent)
    assert "renamed or moved" in str(refusal)


# --- rate limits ------------------------------------------------------------------------------------------------------


def test_the_primary_limit_is_waited_for_until_its_reset(store: GitHubStore, github: GitHubService) -> None:
    github.remaining = 2
    expected = version_of(store.current(PLACE))
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is Temporary
    assert refusal.retry_after is not None
    assert timedelta(minutes=19) < refusal.retry_after < timedelta(minutes=21)
    assert secret(github).value == "tok_first_of_all"


def test_the_secondary_limit_is_waited_for_as_long_as_it_says(store: GitHubStore, github: GitHubService) -> None:
    github.busy_for = 90
    expected = version_of(store.current(PLACE))
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is Temporary
    assert refusal.retry_after == timedelta(seconds=90)
    assert secret(github).value == "tok_first_of_all"


@pytest.mark.parametrize(
    ("limit", "wait"),
    [
        (answer(429, {"Retry-After": "7"}, asked("later")), 7),
        (answer(429, {}, asked("later")), 60),
        (answer(429), 60),
        (answer(403, {"x-ratelimit-remaining": "0"}, asked("API rate limit exceeded")), 60),
        (answer(403, {"x-ratelimit-remaining": "41"}, asked("You have exceeded a secondary rate limit.")), 60),
    ],
)
def test_a_limit_that_names_no_time_is_given_a_minute(
    store: GitHubStore, proxy: FaultProxy, limit: Any, wait: int
) -> None:
    expected = version_of(store.current(PLACE))
    proxy.fail("PUT", "API_TOKEN", limit)
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is Temporary
    assert refusal.retry_after == timedelta(seconds=wait)


def test_whatever_limit_is_met_the_whole_connection_is_told(github: GitHubService, proxy: FaultProxy) -> None:
    """GitHub bans who goes on asking, and a secondary limit is a 403: nobody else knows it for one."""

    class Told(NoBudget):
        def __init__(self) -> None:
            self.waits: list[timedelta | None] = []

        def throttled(self, retry_after: timedelta | None) -> None:
            self.waits.append(retry_after)

    budget = Told()
    github.busy_for = 90
    store = opened(proxy.url, budget=budget)
    refusal_of(lambda: store.write(PLACE, fresh(), version_of(store.current(PLACE)), "rotation-1"))
    assert budget.waits == [timedelta(seconds=90)]


# --- refusals ---------------------------------------------------------------------------------------------------------

ODD = "tok_of_somebody_else"


@pytest.mark.parametrize(
    ("fault", "family", "said"),
    [
        (answer(401, {}, asked("Bad credentials")), NeedsOperator, "expired, or was revoked"),
        (
            answer(403, {"X-Accepted-GitHub-Permissions": "secrets=write"}, asked(ODD)),
            Permanent,
            "`Secrets`: read and write (in GitHub's words: secrets=write)",
        ),
        (answer(403, {"X-Accepted-GitHub-Permissions": f"<{ODD}>"}, asked(ODD)), Permanent, "read and write; see"),
        (answer(403, {"X-GitHub-SSO": f"required; url={ODD}"}, asked(ODD)), Permanent, "single sign-on"),
        (answer(403, {}, asked("Repository was archived so is read-only.")), Permanent, "unarchive it"),
        (answer(403, {"Content-Type": "text/html"}, b"<html>"), Permanent, "/api/v3"),
        (answer(404, {}, asked("Not Found")), Permanent, "cannot see it"),
        (answer(409, {}, asked(ODD)), Permanent, "status"),
        (
            answer(422, {}, asked("Bad request - validation failed due to an improperly encrypted secret")),
            Permanent,
            "sealed box",
        ),
        (answer(422, {}, asked(ODD)), Permanent, "100 secrets"),
        (answer(503, {"Retry-After": "5"}), Ambiguous, "may have been made"),
    ],
)
def test_each_refusal_of_a_write_has_its_family_and_its_words(
    store: GitHubStore, github: GitHubService, proxy: FaultProxy, fault: Any, family: type[RotatorError], said: str
) -> None:
    expected = version_of(store.current(PLACE))
    proxy.fail("PUT", "API_TOKEN", fault)
    refusal = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(refusal) is family
    assert said in str(refusal)
    assert ODD not in str(refusal)
    assert TOKEN not in str(refusal)
    assert secret(github).value == "tok_first_of_all"


@pytest.mark.parametrize(
    ("fault", "family"),
    [
        (answer(500), Temporary),
        (answer(408), Temporary),
        (lose_answer(), Temporary),
        (truncate(20), Temporary),
        (answer(404, {"Content-Type": "text/html"}, b"<html>nothing here</html>"), Permanent),
        (answer(200, {"Content-Type": "text/html"}, b"<html>please sign in</html>"), Permanent),
        (answer(200, {}, b'{"name": "API_TOKEN"}'), Permanent),
        (answer(200, {}, b'{"name": "API_TOKEN", "updated_at": "yesterday"}'), Permanent),
        (answer(200, {}, b'[{"updated_at": "2026-11-22T12:00:00Z"}]'), Permanent),
    ],
)
def test_each_fault_of_a_look_has_its_family(
    store: GitHubStore, proxy: FaultProxy, fault: Any, family: type[RotatorError]
) -> None:
    proxy.fail("GET", "API_TOKEN", fault)
    assert type(refusal_of(lambda: store.current(PLACE))) is family


@pytest.mark.parametrize("key", ["", "bm8ga2V5", "not base64", "å"])
def test_a_public_key_that_is_none_stops_before_anything_is_written(
    store: GitHubStore, github: GitHubService, proxy: FaultProxy, key: str
) -> None:
    expected = version_of(store.current(PLACE))
    proxy.fail("GET", "public-key", answer(200, {}, f'{{"key_id": "1", "key": "{key}"}}'.encode()))
    assert isinstance(refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1")), Permanent)
    assert secret(github).value == "tok_first_of_all"
