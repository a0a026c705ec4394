"""Whose tokens they are, whether they live, and how they end: what Documenso says of it, and where that misleads."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.domain.contracts import Coexistence, Issuer, Revocation, Verdict
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from rotator.testing.store_contract import refusal_of
from tests.fakes.documenso import Documenso
from tests.fakes.documenso_team import EMAIL, OTHER_TEAM, PASSWORD, TEAM, User
from tests.fakes.fault_proxy import FaultProxy, answer
from tests.integration.documenso.setting import (
    CREATE,
    DELETE,
    VERIFY,
    access_to,
    opened,
    public_error,
    request,
    trpc_error,
)

# --- the team ---


def test_a_token_belongs_to_the_team_of_the_connection(service: Documenso, issuer: Issuer) -> None:
    service.team.manager.roles[OTHER_TEAM] = "ADMIN"
    service.team.add("theirs", team=OTHER_TEAM)
    issued = issuer.issue(request(service))
    assert [info.handle for info in issuer.tokens()] == [issued.handle]


@pytest.mark.parametrize("role", ["ADMIN", "MANAGER"])
def test_an_admin_or_a_manager_may_do_it(service: Documenso, issuer: Issuer, role: str) -> None:
    service.team.manager.roles[TEAM] = role
    issued = issuer.issue(request(service))
    assert issuer.revoke(issued.handle) is Revocation.DONE


def test_an_empty_list_of_a_wrong_team_is_never_believed(service: Documenso) -> None:
    service.team.add("by hand")
    for team_id in (OTHER_TEAM, 4711):
        error = refusal_of(opened(service.url, access_to(service), team_id=team_id).tokens)
        assert type(error) is NeedsOperator
        assert f"no tokens of team {team_id}" in error.what
        assert "`team_id`" in error.remedy


def test_an_empty_list_is_not_believed_when_the_role_is_gone(service: Documenso, issuer: Issuer) -> None:
    """Else every token of the team would pass for dead."""
    service.team.add("by hand")
    assert issuer.tokens()
    service.team.manager.roles[TEAM] = "MEMBER"
    assert type(refusal_of(issuer.tokens)) is NeedsOperator


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(answer(404, {}, trpc_error("NOT_FOUND")), id="an instance without that call"),
        pytest.param(answer(500, {}, trpc_error("INTERNAL_SERVER_ERROR")), id="a server that fails"),
        pytest.param(answer(200, {}, b"<html>"), id="a page"),
        pytest.param(
            answer(200, {}, b'{"result": {"data": {"json": {"id": 8, "currentTeamRole": "ADMIN"}}}}'), id="another team"
        ),
        pytest.param(
            answer(200, {}, b'{"result": {"data": {"json": {"id": 7, "currentTeamRole": ["ADMIN"]}}}}'),
            id="another shape",
        ),
    ],
)
def test_an_empty_list_is_not_believed_without_a_clear_word_on_the_role(
    behind_proxy: Issuer, proxy: FaultProxy, told
) -> None:
    proxy.fail("GET", r"team\.get", told)
    assert type(refusal_of(behind_proxy.tokens)) is NeedsOperator


def test_a_team_without_tokens_is_believed_when_documenso_says_that_we_manage_it(issuer: Issuer) -> None:
    assert issuer.tokens() == ()


def test_who_may_not_make_tokens_is_told_which_role_it_takes(service: Documenso, issuer: Issuer) -> None:
    service.team.manager.roles[TEAM] = "MEMBER"
    error = refusal_of(lambda: issuer.issue(request(service)))
    assert type(error) is Permanent
    assert "(UNAUTHORIZED)" in error.what
    assert "ADMIN or MANAGER of team 7" in error.remedy


# --- verify ---


def test_each_verify_of_a_living_token_counts_against_the_monthly_quota_and_of_a_dead_one_none(
    service: Documenso, issuer: Issuer
) -> None:
    handle, value = service.team.add("by hand")
    issuer.verify(SecretValue(value))
    assert service.api_requests == 1
    issuer.revoke(Handle(handle))
    issuer.verify(SecretValue(value))
    assert service.api_requests == 1


def test_a_spent_quota_proves_nothing_of_a_living_token_and_hides_no_dead_one(
    service: Documenso, issuer: Issuer
) -> None:
    service.quota = 0
    handle, value = service.team.add("by hand")
    verification = issuer.verify(SecretValue(value))
    assert verification.verdict is Verdict.INDETERMINATE
    assert "quota of this month is spent" in verification.reason
    issuer.revoke(Handle(handle))
    assert issuer.verify(SecretValue(value)).verdict is Verdict.INVALID


def test_too_many_requests_prove_nothing(service: Documenso, issuer: Issuer) -> None:
    service.limits["v2"] = 0
    _, value = service.team.add("by hand")
    verification = issuer.verify(SecretValue(value))
    assert verification.verdict is Verdict.INDETERMINATE
    assert "too many requests" in verification.reason


def test_the_token_of_an_organisation_whose_owner_is_disabled_is_not_dead(service: Documenso, issuer: Issuer) -> None:
    """It answers 401, too, and works again when the owner does."""
    _, value = service.team.add("by hand")
    service.team.owner_disabled = True
    verification = issuer.verify(SecretValue(value))
    assert verification.verdict is Verdict.INDETERMINATE
    assert "disabled" in verification.reason
    service.team.owner_disabled = False
    assert issuer.verify(SecretValue(value)).verdict is Verdict.VALID


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(answer(401), id="a bare 401"),
        pytest.param(answer(401, {}, public_error("UNAUTHORIZED", "Invalid session or API token.")), id="no token"),
        pytest.param(answer(401, {}, b'{"message": "Unauthorized"}'), id="v1's word for any exception"),
        pytest.param(answer(400, {}, public_error("BAD_REQUEST", "Input validation failed")), id="a bad request"),
        pytest.param(answer(402, {}, b'{"message": "Payment Required"}'), id="402"),
        pytest.param(answer(403, {}, public_error("FORBIDDEN", "Forbidden")), id="403"),
        pytest.param(answer(500, {}, public_error("UNAUTHORIZED", "Invalid token")), id="a 500 in a 401's words"),
        pytest.param(answer(502, {}, b"<html>Invalid token</html>"), id="a gateway's page"),
        pytest.param(answer(302, {"Location": "/signin"}), id="a redirect"),
        pytest.param(answer(200, {}, b"<html>welcome</html>"), id="a page"),
        pytest.param(answer(200, {}, b"{}"), id="an empty success"),
        pytest.param(answer(429, {"Retry-After": "30"}), id="429"),
    ],
)
def test_only_documensos_own_words_prove_life_or_death(behind_proxy: Issuer, proxy: FaultProxy, given) -> None:
    proxy.fail("GET", "/api/v2/envelope", given)
    verification = behind_proxy.verify(SecretValue("api_0123456789abcdef"))
    assert verification.verdict is Verdict.INDETERMINATE
    assert verification.reason


# --- delete ---


def test_an_unknown_id_answers_500_and_the_list_says_that_it_is_gone(service: Documenso, issuer: Issuer) -> None:
    service.team.add("somebody else's")
    assert issuer.revoke(Handle("4711")) is Revocation.ALREADY_GONE
    assert service.team.names() == ["somebody else's"]


def test_a_500_while_the_token_is_still_listed_is_no_deletion(
    service: Documenso, behind_proxy: Issuer, proxy: FaultProxy
) -> None:
    handle, value = service.team.add("by hand")
    proxy.fail("POST", r"apiToken\.delete", answer(500, {}, trpc_error("INTERNAL_SERVER_ERROR")))
    error = refusal_of(lambda: behind_proxy.revoke(Handle(handle)))
    assert isinstance(error, Temporary)
    assert "still lists it" in error.what
    assert service.team.accepts(value)


def test_a_500_is_no_deletion_when_the_list_cannot_be_believed(service: Documenso) -> None:
    handle, value = service.team.add("by hand")
    service.team.users.append(User("bob@acme.example", PASSWORD, {TEAM: "MEMBER"}))
    error = refusal_of(lambda: opened(service.url, access_to(service, email="bob@acme.example")).revoke(Handle(handle)))
    assert type(error) is NeedsOperator
    assert service.team.accepts(value)


def test_a_token_of_another_team_is_not_deleted(service: Documenso, issuer: Issuer) -> None:
    service.team.manager.roles[OTHER_TEAM] = "ADMIN"
    handle, value = service.team.add("theirs", team=OTHER_TEAM)
    assert issuer.revoke(Handle(handle)) is Revocation.ALREADY_GONE
    assert service.team.accepts(value)


@pytest.mark.parametrize("handle", ["", "12 or 1=1", "../1", "-1"])
def test_what_is_no_id_is_never_sent(service: Documenso, issuer: Issuer, handle: str) -> None:
    assert type(refusal_of(lambda: issuer.revoke(Handle(handle)))) is Permanent
    assert service.count(DELETE) == 0


# --- what the traits promise ---


def test_old_and_new_live_side_by_side_and_no_number_of_them_is_too_many(issuer: Issuer) -> None:
    traits = issuer.traits
    assert traits.coexistence is Coexistence.MANY
    assert traits.max_active is None


def test_neither_the_last_use_nor_the_tokens_id_can_be_asked_for(issuer: Issuer) -> None:
    assert not issuer.traits.reports_last_use
    assert not issuer.traits.binds_value_to_handle


def test_an_error_names_the_instance_and_nothing_that_was_sent(service: Documenso, issuer: Issuer) -> None:
    service.limits["trpc"] = 0
    error = refusal_of(lambda: issuer.issue(request(service)))
    assert service.url.removeprefix("http://") in error.what
    assert EMAIL not in str(error)
    assert isinstance(error, Temporary)
    assert error.retry_after == timedelta(minutes=1)
    assert service.count(CREATE) == 1
    assert service.count(VERIFY) == 0
