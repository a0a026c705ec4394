"""What goes wrong on the way to OpenBao, and what is never claimed because of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rotator.domain.contracts import Issuer, Revocation, Verdict
from rotator.domain.errors import Ambiguous, Permanent, RotatorError, Temporary
from tests.fakes.fault_proxy import Fault, FaultProxy, answer, answer_after, fault_proxy, lose_answer, truncate
from tests.integration.openbao_approle.setting import Role, made
from tests.servers.openbao import OpenBao

HTML = b"<html><body>bad gateway</body></html>"
JSON = {"Content-Type": "application/json"}
CREATE = ("POST", "/secret-id$")


@pytest.fixture(scope="module")
def running_proxy(approle: OpenBao) -> Iterator[FaultProxy]:
    with fault_proxy(approle.url) as running:
        yield running


@pytest.fixture
def proxy(running_proxy: FaultProxy) -> FaultProxy:
    running_proxy.heal()
    running_proxy.seen.clear()
    return running_proxy


@pytest.fixture
def issuer(role: Role, proxy: FaultProxy) -> Issuer:
    return role.issuer(url=proxy.url)


LOST = [
    lose_answer(),
    truncate(20),
    answer_after(504, body=HTML),
    answer_after(500, JSON, b'{"errors": ["oops"]}'),
    answer_after(307, {"Location": "https://elsewhere.example/"}),  # of a standby that lost the active node
]


def test_a_secret_id_whose_answer_is_lost_is_asked_for_once_and_found_by_its_name(
    issuer: Issuer, proxy: FaultProxy
) -> None:
    for number, fault in enumerate(LOST, 1):
        proxy.fail(*CREATE, fault)
        with pytest.raises(Ambiguous):
            made(issuer, f"lost-{number}")
        assert len(proxy.sent(*CREATE)) == number
        [lost] = [info for info in issuer.tokens() if info.name == f"lost-{number}"]
        issuer.revoke(lost.handle)
    assert list(issuer.tokens()) == []


def test_an_answer_without_a_secret_id_may_hide_one(issuer: Issuer, proxy: FaultProxy) -> None:
    proxy.fail(*CREATE, answer_after(200, JSON, b"{}"))
    with pytest.raises(Ambiguous):
        made(issuer)
    assert len(list(issuer.tokens())) == 1


REFUSED: dict[str, tuple[Fault, type[RotatorError]]] = {
    "too many": (answer(429, {"Retry-After": "7"}), Temporary),
    "sealed": (answer(503, JSON, b'{"errors": ["Vault is sealed"]}'), Temporary),
    "another address": (answer(308, {"Location": "https://elsewhere.example/"}), Permanent),
    "a firewall": (answer(403, body=HTML), Permanent),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_secret_id_that_was_refused_does_not_exist(issuer: Issuer, proxy: FaultProxy, how: str) -> None:
    fault, family = REFUSED[how]
    proxy.fail(*CREATE, fault)
    with pytest.raises(family) as refused:
        made(issuer)
    assert not isinstance(refused.value, Ambiguous)
    assert list(issuer.tokens()) == []


def test_what_a_standby_answers_that_lost_the_active_node_passes(issuer: Issuer, proxy: FaultProxy) -> None:
    issued = made(issuer)
    lost = answer(307, {"Location": "https://elsewhere.example/"})
    proxy.fail("GET", "/secret-id", lost)
    with pytest.raises(Temporary, match="307"):
        issuer.tokens()
    proxy.fail("POST", "secret-id-accessor/destroy", lost)
    with pytest.raises(Temporary, match="307"):
        issuer.revoke(issued.handle)
    assert issuer.revoke(issued.handle) is Revocation.DONE


UNPROVEN = [
    answer(500, JSON, b'{"errors": ["oops"]}'),
    answer(502, body=HTML),
    answer(429),
    answer(302, {"Location": "/login"}),
    answer(401, body=HTML),
    answer(403, body=HTML),
    answer(404, JSON, b'{"errors": []}'),
    answer(200, JSON, b"{}"),
    answer(200, body=HTML),
    lose_answer(),
]


@pytest.mark.parametrize("is_alive", [True, False], ids=["alive", "dead"])
def test_a_secret_id_is_not_judged_by_what_is_not_openbaos_word(
    issuer: Issuer, proxy: FaultProxy, is_alive: bool
) -> None:
    issued = made(issuer)
    if not is_alive:
        issuer.revoke(issued.handle)
    for fault in UNPROVEN:
        proxy.fail("POST", "/secret-id/lookup$", fault)
        assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE
    assert issuer.verify(issued.value).verdict is (Verdict.VALID if is_alive else Verdict.INVALID)


def test_an_end_whose_answer_is_lost_is_asked_for_again(issuer: Issuer, proxy: FaultProxy) -> None:
    old, new = made(issuer, "old"), made(issuer, "new")
    proxy.fail("POST", "/destroy$", lose_answer())
    with pytest.raises(Ambiguous):
        issuer.revoke(old.handle)
    assert issuer.revoke(old.handle) is Revocation.ALREADY_GONE
    assert issuer.verify(old.value).verdict is Verdict.INVALID
    assert issuer.verify(new.value).verdict is Verdict.VALID


def test_a_list_that_cannot_be_had_is_an_error_and_never_short(issuer: Issuer, proxy: FaultProxy) -> None:
    made(issuer)
    for place in ("list=true", "/secret-id-accessor/lookup$"):
        for fault in (answer(503), answer(429), lose_answer(), truncate(5)):
            proxy.fail("*", place, fault)
            with pytest.raises(Temporary):
                list(issuer.tokens())
        for fault in (answer(404, body=HTML), answer(200, JSON, b'{"data": {}}')):
            proxy.fail("*", place, fault)
            with pytest.raises(Permanent):
                list(issuer.tokens())


def test_no_error_shows_a_value_or_what_openbao_said(role: Role, issuer: Issuer, proxy: FaultProxy) -> None:
    issued = made(issuer)
    body = f'{{"errors": ["no such thing: {issued.value.reveal()}"]}}'.encode()
    proxy.fail("*", "", answer(400, JSON, body), times=None)
    said = [issuer.verify(issued.value).reason]
    for call in (lambda: made(issuer), lambda: list(issuer.tokens()), lambda: issuer.revoke(issued.handle)):
        with pytest.raises(Permanent) as failed:
            call()
        said.append(f"{failed.value} {failed.value.__cause__!r}")
    secrets = [issued.value.reveal(), role.manager, proxy.url]
    assert not [one for one in said for secret in secrets if secret in one]
