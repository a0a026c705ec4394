"""The profile ``openbao-token`` keeps an issuer's promises on a real OpenBao."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from rotator.domain.clock import SystemClock
from rotator.domain.contracts import Issuer, IssueRequest, Revocation, Verdict
from rotator.domain.durations import Duration
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from rotator.domain.model import Handle, TokenName
from rotator.domain.secret_value import SecretValue
from rotator.testing.access import DictionaryAccess
from rotator.testing.issuer_contract import IssuerContract, find
from tests.contract.http_profiles import built_in, open_issuer
from tests.fakes.fault_proxy import answer, answer_after, fault_proxy
from tests.servers.openbao import OpenBao

MANAGER = """
path "auth/token/create" { capabilities = ["update", "sudo"] }
path "auth/token/accessors" { capabilities = ["list", "sudo"] }
path "auth/token/accessors/" { capabilities = ["list", "sudo"] }
path "auth/token/lookup-accessor" { capabilities = ["update"] }
path "auth/token/revoke-accessor" { capabilities = ["update"] }
"""


def opened(server: OpenBao, token: str, url: str = "", **options) -> Issuer:
    access = DictionaryAccess({"token": token})
    access.clock = SystemClock()
    options = {"policies": ["default"], **options}
    return open_issuer(built_in("openbao-token"), access, config={"url": url or server.url}, options=options)


@pytest.fixture
def manager(openbao: OpenBao) -> str:
    """A token that may do what the profile says that it needs, and no more."""
    return openbao.token(openbao.policy(MANAGER), "default")["client_token"]


@pytest.fixture
def issuer(openbao: OpenBao, manager: str) -> Issuer:
    return opened(openbao, manager)


class TestOpenBao(IssuerContract):
    @pytest.fixture
    def stranger(self, openbao: OpenBao) -> Issuer:
        return opened(openbao, "s.000000000000000000000000")


def request(name: str = "app", lifetime: str | None = None) -> IssueRequest:
    return IssueRequest(TokenName(name), Duration.parse(lifetime) if lifetime else None, SystemClock().now())


def test_a_token_outlives_the_one_that_made_it(openbao, manager, issuer):
    issued = issuer.issue(request())
    openbao.request("POST", "auth/token/revoke", {"token": manager})
    assert issuer.verify(issued.value).verdict is Verdict.VALID


def test_a_token_gets_the_policies_of_the_option_and_not_its_makers(openbao, issuer):
    issued = issuer.issue(request())
    found = openbao.request("POST", "auth/token/lookup-accessor", {"accessor": issued.handle})["data"]
    assert found["policies"] == ["default"]
    assert found["orphan"]


def test_a_lifetime_that_the_server_cuts_short_is_recorded_as_it_is(issuer):
    asked = request(lifetime="10 years")
    issued = issuer.issue(asked)
    assert issued.expires_at - asked.now == timedelta(days=32)


def test_a_periodic_token_lives_on_while_it_is_renewed(openbao, manager):
    issuer = opened(openbao, manager, period="24h")
    issued = issuer.issue(request())
    listed = find(issuer, issued)
    assert (issued.expires_at, listed.name, listed.expires_at) == (None, "app", None), "it would be due within the day"
    renewed = openbao.request("POST", "auth/token/renew-self", token=issued.value.reveal())
    assert renewed["auth"]["lease_duration"] == 86400


def test_a_live_token_that_may_not_ask_about_itself_is_not_taken_for_dead(openbao, issuer):
    silent = openbao.token("nothing", no_default_policy=True)["client_token"]
    assert issuer.verify(SecretValue(silent)).verdict is Verdict.INDETERMINATE


def test_a_token_that_vanishes_while_the_list_is_read_is_left_out(openbao, issuer):
    """The list's accessors are looked up one by one; a dead one answers "invalid accessor"."""
    issued = issuer.issue(request())
    openbao.request("POST", "auth/token/revoke-accessor", {"accessor": issued.handle})
    said = openbao.answer("POST", "auth/token/lookup-accessor", {"accessor": issued.handle})
    assert "invalid accessor" in said.json()["errors"][0]
    assert said.status_code in (400, 403, 404)
    assert find(issuer, issued) is None


def test_a_list_that_is_denied_a_look_at_a_token_being_revoked_looks_once_more(openbao, manager):
    """OpenBao denies it for an instant, and says "invalid accessor" then: measured with many revoked at a time."""
    denied = answer(403, body=json.dumps({"errors": ["1 error occurred:\n\t* permission denied\n\n"]}).encode())
    with fault_proxy(openbao.url) as proxy:
        issuer = opened(openbao, manager, url=proxy.url)
        issued = issuer.issue(request())
        proxy.fail("POST", "lookup-accessor", denied)
        assert find(issuer, issued) is not None
        proxy.fail("POST", "lookup-accessor", denied, times=2)
        with pytest.raises(NeedsOperator, match="denied"):
            list(issuer.tokens())


FAILOVER = {"Location": "http://127.0.0.1:1/v1/auth/token/create"}


def test_what_a_standby_that_lost_the_active_node_answers_may_hide_a_token_and_passes(openbao, manager):
    """It hands a request over and, whatever becomes of that, answers 307 without a body (OpenBao 2.7.2, a pair of nodes
    whose connection was cut after the hand-over: the token was made)."""
    with fault_proxy(openbao.url) as proxy:
        issuer = opened(openbao, manager, url=proxy.url)
        proxy.fail("POST", "auth/token/create", answer_after(307, FAILOVER))
        with pytest.raises(Ambiguous):
            issuer.issue(request("lost-in-failover"))
        proxy.fail("GET", "auth/token/accessors", answer(307, FAILOVER))
        proxy.fail("POST", "lookup-accessor", answer(307, FAILOVER))
        for _ in range(2):
            with pytest.raises(Temporary):
                issuer.tokens()
        [lost] = [info for info in issuer.tokens() if info.name == "lost-in-failover"]
        proxy.fail("POST", "revoke-accessor", answer(307, FAILOVER))
        with pytest.raises(Temporary):
            issuer.revoke(lost.handle)
        assert issuer.revoke(lost.handle) is Revocation.DONE


def test_a_redirect_of_somebody_else_is_not_waited_out(openbao, manager):
    page = answer(307, {"Location": "https://bao.example/"}, b"<html>Temporary Redirect</html>")
    with fault_proxy(openbao.url) as proxy:
        proxy.fail("GET", "auth/token/accessors", page)
        with pytest.raises(Permanent, match="Correct the connection's `url`"):
            opened(openbao, manager, url=proxy.url).tokens()


def test_an_accessor_that_never_was_is_gone_already(issuer):
    assert issuer.revoke(Handle("nobodysaccessor000000000")) is Revocation.ALREADY_GONE


def test_a_credential_that_may_not_list_is_told_what_it_lacks(openbao):
    weak = openbao.token("default")["client_token"]
    with pytest.raises(NeedsOperator, match="lookup-accessor"):
        list(opened(openbao, weak).tokens())
