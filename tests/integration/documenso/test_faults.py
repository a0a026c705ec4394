"""Bad days between us and Documenso: which family of error each comes to, and what is true there afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rotator.domain.contracts import Issuer, Revocation, Verdict
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from rotator.testing.access import DictionaryAccess
from rotator.testing.store_contract import refusal_of
from tests.fakes.documenso import Documenso
from tests.fakes.fault_proxy import FaultProxy, answer, answer_after, fault_proxy, lose_answer, refuse, truncate
from tests.integration.documenso.setting import CREATE, opened, request, trpc_error

MADE = [
    pytest.param(lose_answer(), id="the answer is lost"),
    pytest.param(truncate(20), id="the answer is cut short"),
    pytest.param(answer_after(500, {}, trpc_error("INTERNAL_SERVER_ERROR")), id="500"),
    pytest.param(answer_after(502, {}, b"<html>"), id="a gateway says 502"),
    pytest.param(answer_after(504), id="a gateway says 504"),
    pytest.param(answer_after(303, {"Location": "/"}), id="a redirect after the fact"),
    pytest.param(answer_after(408), id="a request given up half way"),
    pytest.param(answer_after(200, {"Content-Type": "text/html"}, b"<html>"), id="somebody else's page"),
    pytest.param(answer_after(200, {}, b'{"result": {"data": {"json": {"id": 41}}}}'), id="without the token"),
    pytest.param(
        answer_after(200, {}, b'{"result": {"data": {"json": {"id": 41, "token": "no token"}}}}'),
        id="with something that is no token",
    ),
]


@pytest.mark.parametrize("fault", MADE)
def test_a_create_whose_answer_was_lost_is_ambiguous_and_its_token_is_found_by_name(
    service: Documenso, behind_proxy: Issuer, proxy: FaultProxy, fault: Any
) -> None:
    proxy.fail("POST", r"apiToken\.create", fault)
    assert type(refusal_of(lambda: behind_proxy.issue(request(service)))) is Ambiguous
    [lost] = [info for info in behind_proxy.tokens() if info.name == "production-api-k7rm2qa"]
    assert behind_proxy.revoke(lost.handle) is Revocation.DONE
    assert service.team.rows == []
    assert service.count(CREATE) == 1


@pytest.mark.parametrize(
    ("fault", "family"),
    [
        pytest.param(refuse(), Ambiguous, id="a cut connection, which may hide a token"),
        pytest.param(answer(429, {"Retry-After": "7"}), Temporary, id="429"),
        pytest.param(answer(401, {}, trpc_error("UNAUTHORIZED")), Permanent, id="401"),
        pytest.param(answer(402), Permanent, id="402"),
        pytest.param(answer(403, {}, b"<html>"), Permanent, id="403 of a firewall"),
        pytest.param(answer(404, {}, trpc_error("NOT_FOUND")), Permanent, id="a version without that call"),
        pytest.param(answer(301, {"Location": "https://elsewhere.example/"}), Permanent, id="a redirect"),
    ],
)
def test_a_create_that_was_refused_made_nothing(
    service: Documenso, behind_proxy: Issuer, proxy: FaultProxy, fault: Any, family: type[RotatorError]
) -> None:
    proxy.fail("POST", r"apiToken\.create", fault)
    error = refusal_of(lambda: behind_proxy.issue(request(service)))
    assert type(error) is family
    assert service.team.rows == []
    assert len(proxy.sent("POST", r"apiToken\.create")) == 1


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        pytest.param({"Retry-After": "7"}, timedelta(seconds=7), id="with a Retry-After"),
        pytest.param({}, None, id="without one"),
    ],
)
def test_a_429_is_waited_for_as_long_as_it_says(
    service: Documenso, behind_proxy: Issuer, proxy: FaultProxy, headers: dict[str, str], wait: timedelta | None
) -> None:
    proxy.fail("*", "/api/trpc/", answer(429, headers), times=None)
    for call in (behind_proxy.tokens, lambda: behind_proxy.issue(request(service)), lambda: revoke(behind_proxy)):
        error = refusal_of(call)
        assert type(error) is Temporary
        assert error.retry_after == wait


def revoke(issuer: Issuer) -> Revocation:
    return issuer.revoke(Handle("12"))


@pytest.mark.parametrize(
    ("fault", "family"),
    [
        pytest.param(lose_answer(), Temporary, id="a lost answer"),
        pytest.param(answer(500, {}, trpc_error("INTERNAL_SERVER_ERROR")), Temporary, id="500"),
        pytest.param(answer(503), Temporary, id="503"),
        pytest.param(answer(403, {}, trpc_error("ACCOUNT_DISABLED")), NeedsOperator, id="a disabled account"),
        pytest.param(answer(403, {}, b"<html>"), NeedsOperator, id="403 of a firewall"),
        pytest.param(answer(302, {"Location": "/signin"}), Permanent, id="a redirect"),
        pytest.param(answer(200, {}, b"<html>"), Permanent, id="a page"),
        pytest.param(answer(200, {}, b'{"result": {"data": {"json": null}}}'), Permanent, id="no list"),
        pytest.param(answer(200, {}, b'{"result": {"data": {"json": [{"id": "1"}]}}}'), Permanent, id="other rows"),
        pytest.param(
            answer(200, {}, b'{"result": {"data": {"json": [{"id": 1, "name": "a", "createdAt": 5, "expires": 0}]}}}'),
            Permanent,
            id="other times",
        ),
    ],
)
def test_a_list_is_whole_or_an_error(
    service: Documenso, behind_proxy: Issuer, proxy: FaultProxy, fault: Any, family: type[RotatorError]
) -> None:
    service.team.add("by hand")
    proxy.fail("GET", r"apiToken\.getMany", fault)
    error = refusal_of(behind_proxy.tokens)
    assert type(error) is family
    assert error.remedy or family is Temporary


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lose_answer(), id="the answer is lost"),
        pytest.param(answer_after(504), id="a gateway says 504"),
        pytest.param(answer_after(500, {}, b"<html>"), id="a 500 that is not Documenso's"),
        pytest.param(answer_after(200, {}, b"<html>"), id="somebody else's page"),
    ],
)
def test_a_delete_whose_answer_was_lost_is_ambiguous_and_found_done_when_repeated(
    service: Documenso, behind_proxy: Issuer, proxy: FaultProxy, fault: Any
) -> None:
    handle, value = service.team.add("by hand")
    proxy.fail("POST", r"apiToken\.delete", fault)
    assert type(refusal_of(lambda: behind_proxy.revoke(Handle(handle)))) is Ambiguous
    assert behind_proxy.revoke(Handle(handle)) is Revocation.ALREADY_GONE
    assert behind_proxy.verify(SecretValue(value)).verdict is Verdict.INVALID


def test_an_answer_that_was_lost_after_the_delete_is_found_done_by_a_500_and_the_list(
    service: Documenso, behind_proxy: Issuer, proxy: FaultProxy
) -> None:
    handle, _ = service.team.add("by hand")
    proxy.fail("POST", r"apiToken\.delete", answer_after(500, {}, trpc_error("INTERNAL_SERVER_ERROR")))
    assert behind_proxy.revoke(Handle(handle)) is Revocation.ALREADY_GONE


def test_nobody_there_is_worth_another_try(service: Documenso, access: DictionaryAccess) -> None:
    with fault_proxy(service.url) as gone:
        url = gone.url
    issuer = opened(url, access)
    assert type(refusal_of(lambda: issuer.issue(request(service)))) is Temporary
    assert issuer.verify(SecretValue("api_0123456789abcdef")).verdict is Verdict.INDETERMINATE
