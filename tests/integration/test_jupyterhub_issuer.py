"""The profile ``jupyterhub`` keeps an issuer's promises on a real JupyterHub."""

from __future__ import annotations

import pytest

from rotator.domain.clock import SystemClock
from rotator.domain.contracts import Issuer, IssueRequest, Verdict
from rotator.domain.durations import Duration
from rotator.domain.errors import Permanent
from rotator.domain.model import TokenName
from rotator.domain.secret_value import SecretValue
from rotator.testing.access import DictionaryAccess
from rotator.testing.issuer_contract import IssuerContract, find, settled
from tests.contract.http_profiles import built_in, open_issuer
from tests.servers.jupyterhub import JupyterHub


def opened(hub: JupyterHub, user: str, *, token: str | None = None, **options) -> Issuer:
    access = DictionaryAccess({"token": token or hub.admin_token})
    access.clock = SystemClock()
    return open_issuer(built_in("jupyterhub"), access, config={"url": hub.url}, options={"user": user, **options})


@pytest.fixture
def user(jupyterhub: JupyterHub) -> str:
    return jupyterhub.new_user()


@pytest.fixture
def issuer(jupyterhub: JupyterHub, user: str) -> Issuer:
    return opened(jupyterhub, user)


class TestJupyterHub(IssuerContract):
    @pytest.fixture
    def stranger(self, jupyterhub: JupyterHub, user: str) -> Issuer:
        return opened(jupyterhub, user, token="0123456789abcdef0123456789abcdef")


def request(name: str = "app", lifetime: str | None = None) -> IssueRequest:
    return IssueRequest(TokenName(name), Duration.parse(lifetime) if lifetime else None, SystemClock().now())


def test_a_token_is_listed_by_the_hub_itself_under_our_name(jupyterhub, user, issuer):
    issued = issuer.issue(request("app-7f3a"))
    assert [(token["id"], token["note"]) for token in jupyterhub.tokens(user)] == [(issued.handle, "app-7f3a")]


def test_a_token_has_the_scopes_that_the_policy_names(jupyterhub, user):
    issued = opened(jupyterhub, user, scopes=["read:users:name!user"]).issue(request())
    assert jupyterhub.accepts(issued.value.reveal())
    assert jupyterhub.request("GET", f"/users/{user}/tokens", token=issued.value.reveal()).status_code == 403


def test_scopes_that_the_user_does_not_have_are_refused_for_good(jupyterhub, user):
    with pytest.raises(Permanent, match=r"answered 400 .* to POST /users/\{options.user\}/tokens"):
        opened(jupyterhub, user, scopes=["admin:servers"]).issue(request())
    assert jupyterhub.tokens(user) == []


def test_an_expired_token_is_refused(jupyterhub, user, issuer):
    issued = issuer.issue(request(lifetime="1s"))
    clock = SystemClock()
    within = Duration.parse("10s").exact
    assert settled(clock, within, lambda: issuer.verify(issued.value).verdict is Verdict.INVALID)
    assert find(issuer, issued) is None


def test_the_id_of_a_dead_token_may_belong_to_another_and_the_traits_say_so(jupyterhub, user, issuer):
    old = issuer.issue(request("old"))
    issuer.revoke(old.handle)
    new = issuer.issue(request("new"))
    assert issuer.traits.reuses_handles
    if new.handle == old.handle:
        assert find(issuer, new).name == "new"


def test_somebody_elses_token_is_not_ours(jupyterhub, issuer):
    value = SecretValue(jupyterhub.issue("theirs", user=jupyterhub.new_user())["token"])
    verification = issuer.verify(value)
    assert verification.verdict is Verdict.INDETERMINATE
    assert "`name`" in verification.reason


def test_a_user_may_rotate_by_its_own_token(jupyterhub, user):
    own = jupyterhub.issue("manager", user=user, scopes=["tokens!user", "read:users:name!user"])["token"]
    issued = opened(jupyterhub, user, token=own, scopes=["read:users:name!user"]).issue(request())
    assert jupyterhub.accepts(issued.value.reveal())
