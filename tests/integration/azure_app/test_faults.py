"""What goes wrong on the way to Graph and Entra ID, and what is never claimed because of it."""

from __future__ import annotations

import pytest

from rotator.domain.contracts import Issuer, Verdict
from rotator.domain.errors import Ambiguous, Permanent, RotatorError, Temporary
from tests.fakes.fault_proxy import Fault, FaultProxy, answer, answer_after, lose_answer, truncate
from tests.fakes.graph import Graph
from tests.integration.azure_app.setting import Directory, request

HTML = b"<html><body>bad gateway</body></html>"
JSON = {"Content-Type": "application/json"}
CREATE = ("POST", "/addPassword$")


def error(code: str) -> bytes:
    return f'{{"error": {{"code": "{code}", "message": "oops"}}}}'.encode()


LOST = [
    lose_answer(),
    truncate(20),
    answer_after(504, body=HTML),
    answer_after(500, JSON, error("InternalServerError")),
    answer_after(200, JSON, b"{}"),
    answer_after(409, JSON, error("Request_Conflict")),
]


def test_a_secret_whose_answer_is_lost_is_asked_for_once_and_found_by_its_name(
    directory: Directory, graph: Graph, application: str, issuer: Issuer, proxy: FaultProxy
) -> None:
    for number, fault in enumerate(LOST, 1):
        proxy.fail(*CREATE, fault)
        with pytest.raises(Ambiguous):
            issuer.issue(request(directory, f"lost-{number}"))
        assert len(proxy.sent(*CREATE)) == number
        [lost] = [info for info in issuer.tokens() if info.name == f"lost-{number}"]
        issuer.revoke(lost.handle)
    assert graph.alive(application) == []


REFUSED: dict[str, tuple[Fault, type[RotatorError]]] = {
    "too many": (answer(429, {"Retry-After": "7"}), Temporary),
    "another address": (answer(308, {"Location": "https://elsewhere.example/"}), Permanent),
    "a firewall": (answer(403, body=HTML), Permanent),
    "a wrong request": (answer(400, JSON, error("Request_BadRequest")), Permanent),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_secret_that_was_refused_does_not_exist(
    directory: Directory, graph: Graph, application: str, issuer: Issuer, proxy: FaultProxy, how: str
) -> None:
    fault, family = REFUSED[how]
    proxy.fail(*CREATE, fault)
    with pytest.raises(family) as refused:
        issuer.issue(request(directory))
    assert not isinstance(refused.value, Ambiguous)
    assert graph.alive(application) == []


def test_a_sign_in_of_ours_that_fails_makes_nothing(directory: Directory, application: str, proxy: FaultProxy) -> None:
    issuer = directory.issuer(application, access=directory.access())
    proxy.fail("POST", "/token$", answer(503))
    with pytest.raises(Temporary) as refused:
        issuer.issue(request(directory))
    assert not isinstance(refused.value, Ambiguous)
    assert proxy.sent(*CREATE) == []


UNPROVEN = [
    answer(500, JSON, b'{"error": "server_error"}'),
    answer(502, body=HTML),
    answer(429, {"Retry-After": "7"}),
    answer(302, {"Location": "/login"}),
    answer(401, body=HTML),
    answer(401, JSON, b'{"error": "invalid_client"}'),
    answer(400, JSON, b'{"error": "invalid_grant", "error_description": "AADSTS7000215: no"}'),
    answer(503, JSON, b'{"error": "invalid_client", "error_description": "AADSTS7000215: no"}'),
    answer(200, JSON, b"{}"),
    answer(200, body=HTML),
    lose_answer(),
]


@pytest.mark.parametrize("is_alive", [True, False], ids=["alive", "dead"])
def test_a_secret_is_not_judged_by_what_is_not_entras_word(
    directory: Directory, issuer: Issuer, proxy: FaultProxy, is_alive: bool
) -> None:
    issued = issuer.issue(request(directory))
    if not is_alive:
        issuer.revoke(issued.handle)
    for fault in UNPROVEN:
        proxy.fail("POST", "/token$", fault)
        assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE
    assert issuer.verify(issued.value).verdict is (Verdict.VALID if is_alive else Verdict.INVALID)


def test_a_removal_whose_answer_is_lost_is_asked_for_again_and_ends_nothing_else(
    directory: Directory, issuer: Issuer, proxy: FaultProxy
) -> None:
    old, new = issuer.issue(request(directory, "old")), issuer.issue(request(directory, "new"))
    proxy.fail("POST", "/removePassword$", lose_answer())
    with pytest.raises(Ambiguous):
        issuer.revoke(old.handle)
    issuer.revoke(old.handle)
    assert issuer.verify(old.value).verdict is Verdict.INVALID
    assert issuer.verify(new.value).verdict is Verdict.VALID


def test_a_list_that_cannot_be_had_is_an_error_and_never_short(issuer: Issuer, proxy: FaultProxy) -> None:
    for fault in (answer(503), answer(429), lose_answer(), truncate(5)):
        proxy.fail("GET", "/applications", fault)
        with pytest.raises(Temporary):
            list(issuer.tokens())
    for body in (b"{}", b'{"appId": "another", "passwordCredentials": []}', HTML):
        proxy.fail("GET", "/applications", answer(200, JSON, body))
        with pytest.raises(Permanent):
            list(issuer.tokens())


def test_no_error_shows_a_value_or_what_microsoft_said(directory: Directory, issuer: Issuer, proxy: FaultProxy) -> None:
    issued = issuer.issue(request(directory))
    value = issued.value.reveal()
    echo = f'{{"error": {{"code": "{value}", "message": "{value}"}}, "error_description": "{value}"}}'.encode()
    proxy.fail("*", "", answer(400, JSON, echo), times=None)
    said = [issuer.verify(issued.value).reason]
    for call in (
        lambda: issuer.issue(request(directory)),
        lambda: list(issuer.tokens()),
        lambda: issuer.revoke(issued.handle),
    ):
        with pytest.raises(Permanent) as failed:
            call()
        said.append(f"{failed.value} {failed.value.__cause__!r}")
    assert not [one for one in said for secret in (value, directory.entra.client_secret) if secret in one]
