"""What is peculiar to the secrets of an application: a directory that lags, and sign-ins that fail otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.domain.contracts import Issuer, Revocation, Verdict
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.fakes.entra import TENANT
from tests.fakes.fault_proxy import FaultProxy, answer
from tests.fakes.graph import Graph
from tests.integration.azure_app.setting import Directory, request


def test_without_a_lifetime_a_secret_lives_two_years_and_that_is_recorded(directory: Directory, issuer: Issuer) -> None:
    issued = issuer.issue(request(directory))
    assert issued.expires_at is not None
    assert timedelta(days=729) < issued.expires_at - directory.clock.now() < timedelta(days=731)


def test_secrets_of_the_portal_are_listed_and_left_alone(
    directory: Directory, graph: Graph, application: str, issuer: Issuer
) -> None:
    theirs = graph.secret_by_hand(application, None)
    ours = issuer.issue(request(directory, "ours"))
    assert {(info.handle, info.name) for info in issuer.tokens()} == {(theirs.key_id, None), (ours.handle, "ours")}
    issuer.revoke(ours.handle)
    assert graph.alive(application) == [theirs]


def test_one_sign_in_serves_all_calls_and_is_renewed_before_it_ends(directory: Directory, application: str) -> None:
    issuer = directory.issuer(application, access=directory.access())
    list(issuer.tokens())
    list(issuer.tokens())
    assert directory.entra.signed_in == ["client_secret"]
    directory.clock.move(minutes=56)
    list(issuer.tokens())
    assert directory.entra.signed_in == ["client_secret"] * 2


def test_a_token_of_ours_that_ends_early_is_got_anew_and_nothing_was_made(
    directory: Directory, graph: Graph, application: str
) -> None:
    issuer = directory.issuer(application, access=directory.access())
    list(issuer.tokens())
    kept = dict(directory.entra.tokens)
    directory.entra.tokens.clear()
    with pytest.raises(Temporary, match="had ended") as refused:
        issuer.issue(request(directory))
    assert not isinstance(refused.value, Ambiguous)
    assert graph.alive(application) == []
    assert issuer.issue(request(directory)).handle
    directory.entra.tokens.update(kept)


# --- a directory that lags ---


def test_consumers_do_not_get_a_secret_that_only_one_server_may_know(directory: Directory, application: str) -> None:
    issuer = directory.issuer(application, propagation="30s")
    value = issuer.issue(request(directory)).value
    young = issuer.verify(value)
    assert young.verdict is Verdict.INDETERMINATE
    assert "made just now" in young.reason
    directory.clock.move(seconds=30)
    assert issuer.verify(value).verdict is Verdict.VALID


def test_a_removal_that_comes_before_the_secret_is_known_there_is_not_taken_for_its_death(
    directory: Directory, graph: Graph, application: str, issuer: Issuer, proxy: FaultProxy
) -> None:
    issued = issuer.issue(request(directory))
    body = b'{"error": {"code": "Request_BadRequest", "message": "No password credential found with keyId \'x\'."}}'
    proxy.fail("POST", "/removePassword$", answer(400, {"Content-Type": "application/json"}, body))
    with pytest.raises(Temporary, match="still lists it"):
        issuer.revoke(issued.handle)
    assert issuer.revoke(issued.handle) is Revocation.DONE
    assert issuer.revoke(issued.handle) is Revocation.ALREADY_GONE
    assert graph.alive(application) == []


def test_a_removed_secret_is_accepted_until_all_of_entra_knows(
    directory: Directory, graph: Graph, issuer: Issuer
) -> None:
    issued = issuer.issue(request(directory))
    graph.lag = timedelta(minutes=1)
    issuer.revoke(issued.handle)
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    directory.clock.move(minutes=1)
    assert issuer.verify(issued.value).verdict is Verdict.INVALID


# --- what proves nothing, and what is said of it ---


def test_an_expired_secret_is_dead(directory: Directory, issuer: Issuer) -> None:
    issued = issuer.issue(request(directory, lifetime="1 day"))
    directory.clock.move(days=1, seconds=1)
    verification = issuer.verify(issued.value)
    assert verification.verdict is Verdict.INVALID
    assert "expired" in verification.reason


@pytest.mark.parametrize(("tenant", "says"), [("another.example.com", "`tenant_id`"), (TENANT, "`application`")])
def test_a_wrong_tenant_or_application_kills_no_secret(directory: Directory, tenant: str, says: str) -> None:
    stray = directory.issuer("99999999-aaaa-bbbb-cccc-000000000009", access=directory.access(), tenant_id=tenant)
    verification = stray.verify(SecretValue("of-somebody-elses-application"))
    assert verification.verdict is Verdict.INDETERMINATE
    assert says in verification.reason


@pytest.mark.parametrize("code", [53003, 7000112, 7000229, 50034, 700027])
def test_a_sign_in_that_is_blocked_kills_no_secret(
    directory: Directory, issuer: Issuer, proxy: FaultProxy, code: int
) -> None:
    issued = issuer.issue(request(directory))
    body = f'{{"error": "invalid_client", "error_description": "AADSTS{code}: It is blocked. Not AADSTS7000215."}}'
    proxy.fail("POST", "/token$", answer(401, {"Content-Type": "application/json"}, body.encode()))
    verification = issuer.verify(issued.value)
    assert verification.verdict is Verdict.INDETERMINATE
    assert f"AADSTS{code}" in verification.reason


def test_an_application_that_is_not_ours_to_change_is_said_before_and_after(directory: Directory, graph: Graph) -> None:
    issuer = directory.issuer(graph.new_application(owned=False))
    with pytest.raises(Permanent, match="Authorization_RequestDenied") as refused:
        issuer.issue(request(directory))
    assert "owner of the app registration" in refused.value.remedy
    with pytest.raises(NeedsOperator, match="Authorization_RequestDenied"):
        issuer.revoke(Handle("11111111-2222-3333-4444-555555555555"))


def test_an_application_that_is_not_there_is_not_an_empty_list(directory: Directory) -> None:
    issuer = directory.issuer("99999999-aaaa-bbbb-cccc-000000000009")
    with pytest.raises(NeedsOperator, match="Request_ResourceNotFound") as refused:
        list(issuer.tokens())
    assert "not the object id" in refused.value.remedy


def test_a_policy_of_the_tenant_about_lifetimes_is_named(directory: Directory, graph: Graph, issuer: Issuer) -> None:
    graph.longest_life = timedelta(days=90)
    with pytest.raises(Permanent, match="CredentialInvalidLifetimeAsPerAppPolicy") as refused:
        issuer.issue(request(directory, lifetime="1 year"))
    assert "`expires_in`" in refused.value.remedy


def test_a_handle_that_is_no_key_id_is_never_sent(graph: Graph, issuer: Issuer) -> None:
    with pytest.raises(Permanent):
        issuer.revoke(Handle("*"))
    assert graph.asked == []
