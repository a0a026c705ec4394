"""What goes wrong on the way to Google, and what is never claimed because of it."""

from __future__ import annotations

import json

import pytest

from rotator.domain.contracts import Issuer, Verdict
from rotator.domain.errors import Ambiguous, Permanent, RotatorError, Temporary
from rotator.testing.access import DictionaryAccess
from tests.fakes.fault_proxy import Fault, FaultProxy, answer, answer_after, lose_answer, truncate
from tests.fakes.gcp_iam import Gcp
from tests.integration.gcp_service_account.setting import access_with, opened, request

HTML = b"<html><body>bad gateway</body></html>"
JSON = {"Content-Type": "application/json"}
CREATE = ("POST", "/keys$")


@pytest.fixture(scope="module")
def through_the_proxy(project: Gcp) -> DictionaryAccess:
    return access_with(project, project.manager)


@pytest.fixture
def issuer(
    gcp: Gcp, account: str, proxy: FaultProxy, through_the_proxy: DictionaryAccess, monkeypatch: pytest.MonkeyPatch
) -> Issuer:
    """IAM and the token endpoint, both through the proxy."""
    monkeypatch.setattr(Gcp, "token_url", f"{proxy.url}/token")
    return opened(gcp, account, url=proxy.url, access=through_the_proxy)


def error(word: str) -> bytes:
    return json.dumps({"error": {"code": 500, "message": "oops", "status": word}}).encode()


LOST = [
    lose_answer(),
    truncate(20),
    answer_after(504, body=HTML),
    answer_after(500, JSON, error("INTERNAL")),
    answer_after(200, JSON, b"{}"),
    answer_after(409, JSON, error("ABORTED")),
]


def test_a_key_whose_answer_is_lost_is_asked_for_once_and_is_one_that_is_new(
    gcp: Gcp, account: str, issuer: Issuer, proxy: FaultProxy
) -> None:
    for number, fault in enumerate(LOST, 1):
        before = {info.handle for info in issuer.tokens()}
        proxy.fail(*CREATE, fault)
        with pytest.raises(Ambiguous):
            issuer.issue(request(gcp))
        assert len(proxy.sent(*CREATE)) == number
        [lost] = [info for info in issuer.tokens() if info.handle not in before]
        assert lost.created_at is not None
        issuer.revoke(lost.handle)
    assert gcp.keys_of(account) == []


REFUSED: dict[str, tuple[Fault, type[RotatorError]]] = {
    "too many": (answer(429, {"Retry-After": "7"}, error("RESOURCE_EXHAUSTED")), Temporary),
    "another address": (answer(308, {"Location": "https://elsewhere.example/"}), Permanent),
    "a firewall": (answer(403, body=HTML), Permanent),
    "a wrong request": (answer(400, JSON, error("INVALID_ARGUMENT")), Permanent),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_key_that_was_refused_does_not_exist(
    gcp: Gcp, account: str, issuer: Issuer, proxy: FaultProxy, how: str
) -> None:
    fault, family = REFUSED[how]
    proxy.fail(*CREATE, fault)
    with pytest.raises(family) as refused:
        issuer.issue(request(gcp))
    assert not isinstance(refused.value, Ambiguous)
    assert gcp.keys_of(account) == []


def test_a_sign_in_of_ours_that_fails_makes_nothing(gcp: Gcp, issuer: Issuer, proxy: FaultProxy) -> None:
    gcp.clock.move(hours=1)  # whatever token of ours there was has ended
    for fault in (answer(503), lose_answer(), answer(429)):
        proxy.fail("POST", "/token$", fault)
        with pytest.raises(Temporary) as refused:
            issuer.issue(request(gcp))
        assert not isinstance(refused.value, Ambiguous)
    assert proxy.sent(*CREATE) == []


def grant(description: str, kind: str = "invalid_grant") -> bytes:
    return json.dumps({"error": kind, "error_description": description}).encode()


UNPROVEN = [
    answer(500, JSON, grant("Invalid JWT Signature.", "server_error")),
    answer(502, body=HTML),
    answer(429, {"Retry-After": "7"}),
    answer(302, {"Location": "/login"}),
    answer(401, body=HTML),
    answer(400, JSON, grant("Bad Request")),
    answer(400, JSON, grant("Invalid JWT Signature. Or so.")),
    answer(400, JSON, grant("Invalid JWT Signature.", "invalid_client")),
    answer(403, JSON, grant("Invalid JWT Signature.")),
    answer(200, JSON, b"{}"),
    answer(200, body=HTML),
    lose_answer(),
]


@pytest.mark.parametrize("is_alive", [True, False], ids=["alive", "dead"])
def test_a_key_is_not_judged_by_what_is_not_googles_word(
    gcp: Gcp, issuer: Issuer, proxy: FaultProxy, is_alive: bool
) -> None:
    issued = issuer.issue(request(gcp))
    if not is_alive:
        issuer.revoke(issued.handle)
    for fault in UNPROVEN:
        proxy.fail("POST", "/token$", fault)
        assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE
    assert issuer.verify(issued.value).verdict is (Verdict.VALID if is_alive else Verdict.INVALID)


def test_a_deletion_whose_answer_is_lost_is_asked_for_again_and_ends_nothing_else(
    gcp: Gcp, issuer: Issuer, proxy: FaultProxy
) -> None:
    old, new = issuer.issue(request(gcp)), issuer.issue(request(gcp))
    proxy.fail("DELETE", "", lose_answer())
    with pytest.raises(Ambiguous):
        issuer.revoke(old.handle)
    issuer.revoke(old.handle)
    assert issuer.verify(old.value).verdict is Verdict.INVALID
    assert issuer.verify(new.value).verdict is Verdict.VALID


def test_a_list_that_cannot_be_had_is_an_error_and_never_short(
    gcp: Gcp, account: str, issuer: Issuer, proxy: FaultProxy
) -> None:
    gcp.key_by_hand(account)
    for fault in (answer(503), answer(429), lose_answer(), truncate(5)):
        proxy.fail("GET", "", fault)
        with pytest.raises(Temporary):
            list(issuer.tokens())
    for body in (b'{"unexpected": true}', b'{"keys": null}', b'{"keys": [{"name": "x"}]}', b"[]", HTML):
        proxy.fail("GET", "", answer(200, JSON, body))
        with pytest.raises(Permanent):
            list(issuer.tokens())


def test_no_error_shows_a_value_or_what_google_said(gcp: Gcp, issuer: Issuer, proxy: FaultProxy) -> None:
    issued = issuer.issue(request(gcp))
    pem = json.loads(issued.value.reveal())["private_key"]
    echo = json.dumps({"error": {"status": pem, "message": pem}, "error_description": pem}).encode()
    proxy.fail("*", "", answer(400, JSON, echo), times=None)
    said = [issuer.verify(issued.value).reason]
    wanted = request(gcp)
    for call in (lambda: issuer.issue(wanted), lambda: list(issuer.tokens()), lambda: issuer.revoke(issued.handle)):
        with pytest.raises(Permanent) as failed:
            call()
        said.append(f"{failed.value} {failed.value.__cause__!r}")
    assert not [one for one in said if pem in one or proxy.url in one]
