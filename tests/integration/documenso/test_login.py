"""The login: made once, renewed when it ends, ended with the process, and with a code that is used once only."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from rotator.domain.contracts import Issuer, Revocation
from rotator.domain.errors import Ambiguous, NeedsOperator, RotatorError, Temporary
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from rotator.testing.access import DictionaryAccess
from rotator.testing.store_contract import refusal_of
from tests.fakes.documenso import Documenso
from tests.fakes.documenso_team import PASSWORD, TEAM
from tests.fakes.fault_proxy import FaultProxy, answer, lose_answer
from tests.integration.documenso.setting import CREATE, KEY, LIST, LOGIN, VERIFY, access_to, opened, request


def with_app(service: Documenso, url: str = "", key: str = KEY) -> Issuer:
    """Open the issuer as a user who has an authenticator app."""
    service.team.manager.key = KEY
    return opened(url or service.url, access_to(service, totp_secret=key), second_factor=True)


def test_nobody_logs_in_before_there_is_something_to_do(service: Documenso, issuer: Issuer) -> None:
    assert issuer.traits.lists
    assert service.seen == []


def test_a_login_is_made_once_for_all_calls_threads_and_policies_of_a_connection(
    service: Documenso, access: DictionaryAccess
) -> None:
    service.team.add("by hand")
    issuers = [opened(service.url, access) for _ in range(4)]
    threads = [threading.Thread(target=issuer.tokens) for issuer in issuers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.count(LIST) == 4
    assert service.count(LOGIN) == 1


def test_verifying_sends_the_token_and_no_cookie_of_the_login(service: Documenso, issuer: Issuer) -> None:
    """A session would answer for its own life, not for the token's."""
    _, value = service.team.add("by hand")
    issuer.tokens()
    issuer.verify(SecretValue(value))
    assert service.seen[-1] == VERIFY
    assert service.last_headers["authorization"] == f"Bearer {value}"
    assert "cookie" not in service.last_headers


def test_the_session_ends_with_the_process(service: Documenso, issuer: Issuer, access: DictionaryAccess) -> None:
    """It would live on for 30 days, as good as the password."""
    issuer.issue(request(service))
    assert service.sessions == 1
    access.shared("documenso", lambda: pytest.fail("the login is not shared")).close()
    assert service.sessions == 0
    assert len(service.team.rows) == 1


def test_ending_a_session_that_cannot_be_ended_is_no_error(
    behind_proxy: Issuer, access: DictionaryAccess, proxy: FaultProxy, service: Documenso
) -> None:
    behind_proxy.issue(request(service))
    proxy.fail("POST", "signout", lose_answer())
    access.shared("documenso", lambda: None).close()


def test_a_session_that_has_ended_is_made_anew_and_what_can_be_repeated_is(service: Documenso, issuer: Issuer) -> None:
    handle, _ = service.team.add("old")
    service.team.add("new")
    issuer.tokens()
    service.end_sessions()
    assert len(issuer.tokens()) == 2
    service.clock.move(days=31)
    assert issuer.revoke(Handle(handle)) is Revocation.DONE
    assert service.count(LOGIN) == 3


def test_a_session_that_has_ended_does_not_send_a_create_twice(service: Documenso, issuer: Issuer) -> None:
    service.team.add("by hand")
    issuer.tokens()
    service.end_sessions()
    error = refusal_of(lambda: issuer.issue(request(service)))
    assert isinstance(error, Temporary)
    assert not isinstance(error, Ambiguous)
    assert service.count(CREATE) == 1
    assert issuer.issue(request(service)).handle == "42"
    assert service.team.names() == ["production-api-k7rm2qa", "by hand"]


def test_who_may_log_in_and_nothing_else_does_not_log_in_for_ever(service: Documenso, issuer: Issuer) -> None:
    service.team.manager.roles[TEAM] = "MEMBER"
    for _ in range(3):
        assert type(refusal_of(lambda: issuer.revoke(Handle("12")))) is NeedsOperator
    assert service.count(LOGIN) <= 3


@pytest.mark.parametrize(
    ("code", "change", "says"),
    [
        ("INVALID_CREDENTIALS", {"password": "another one"}, "email or the password is wrong"),
        ("UNVERIFIED_EMAIL", {"verified": False}, "not verified"),
        ("ACCOUNT_DISABLED", {"disabled": True}, "disabled"),
        ("TWO_FACTOR_MISSING_CREDENTIALS", {"key": KEY}, "`totp_secret`"),
    ],
)
def test_an_account_that_is_not_let_in_is_told_why(
    service: Documenso, issuer: Issuer, code: str, change: dict[str, object], says: str
) -> None:
    for name, value in change.items():
        setattr(service.team.manager, name, value)
    error = refusal_of(issuer.tokens)
    assert type(error) is NeedsOperator
    assert code in error.what
    assert says in str(error)
    assert error.remedy
    assert service.count(LIST) == 0


