"""What goes wrong on the way to a token service is taken for what it is: every profile, through a proxy that fails."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from rotator.domain.contracts import Issuer, Verdict
from rotator.domain.errors import Ambiguous, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.testing.moving_clock import MovingClock
from tests.fakes.fault_proxy import Fault, FaultProxy, answer, answer_after, fault_proxy, lose_answer, truncate
from tests.fakes.token_services.service import TokenService, serving
from tests.integration.token_services.setting import SETTINGS, opened, request

HTML = b"<html><body>bad gateway</body></html>"


@pytest.fixture(scope="module", params=SETTINGS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def service(name: str) -> Iterator[TokenService]:
    with serving(SETTINGS[name].service(MovingClock())) as running:
        yield running


@pytest.fixture(scope="module")
def running_proxy(service: TokenService) -> Iterator[FaultProxy]:
    with fault_proxy(service.url) as running:
        yield running


@pytest.fixture
def proxy(running_proxy: FaultProxy) -> FaultProxy:
    running_proxy.heal()
    running_proxy.seen.clear()
    return running_proxy


@pytest.fixture(scope="module")
def issuer(name: str, service: TokenService, running_proxy: FaultProxy) -> Issuer:
    return opened(name, service, url=running_proxy.url)


def asked_for(issuer: Issuer, service: TokenService, name: str):
    return request(service, name, "30 days" if issuer.traits.expiry.required else None)


LOST = {
    "lost": lose_answer(),
    "cut short": truncate(20),
    "a gateway's, which lost patience": answer_after(504, body=HTML),
    "a failing server's": answer_after(500, {"Content-Type": "application/json"}, b'{"errors": [{"code": 500}]}'),
}


def test_a_token_whose_answer_is_lost_may_exist_and_is_found_by_its_name(issuer, service, proxy):
    for number, (how, fault) in enumerate(LOST.items()):
        wanted = asked_for(issuer, service, f"lost-{number}")
        proxy.fail("POST", "", fault)
        with pytest.raises(Ambiguous):
            issuer.issue(wanted)
        assert len(proxy.sent("POST", "")) == number + 1, f"sent once, also when the answer is {how}"
        [found] = [info for info in issuer.tokens() if info.name == wanted.name]
        issuer.revoke(found.handle)
        assert wanted.name not in [info.name for info in issuer.tokens()]


REFUSED: dict[str, tuple[Fault, type[Exception]]] = {
    "too many requests": (answer(429, body=HTML), Temporary),
    "another address": (answer(308, {"Location": "https://elsewhere.example/"}), Permanent),
}


def test_a_token_that_was_refused_does_not_exist(issuer, service, proxy):
    before = {info.handle for info in issuer.tokens()}
    for fault, family in REFUSED.values():
        proxy.fail("POST", "", fault)
        with pytest.raises(family) as refused:
            issuer.issue(asked_for(issuer, service, "refused"))
        assert not isinstance(refused.value, Ambiguous)
    assert {info.handle for info in issuer.tokens()} == before


UNPROVEN = {
    "fails": answer(500, {"Content-Type": "application/json"}, b'{"errors": ["Forbidden"], "id": "unauthorized"}'),
    "is a gateway that fails": answer(502, body=HTML),
    "is too busy": answer(429, {"Retry-After": "7"}),
    "sends us to a login page": answer(302, {"Location": "/login"}),
    "is a proxy that wants a login of its own": answer(401, {"WWW-Authenticate": "Basic"}, HTML),
    "is a firewall": answer(403, body=HTML),
    "says nothing": lose_answer(),
    "greets everybody": answer(200, {"Content-Type": "application/json"}, b"{}"),
}


def test_a_live_token_is_never_taken_for_dead(issuer, service, proxy):
    issued = issuer.issue(asked_for(issuer, service, "alive"))
    for who, fault in UNPROVEN.items():
        proxy.fail("GET", "", fault)
        assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE, f"what answers {who}"
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    issuer.revoke(issued.handle)


def test_a_dead_token_is_never_taken_for_alive(issuer, service, proxy):
    issued = issuer.issue(asked_for(issuer, service, "dead"))
    issuer.revoke(issued.handle)
    for who, fault in UNPROVEN.items():
        proxy.fail("GET", "", fault)
        assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE, f"what answers {who}"
    assert issuer.verify(issued.value).verdict is Verdict.INVALID


def test_a_revoke_whose_answer_is_lost_is_repeated_without_harm(issuer, service, proxy):
    issued, other = (issuer.issue(asked_for(issuer, service, each)) for each in ("old", "new"))
    proxy.fail("DELETE", "", lose_answer())
    with pytest.raises(Ambiguous):
        issuer.revoke(issued.handle)
    issuer.revoke(issued.handle)
    assert issuer.verify(issued.value).verdict is Verdict.INVALID
    assert issuer.verify(other.value).verdict is Verdict.VALID
    issuer.revoke(other.handle)


def test_a_list_that_cannot_be_had_is_an_error_and_never_short(issuer, service, proxy):
    issued = issuer.issue(asked_for(issuer, service, "listed"))
    for fault in (answer(503), answer(429), lose_answer(), truncate(5)):
        proxy.fail("GET", "", fault)
        with pytest.raises(Temporary):
            list(issuer.tokens())
    proxy.fail("GET", "", answer(200, {"Content-Type": "application/json"}, b'{"unexpected": true}'))
    with pytest.raises(Permanent):
        list(issuer.tokens())
    assert issued.handle in [info.handle for info in issuer.tokens()]
    issuer.revoke(issued.handle)


def test_no_error_shows_a_value_or_an_address(issuer, service, proxy):
    proxy.fail("*", "", answer(500, body=HTML), times=None)
    value = SecretValue("of-a-token-that-nobody-issued")
    said = [issuer.verify(value).reason]
    for call in (lambda: issuer.issue(asked_for(issuer, service, "app")), lambda: list(issuer.tokens())):
        with pytest.raises(Temporary) as failed:
            call()
        said.append(f"{failed.value} {failed.value.__cause__!r}")
    secrets = [value.reveal(), proxy.url, *(token.value for token in service.tokens)]
    assert not [one for one in said for secret in secrets if secret in one]


def test_only_the_asked_token_is_ever_deleted(issuer, service, proxy):
    issued = issuer.issue(asked_for(issuer, service, "one"))
    issuer.verify(issued.value)
    issuer.revoke(issued.handle)
    [deleted] = proxy.sent("DELETE", "")
    assert re.fullmatch(rf".*/{re.escape(issued.handle)}", deleted.path)
    assert not [seen for seen in proxy.seen if re.search("rotate|roll|regenerate|/value$", seen.path)]
