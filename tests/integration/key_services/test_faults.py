"""What goes wrong on the way to a service that makes keys is taken for what it is: every profile, through a proxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rotator.domain.contracts import Issuer, Verdict
from rotator.domain.errors import Ambiguous, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.testing.moving_clock import MovingClock
from tests.fakes.fault_proxy import Fault, FaultProxy, answer, answer_after, fault_proxy, lose_answer, truncate
from tests.fakes.token_services.service import TokenService, serving
from tests.integration.key_services.setting import SETTINGS, Setting, opened, request

HTML = b"<html><body>bad gateway</body></html>"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module", params=SETTINGS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def setting(name: str) -> Setting:
    return SETTINGS[name]


@pytest.fixture(scope="module")
def service(setting: Setting) -> Iterator[TokenService]:
    with serving(setting.service(MovingClock())) as running:
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
    issuer = opened(name, service, url=running_proxy.url)
    list(issuer.tokens())  # logs in, where there is a login
    return issuer


LOST = {
    "lost": lose_answer(),
    "cut short": truncate(20),
    "a gateway's, which lost patience": answer_after(504, body=HTML),
    "a failing server's": answer_after(500, JSON, b'{"errors": [{"message": "oops"}]}'),
}


def test_a_token_whose_answer_is_lost_is_not_lost(name, issuer, service, setting, proxy):
    for number, (how, fault) in enumerate(LOST.items(), 1):
        wanted = request(service, f"lost-{number}")
        proxy.fail(*setting.create, fault)
        if name == "consul":
            handle = issuer.issue(wanted).handle  # read back, by the value that we chose
        else:
            with pytest.raises(Ambiguous):
                issuer.issue(wanted)
            handle = next(info.handle for info in issuer.tokens() if info.name == wanted.name)
        assert len(proxy.sent(*setting.create)) == number, f"sent once, also when the answer is {how}"
        issuer.revoke(handle)
        assert wanted.name not in [info.name for info in issuer.tokens()]


REFUSED: dict[str, tuple[Fault, type[RotatorError]]] = {
    "too many requests": (answer(429, body=HTML), Temporary),
    "another address": (answer(308, {"Location": "https://elsewhere.example/"}), Permanent),
    "a firewall": (answer(403, body=HTML), Permanent),
}


def test_a_token_that_was_refused_does_not_exist(issuer, service, setting, proxy):
    before = {info.handle for info in issuer.tokens()}
    for fault, family in REFUSED.values():
        proxy.fail(*setting.create, fault)
        with pytest.raises(family) as refused:
            issuer.issue(request(service, "refused"))
        assert not isinstance(refused.value, Ambiguous)
    assert {info.handle for info in issuer.tokens()} == before


UNPROVEN = {
    "fails": answer(500, JSON, b'{"errors": [{"message": "oops"}], "msg": "oops", "error": {"code": "oops"}}'),
    "is a gateway that fails": answer(502, body=HTML),
    "is too busy": answer(429, {"Retry-After": "7"}),
    "sends us to a login page": answer(302, {"Location": "/login"}),
    "is a proxy that wants a login of its own": answer(401, {"WWW-Authenticate": "Basic"}, HTML),
    "is a firewall": answer(403, body=HTML),
    "is a wrong address": answer(404, body=HTML),
    "says nothing": lose_answer(),
    "greets everybody": answer(200, JSON, b"{}"),
}


@pytest.mark.parametrize("is_alive", [True, False], ids=["alive", "dead"])
def test_a_token_is_not_judged_by_what_is_not_the_services_word(issuer, service, setting, proxy, is_alive):
    issued = issuer.issue(request(service, f"judged-{is_alive}"))
    if not is_alive:
        issuer.revoke(issued.handle)
    for who, fault in UNPROVEN.items():
        proxy.fail(*setting.verify, fault)
        assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE, f"what answers {who}"
    assert issuer.verify(issued.value).verdict is (Verdict.VALID if is_alive else Verdict.INVALID)


def test_a_revoke_whose_answer_is_lost_is_repeated_and_ends_nothing_else(issuer, service, proxy):
    old, new = (issuer.issue(request(service, each)) for each in ("old", "new"))
    proxy.fail("DELETE", "", lose_answer())
    with pytest.raises(Ambiguous):
        issuer.revoke(old.handle)
    issuer.revoke(old.handle)
    assert issuer.verify(old.value).verdict is Verdict.INVALID
    assert issuer.verify(new.value).verdict is Verdict.VALID
    deleted = proxy.sent("DELETE", "")
    assert len(deleted) == 2
    assert all(seen.path.endswith(f"/{old.handle}") for seen in deleted)


def test_a_list_that_cannot_be_had_is_an_error_and_never_short(issuer, proxy):
    for fault in (answer(503), answer(429), lose_answer(), truncate(5)):
        proxy.fail("GET", "", fault)
        with pytest.raises(Temporary):
            list(issuer.tokens())
    proxy.fail("GET", "", answer(200, JSON, b'{"unexpected": true}'))
    with pytest.raises(Permanent):
        list(issuer.tokens())


def test_no_error_shows_a_value_or_an_address(name, service, proxy):
    issuer = opened(name, service, url=proxy.url)
    proxy.fail("*", "", answer(500, body=HTML), times=None)
    value = SecretValue("of-a-token-that-nobody-issued")
    said = [issuer.verify(value).reason]
    for call in (lambda: issuer.issue(request(service)), lambda: list(issuer.tokens())):
        with pytest.raises(Temporary) as failed:
            call()
        said.append(f"{failed.value} {failed.value.__cause__!r}")
    credentials = SETTINGS[name].credentials(service).values()
    secrets = [value.reveal(), proxy.url, *credentials, *(token.value for token in service.tokens)]
    assert not [one for one in said for secret in secrets if secret in one]