def test_a_captcha_is_a_persons_to_solve(service: Documenso, issuer: Issuer) -> None:
    service.wants_captcha = True
    error = refusal_of(issuer.tokens)
    assert type(error) is NeedsOperator
    assert "captcha" in error.what


def test_a_refused_form_echoes_the_password_and_the_error_does_not(service: Documenso) -> None:
    """The canary of these tests would find it in any error or log."""
    error = refusal_of(opened(service.url, access_to(service, password="short")).tokens)
    assert type(error) is NeedsOperator
    assert "6 to 72 characters" in error.remedy
    assert "short" not in str(error)
    error = refusal_of(opened(service.url, access_to(service, email="nobody")).tokens)
    assert type(error) is NeedsOperator
    assert PASSWORD not in str(error)


def test_too_many_logins_are_waited_for_as_long_as_documenso_says(service: Documenso) -> None:
    for _ in range(10):
        refusal_of(opened(service.url, access_to(service, password="not the password")).tokens)
    error = refusal_of(opened(service.url, access_to(service)).tokens)
    assert isinstance(error, Temporary)
    assert error.retry_after == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("fault", "family"),
    [
        pytest.param(answer(500, {}, b'{"code": "UNKNOWN_ERROR"}'), Temporary, id="a server that fails"),
        pytest.param(answer(503), Temporary, id="a gateway that fails"),
        pytest.param(lose_answer(), Temporary, id="a lost answer"),
        pytest.param(answer(302, {"Location": "/signin"}), NeedsOperator, id="a redirect"),
        pytest.param(answer(200, {}, b"<html>welcome</html>"), NeedsOperator, id="a page"),
        pytest.param(answer(201), NeedsOperator, id="a login without its cookie"),
        pytest.param(answer(403, {}, b'{"message": "Forbidden"}'), NeedsOperator, id="a forbidden origin"),
        pytest.param(answer(500, {}, b'{"code": "INVALID_REQUEST"}'), NeedsOperator, id="a CSRF token that got lost"),
    ],
)
@pytest.mark.parametrize("step", ["csrf", "authorize"])
def test_a_login_that_fails_makes_no_token(
    service: Documenso, behind_proxy: Issuer, proxy: FaultProxy, fault, family: type[RotatorError], step: str
) -> None:
    proxy.fail("*", f"/api/auth/.*{step}$", fault)
    error = refusal_of(lambda: behind_proxy.issue(request(service)))
    assert type(error) is family
    assert error.remedy or family is Temporary
    assert service.count(CREATE) == 0


def test_an_instance_that_is_reached_by_another_address_than_its_own_keeps_its_login(
    service: Documenso, issuer: Issuer
) -> None:
    """Its cookies are for its own host's name: a browser, or a cookie jar, would drop them here."""
    service.team.add("by hand")
    assert len(issuer.tokens()) == 1
    assert "127.0.0.1" in service.url


# --- the second factor ---


def test_a_code_of_the_authenticator_app_lets_us_in(service: Documenso) -> None:
    with_app(service).issue(request(service))
    assert service.codes_seen == [service.team.manager.code_at(service.clock.now())]


def test_two_logins_in_one_half_minute_send_two_codes(service: Documenso) -> None:
    """Many servers take each code once only."""
    service.remembers_codes = True
    issuer = with_app(service)
    service.team.add("by hand")
    issuer.tokens()
    service.end_sessions()
    issuer.tokens()
    assert len(set(service.codes_seen)) == 2
    assert timedelta() < service.clock.waited <= timedelta(seconds=30)


def test_a_code_that_another_process_used_is_followed_by_the_next_one(service: Documenso) -> None:
    service.remembers_codes = True
    service.team.add("by hand")
    with_app(service).tokens()
    with_app(service).tokens()
    assert len(service.codes_seen) == 3
    assert len(set(service.codes_seen)) == 2
    assert service.count(LOGIN) == 3


def test_a_wrong_key_is_tried_twice_and_then_a_persons_to_correct(service: Documenso) -> None:
    error = refusal_of(with_app(service, key="JBSWY3DPEHPK3PXQ").tokens)
    assert type(error) is NeedsOperator
    assert "INVALID_TWO_FACTOR_CODE" in error.what
    assert "clock" in error.remedy
    assert service.count(LOGIN) == 2


def test_a_process_that_is_asked_to_stop_does_not_wait_for_the_next_code(service: Documenso) -> None:
    issuer = with_app(service)
    service.team.add("by hand")
    issuer.tokens()
    service.end_sessions()
    service.clock.stop()
    error = refusal_of(issuer.tokens)
    assert isinstance(error, Temporary)
    assert "asked to stop" in error.what
