"""What the ``http`` issuer makes of answers, good and bad, by a real server that answers as scripted."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.unit.issuers.acme import ADMIN, CREATED, VALUE, open_acme, request
from tests.unit.issuers.scripted_server import Answer, Lost

ECHO = {"error": {"code": "bad", "message": f"you sent {ADMIN} and {VALUE}"}}


# --- issue ---


def test_a_token_is_asked_for_once_with_its_name_and_expiry(server):
    server.answers(CREATED)
    issued = open_acme(server, scopes=["read"]).issue(request("app-7f", "3 months"))
    assert server.paths == ["POST /projects/p1/keys"]
    assert server.asked[0].json == {"name": "app-7f", "scopes": ["read"], "expires": "2027-02-22T12:00:00Z"}
    assert server.asked[0].headers["authorization"] == f"Bearer {ADMIN}"
    assert issued.value.same_as(SecretValue(VALUE))
    assert (issued.handle, issued.name) == ("7", "app-7f")
    assert issued.created_at == request().now
    assert issued.expires_at == datetime(2027, 2, 22, 12, tzinfo=UTC)


def test_what_the_policy_does_not_set_is_left_out_of_the_request(server):
    server.answers(CREATED)
    open_acme(server).issue(request())
    assert server.asked[0].json == {"name": "app"}


def test_a_body_may_be_a_form(server):
    server.answers(CREATED)
    form = {"method": "POST", "path": "/keys", "form": {"FriendlyName": "{{ name }}", "scope": "{{ options.scopes }}"}}
    open_acme(server, {"operations.create.request": form}).issue(request("app & co"))
    assert server.asked[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert server.asked[0].body == b"FriendlyName=app+%26+co"


def test_an_expiry_that_is_not_told_is_computed(server):
    server.answers(Answer(201, {"id": 7, "secret": VALUE}))
    assert open_acme(server).issue(request(lifetime="1 day")).expires_at == request().now + timedelta(days=1)


def test_an_expiry_told_in_seconds_is_believed_over_the_one_asked_for(server):
    server.answers(Answer(201, {"id": 7, "secret": VALUE, "left": 60}))
    issuer = open_acme(server, {"operations.create.extract": {"handle": "id", "value": "secret", "expires_in": "left"}})
    assert issuer.issue(request(lifetime="1 day")).expires_at == request().now + timedelta(seconds=60)


@pytest.mark.parametrize(
    "told", [{"expires": "soon"}, {"expires": "9999-12-31T23:59:59-05:00"}, {"left": "a while"}, {"left": 1e12}]
)
def test_an_expiry_that_cannot_be_read_does_not_lose_the_token(server, told):
    server.answers(Answer(201, {"id": 7, "secret": VALUE, **told}))
    extract = {"handle": "id", "value": "secret", "expires_at": "expires", "expires_in": "left"}
    assert open_acme(server, {"operations.create.extract": extract}).issue(request()).handle == "7"


LOST = {
    "the answer is lost": Lost(),
    "the answer is cut in its body": Answer(201, {"id": 7, "secret": VALUE}, promised=9999),
    "the answer is huge": Answer(201, b" " * 9_000_000),
    "the server fails": Answer(500, ECHO),
    "a gateway fails": Answer(502, b"<html>bad gateway</html>"),
    "a gateway gives up waiting": Answer(504),
    "a gateway gives up waiting, and says that the request took too long": Answer(408, b"stream timeout"),
    "a gateway gives up waiting, because we seem to have": Answer(499),
    "success is not JSON": Answer(201, b"<html>welcome</html>"),
    "success has no value": Answer(201, {"id": 7}),
    "success has no handle": Answer(201, {"secret": VALUE}),
    "the value is not text": Answer(201, {"id": 7, "secret": [VALUE]}),
    "the handle is not text": Answer(201, {"id": True, "secret": VALUE}),
    "the value is empty": Answer(201, {"id": 7, "secret": ""}),
    "the value is of another shape": Answer(201, {"id": 7, "secret": "••••••"}),
    "another success than the one that is known": Answer(202, {"id": 7}),
    "a redirect that comes after the deed": Answer(303, headers={"Location": "/projects/p1/keys/7"}),
}


@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
def test_a_token_may_exist_when(server, answer):
    server.answers(answer)
    with pytest.raises(Ambiguous) as lost:
        open_acme(server).issue(request())
    assert server.paths == ["POST /projects/p1/keys"], "a create is never sent twice"
    assert "POST /projects/{options.project}/keys" in str(lost.value)


REFUSED = {
    "the name is refused": (Answer(422, ECHO), Permanent),
    "the credential is refused": (Answer(401, ECHO), Permanent),
    "the permission is missing": (Answer(403, ECHO), Permanent),
    "the quota is full": (Answer(409, {"error": {"code": "quota"}}), Permanent),
    "the url leads elsewhere": (Answer(308, headers={"Location": "https://elsewhere.example/"}), Permanent),
    "there are too many requests": (Answer(429, ECHO), Temporary),
    "a rule says that nothing was done": (Answer(503, {"error": {"code": "maintenance"}}), Temporary),
}


@pytest.mark.parametrize(("answer", "family"), REFUSED.values(), ids=REFUSED)
def test_no_token_exists_when(server, answer, family):
    server.answers(answer)
    with pytest.raises(family) as refused:
        open_acme(server).issue(request())
    assert not isinstance(refused.value, Ambiguous)
    assert server.paths == ["POST /projects/p1/keys"]


@pytest.mark.parametrize("answer", [*LOST.values(), *(answer for answer, _ in REFUSED.values())])
def test_no_error_tells_what_was_sent_or_answered(server, answer):
    server.answers(answer)
    with pytest.raises((Permanent, Temporary)) as error:
        open_acme(server).issue(request())
    shown = f"{error.value!r} {error.value} {error.value.__cause__!r}"
    assert not [secret for secret in (ADMIN, VALUE, server.url, "you sent") if secret in shown]


def test_an_error_names_the_machine_code_and_the_permission(server):
    server.answers(Answer(403, {"error": {"code": "no_such_right", "message": "x"}}))
    with pytest.raises(Permanent, match=r"acme answered 403 \(no_such_right\) to POST .*needs key:write"):
        open_acme(server).issue(request())


def test_a_code_that_might_be_a_secret_is_not_named(server):
    server.answers(Answer(403, {"error": {"code": VALUE}}))
    with pytest.raises(Permanent, match="acme answered 403 to POST"):
        open_acme(server).issue(request())


def test_nothing_was_sent_when_nobody_listens(server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server.url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(Temporary, match="was not sent") as refused:
        open_acme(server).issue(request())
    assert not isinstance(refused.value, Ambiguous)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "17"}, timedelta(seconds=17)),
        ({"Retry-After": "Sun, 22 Nov 2026 12:01:00 GMT"}, timedelta(minutes=1)),
        ({"Retry-After": "Sun, 22 Nov 2026 11:00:00 GMT"}, timedelta()),
        ({"Retry-After": "when it is convenient"}, None),
    ],
)
def test_too_many_requests_says_how_long_to_wait(server, headers, wait):
    server.answers(Answer(429, headers=headers))
    with pytest.raises(Temporary) as limited:
        open_acme(server).issue(request())
    assert limited.value.retry_after == wait


def test_a_moment_to_wait_for_may_stand_in_a_header_of_its_own(server):
    moment = str(int((request().now + timedelta(seconds=90)).timestamp()))
    server.answers(Answer(429, headers={"X-Retry-After": moment}))
    with pytest.raises(Temporary) as limited:
        open_acme(server, {"limits.retry_after": {"header": "X-Retry-After", "format": "epoch_s"}}).issue(request())
    assert limited.value.retry_after == timedelta(seconds=90)


def test_a_lifetime_that_is_not_on_offer_is_refused_before_anything_is_sent(server):
    changes = {"limits.expiry": {"format": "enum", "values": {"MONTH": "1 month"}}}
    with pytest.raises(Permanent, match="write one of 1 month"):
        open_acme(server, changes).issue(request(lifetime="1 week"))
    assert server.asked == []


def test_a_missing_credential_is_told_to_a_person_and_nothing_is_sent(server):
    with pytest.raises(NeedsOperator):
        open_acme(server, credentials={"other": "x"}).issue(request())
    assert server.asked == []


def test_a_path_takes_what_the_policy_says_as_one_segment(server):
    server.answers(CREATED)
    open_acme(server, project="a/../b?c").issue(request())
    assert server.paths == ["POST /projects/a%2F..%2Fb%3Fc/keys"]


def test_a_path_may_depend_on_what_the_policy_sets(server):
    path = "/key{% if options.scopes %}s/{{ options.project }}{% endif %}"
    changes = {"operations.create.request.path": path}
    server.answers(CREATED, Answer(403))
    open_acme(server, changes).issue(request())
    with pytest.raises(Permanent, match=r"POST /keys/\{options.project\}: denied"):
        open_acme(server, changes, scopes=["read"]).issue(request())
    assert server.paths == ["POST /key", "POST /keys/p1"]


@pytest.mark.parametrize("project", ["", ".", ".."])
def test_a_path_that_would_lead_elsewhere_is_not_asked_for(server, project):
    with pytest.raises(Permanent, match="another path"):
        open_acme(server, project=project).issue(request())
    assert server.asked == []


# --- verify ---


def verify(server, answer, **changes):
    server.answers(answer)
    return open_acme(server, changes or None).verify(SecretValue(VALUE))


def test_a_live_value_is_bound_to_its_handle(server):
    found = verify(server, Answer(200, {"key": 7, "project": "p1"}))
    assert (found.verdict, found.handle) == (Verdict.VALID, "7")


def test_verify_sends_the_value_and_nothing_of_the_management_account(server):
    verify(server, Answer(200, {"key": 7, "project": "p1"}))
    assert server.asked[0].headers["authorization"] == f"Bearer {VALUE}"
    assert ADMIN not in str(server.asked[0].headers) + server.asked[0].body.decode()


def test_a_dead_value_is_invalid(server):
    assert verify(server, Answer(401, {"error": {"code": "dead"}})).verdict is Verdict.INVALID


UNPROVEN = {
    "garbage is greeted with 200": Answer(200, {}),
    "a valid answer names no token": Answer(200, {"key": "", "project": "p1"}),
    "the token is another project's": Answer(200, {"key": 7, "project": "p2"}),
    "a refusal does not say why": Answer(401),
    "a proxy refuses in HTML": Answer(401, b"<html>dead</html>"),
    "the server fails": Answer(500, {"error": {"code": "dead"}}),
    "a gateway gives up waiting": Answer(408),
    "there are too many requests": Answer(429),
    "a login page is offered": Answer(302, headers={"Location": "/login"}),
    "the answer is lost": Lost(),
    "the answer is cut": Answer(200, {"key": 7, "project": "p1"}, promised=999),
}


@pytest.mark.parametrize("answer", UNPROVEN.values(), ids=UNPROVEN)
def test_neither_life_nor_death_is_proven_when(server, answer):
    found = verify(server, answer)
    assert found.verdict is Verdict.INDETERMINATE
    assert found.handle is None
    assert "GET /whoami" in found.reason
    assert VALUE not in found.reason


def test_a_redirect_is_not_followed_with_the_value(server, elsewhere):
    verify(server, Answer(302, headers={"Location": f"{elsewhere.url}/whoami"}))
    assert elsewhere.asked == []


def test_a_value_with_a_line_break_is_not_sent(server):
    found = open_acme(server).verify(SecretValue("ak_first\r\nX-Second: line"))
    assert found.verdict is Verdict.INDETERMINATE
    assert "ak_first" not in found.reason
    assert server.asked == []


# --- revoke ---


def revoke(server, answer):
    server.answers(answer)
    return open_acme(server).revoke(Handle("7"))


def test_a_revoke_names_one_token(server):
    assert revoke(server, Answer(204)) is Revocation.DONE
    assert server.paths == ["DELETE /projects/p1/keys/7"]


def test_a_token_that_is_gone_is_gone_already(server):
    assert revoke(server, Answer(404, {"error": {"code": "none"}})) is Revocation.ALREADY_GONE


@pytest.mark.parametrize(
    ("answer", "family"),
    [
        pytest.param(Answer(404, b"<html>no such page</html>"), Ambiguous, id="a 404 of somebody else"),
        pytest.param(Answer(200, {}), Ambiguous, id="a success that is not known"),
        pytest.param(Answer(500, ECHO), Ambiguous, id="the server fails"),
        pytest.param(Answer(408), Ambiguous, id="a gateway gives up waiting"),
        pytest.param(Lost(), Ambiguous, id="the answer is lost"),
        pytest.param(Answer(403, ECHO), NeedsOperator, id="denied"),
        pytest.param(Answer(429), Temporary, id="too many requests"),
        pytest.param(Answer(301, headers={"Location": "/x"}), Permanent, id="a redirect"),
    ],
)
def test_a_revoke_is_not_taken_for_done_when(server, answer, family):
    with pytest.raises(family):
        revoke(server, answer)


def test_a_number_that_is_none_never_becomes_token_0(server):
    changes = {"operations.revoke.request": {"method": "POST", "path": "/end", "json": {"id": "{{token.handle|int}}"}}}
    with pytest.raises(Permanent, match="not a whole number"):
        open_acme(server, changes).revoke(Handle("7f"))
    assert server.asked == []


# --- what shows ---


def test_an_issuer_shows_no_secret(server):
    assert ADMIN not in repr(open_acme(server))
