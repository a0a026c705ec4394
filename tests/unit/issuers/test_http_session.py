"""A login that is kept: made once, renewed when it has ended, and never a reason to send a create twice."""

from __future__ import annotations

import threading

import pytest

from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.unit.issuers.acme import CREATED, VALUE, open_acme, request
from tests.unit.issuers.scripted_server import Answer, Lost

PASSWORD = "correct-horse-battery"
CREDENTIALS = {"email": "ops@acme.example", "password": PASSWORD}
LOGIN = {
    "credentials": {"email": {"what": "an account"}, "password": {"what": "its password"}},
    "auth.management": {
        "type": "cookie_session",
        "steps": [
            {
                "request": {"method": "GET", "path": "/csrf"},
                "responses": [{"status": 200, "outcome": "ok"}],
                "capture": {"csrf": "token"},
            },
            {
                "request": {
                    "method": "POST",
                    "path": "/login",
                    "json": {
                        "email": "{{ credentials.email }}",
                        "password": "{{ credentials.password }}",
                        "csrf": "{{ session.csrf }}",
                    },
                },
                "responses": [
                    {"status": 201, "outcome": "ok"},
                    {"status": 500, "when": "code == 'INVALID_CREDENTIALS'", "outcome": "denied"},
                ],
            },
        ],
        "headers": {"X-CSRF-Token": "{{ session.csrf }}"},
        "relogin_when": [{"status": 401}],
    },
}
CSRF = Answer(200, {"token": "csrf-1f2e3d4c"}, cookies=("csrf=signed-9a8b; HttpOnly; Path=/",))
WELCOME = Answer(201, cookies=("sessionId=session-5c6d7e; HttpOnly; Secure",))
COOKIES = "csrf=signed-9a8b; sessionId=session-5c6d7e"
LISTED = Answer(200, {"keys": []})


@pytest.fixture
def issuer(server):
    return open_acme(server, LOGIN, credentials=CREDENTIALS)


def test_a_login_sends_what_its_steps_captured(server, issuer):
    server.answers(CSRF, WELCOME, CREATED)
    issuer.issue(request())
    assert server.paths == ["GET /csrf", "POST /login", "POST /projects/p1/keys"]
    login, create = server.asked[1:]
    assert login.json == {**CREDENTIALS, "csrf": "csrf-1f2e3d4c"}
    assert login.headers["cookie"] == "csrf=signed-9a8b"
    assert create.headers["cookie"] == COOKIES
    assert create.headers["x-csrf-token"] == "csrf-1f2e3d4c"


def test_a_login_is_made_once_for_all_calls_and_threads(server, issuer):
    server.at = {"GET /csrf": CSRF, "POST /login": WELCOME, "GET /projects/p1/keys": LISTED}
    threads = [threading.Thread(target=issuer.tokens) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(server.paths) == ["GET /csrf", *["GET /projects/p1/keys"] * 4, "POST /login"]


def test_verify_sends_no_cookie_of_the_session(server, issuer):
    server.answers(CSRF, WELCOME, LISTED, Answer(200, {"key": 7, "project": "p1"}))
    list(issuer.tokens())
    assert issuer.verify(SecretValue(VALUE)).verdict is Verdict.VALID
    assert "cookie" not in server.asked[-1].headers


def test_a_session_that_has_ended_is_made_anew_and_the_revoke_repeated(server, issuer):
    server.answers(CSRF, WELCOME, LISTED, Answer(401), CSRF, WELCOME, Answer(204))
    issuer.tokens()
    assert issuer.revoke(Handle("7")) is Revocation.DONE
    assert server.paths.count("POST /login") == 2


def test_a_session_that_has_ended_does_not_repeat_a_create(server, issuer):
    server.answers(CSRF, WELCOME, LISTED, Answer(401), CSRF, WELCOME, CREATED)
    issuer.tokens()
    with pytest.raises(Temporary, match="the login had ended") as ended:
        issuer.issue(request())
    assert not isinstance(ended.value, Ambiguous)
    assert server.paths.count("POST /projects/p1/keys") == 1
    assert issuer.issue(request()).handle == "7"


def test_an_account_that_may_log_in_and_nothing_else_is_told_so_and_does_not_log_in_for_ever(server, issuer):
    denied = Answer(401)
    server.at = {"GET /csrf": CSRF, "POST /login": WELCOME, "GET /projects/p1/keys": denied}
    server.at["POST /projects/p1/keys"] = denied
    with pytest.raises(Permanent, match="denied"):
        issuer.issue(request())
    with pytest.raises(NeedsOperator, match="denied"):
        issuer.tokens()
    assert server.paths.count("POST /login") == 2


@pytest.mark.parametrize(
    ("answer", "family"),
    [
        pytest.param(Answer(500, {"code": "INVALID_CREDENTIALS"}), NeedsOperator, id="a wrong password"),
        pytest.param(Answer(400, {"errors": [PASSWORD]}), NeedsOperator, id="a body that echoes the password"),
        pytest.param(Answer(500, {"code": "OTHER"}), Temporary, id="a server that fails"),
        pytest.param(Answer(408), Temporary, id="a gateway that gives up waiting"),
        pytest.param(Answer(429, headers={"Retry-After": "900"}), Temporary, id="too many logins"),
        pytest.param(Lost(), Temporary, id="a lost answer"),
    ],
)
def test_a_failed_login_makes_no_token_and_tells_no_password(server, issuer, answer, family):
    server.answers(CSRF, answer)
    with pytest.raises(family) as failed:
        issuer.issue(request())
    assert not isinstance(failed.value, Ambiguous)
    assert "POST /login" in str(failed.value)
    assert PASSWORD not in str(failed.value)
    assert "POST /projects/p1/keys" not in server.paths


def test_a_login_without_what_it_should_capture_is_told(server, issuer):
    server.answers(Answer(200, {}))
    with pytest.raises(NeedsOperator, match="without `csrf`"):
        issuer.tokens()


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "bearer", "value": "{{ credentials.password }}"}, "authorization", f"Bearer {PASSWORD}"),
        ({"type": "header", "name": "X-Key", "value": "k {{ credentials.password }}"}, "x-key", f"k {PASSWORD}"),
        (
            {"type": "basic", "username": "{{ credentials.email }}", "password": "{{ credentials.password }}"},
            "authorization",
            "Basic b3BzQGFjbWUuZXhhbXBsZTpjb3JyZWN0LWhvcnNlLWJhdHRlcnk=",
        ),
    ],
)
def test_a_credential_goes_with_each_request(server, auth, header, value):
    server.answers(LISTED)
    list(open_acme(server, {**LOGIN, "auth.management": auth}, credentials=CREDENTIALS).tokens())
    assert server.asked[0].headers[header] == value


def test_several_credentials_may_go_in_several_headers(server):
    headers = {"X-Mail": "{{ credentials.email }}", "X-Key": "{{ credentials.password }}"}
    auth = {"type": "headers", "headers": headers}
    server.answers(LISTED)
    list(open_acme(server, {**LOGIN, "auth.management": auth}, credentials=CREDENTIALS).tokens())
    assert server.asked[0].headers.items() >= {"x-mail": CREDENTIALS["email"], "x-key": PASSWORD}.items()


def test_a_credential_may_be_a_query_parameter_and_shows_in_no_error(server):
    auth = {"type": "query", "name": "key", "value": "{{ credentials.password }}"}
    server.answers(Answer(403))
    with pytest.raises(NeedsOperator) as denied:
        open_acme(server, {**LOGIN, "auth.management": auth}, credentials=CREDENTIALS).tokens()
    assert server.asked[0].query == {"size": "2", "key": PASSWORD}
    assert PASSWORD not in str(denied.value)
