"""A deploy hook is called once, what it makes is waited for, and its URL stays secret."""

from __future__ import annotations

from typing import Any

import pytest

from providers.stores.vercel.store import VercelStore
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from rotator.domain.model import Version
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from rotator.testing.store_contract import fresh, publish, refusal_of
from tests.fakes.fault_proxy import FaultProxy, answer, answer_after, lose_answer
from tests.fakes.vercel import Vercel
from tests.fakes.vercel_account import Deployment, Project
from tests.integration.vercel.setting import HOOK, AtTheRecord, access_to, opened, place_of

BY_HOOK = place_of(redeploy="hook")


@pytest.fixture
def version(store: VercelStore, outside: AtTheRecord) -> Version:
    return publish(store, BY_HOOK, fresh())


def newest(project: Project) -> Deployment:
    return project.deployments[0]


def test_the_hook_is_called_once_and_its_deployment_waited_for(
    store: VercelStore, service: Vercel, project: Project, version: Version
) -> None:
    for _ in range(3):
        assert type(refusal_of(lambda: store.settle(BY_HOOK, version))) is Temporary
    assert [deployment.meta.get("deployHookId") for deployment in project.deployments] == [HOOK, None]
    service.account.move(project, newest(project), "READY")
    store.settle(BY_HOOK, version)


def test_a_hooks_deployment_that_shows_up_late_is_not_asked_for_twice(
    store: VercelStore, project: Project, version: Version, proxy: FaultProxy
) -> None:
    job = b'{"job": {"id": "1", "state": "PENDING", "createdAt": 1}}'
    proxy.fail("POST", "/v1/integrations/deploy/", answer(201, {}, job), times=None)
    for _ in range(3):
        assert type(refusal_of(lambda: store.settle(BY_HOOK, version))) is Temporary
    assert len(proxy.sent("POST", "/v1/integrations/deploy/")) == 1


def test_a_hook_that_makes_no_deployment_waits_for_a_person_who_may_have_it_called_again(
    store: VercelStore, project: Project, version: Version, access: DictionaryAccess
) -> None:
    project.hooks[HOOK] = None  # its branch deploys to previews
    refusal_of(lambda: store.settle(BY_HOOK, version))
    assert isinstance(access.clock, MovingClock)
    access.clock.move(minutes=11)
    refusal = refusal_of(lambda: store.settle(BY_HOOK, version))
    assert type(refusal) is NeedsOperator
    assert "Does its branch deploy to the place's target" in str(refusal)
    project.hooks[HOOK] = "production"
    assert type(refusal_of(lambda: store.settle(BY_HOOK, version))) is Temporary
    assert newest(project).target == "production"


def test_previews_are_settled_by_the_deployment_that_the_hook_made(
    store: VercelStore, service: Vercel, project: Project
) -> None:
    place = place_of(targets=("preview",), redeploy="hook")
    project.hooks[HOOK] = None
    service.account.deployed(project, None, deployHookId=HOOK)
    version = publish(store, place, fresh())
    service.account.deployed(project, None)  # of another branch
    assert type(refusal_of(lambda: store.settle(place, version))) is Temporary
    assert type(refusal_of(lambda: store.settle(place, version))) is Temporary
    assert len(project.deployments) == 4
    service.account.move(project, newest(project), "ERROR")
    assert type(refusal_of(lambda: store.settle(place, version))) is NeedsOperator
    service.account.deployed(project, None, deployHookId=HOOK)
    store.settle(place, version)


@pytest.mark.parametrize("fault", [lose_answer(), answer_after(502)])
def test_a_call_of_the_hook_whose_answer_was_lost_is_ambiguous_and_found_done(
    store: VercelStore, project: Project, version: Version, proxy: FaultProxy, fault: Any
) -> None:
    proxy.fail("POST", "/v1/integrations/deploy/", fault)
    assert type(refusal_of(lambda: store.settle(BY_HOOK, version))) is Ambiguous
    assert type(refusal_of(lambda: store.settle(BY_HOOK, version))) is Temporary
    assert len(project.deployments) == 2


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answer(429, {}, b'{"error": {"code": "rate_limited"}}'), id="too many calls"),
        pytest.param(answer(404, {}, b'{"error": {"code": "not_found"}}'), id="no such hook, for now"),
        pytest.param(answer(400, {}, b'{"error": {"code": "bad_request"}}'), id="a refusal"),
    ],
)
def test_a_call_of_the_hook_that_was_refused_is_made_again(
    store: VercelStore, project: Project, version: Version, proxy: FaultProxy, fault: Any
) -> None:
    proxy.fail("POST", "/v1/integrations/deploy/", fault)
    assert type(refusal_of(lambda: store.settle(BY_HOOK, version))) is not Ambiguous
    assert len(project.deployments) == 1
    assert type(refusal_of(lambda: store.settle(BY_HOOK, version))) is Temporary
    assert newest(project).meta.get("deployHookId") == HOOK


def test_a_hook_that_was_removed_waits_for_a_person_and_its_url_stays_secret(
    store: VercelStore, project: Project, version: Version
) -> None:
    project.hooks.clear()
    refusal = refusal_of(lambda: store.settle(BY_HOOK, version))
    assert type(refusal) is NeedsOperator
    assert "does not know the connection's deploy hook" in str(refusal)
    assert HOOK not in f"{refusal} {refusal!r} {refusal.__cause__!r}"


def test_a_hook_gets_no_token(store: VercelStore, version: Version, service: Vercel) -> None:
    given: list[str | None] = []
    plain = service.answer
    service.answer = lambda *asked: (  # type: ignore[method-assign]
        given.append(asked[2]) if "/integrations/" in asked[1] else None,
        plain(*asked),
    )[1]
    refusal_of(lambda: store.settle(BY_HOOK, version))
    del service.answer
    assert given == [None]


def test_a_hook_of_another_project_is_refused_before_anything_is_touched(
    proxy: FaultProxy, service: Vercel, outside: AtTheRecord
) -> None:
    other = service.account.add_project("other")
    refusal = refusal_of(lambda: opened(proxy.url, access_to(proxy.url, other)).preflight(BY_HOOK))
    assert type(refusal) is Permanent
    assert "another project" in str(refusal)


@pytest.mark.parametrize(
    "address",
    [
        "https://api.vercel.com/v1/integrations/deploy/prj_secret-path",
        "https://hooks.example.com/secret-path",
        "hDvx5RADfe",
        "http://[",
    ],
)
def test_what_is_no_hooks_url_is_refused_and_not_shown(
    proxy: FaultProxy, access: DictionaryAccess, outside: AtTheRecord, address: str
) -> None:
    wrong = DictionaryAccess({"token": access.credential("token").reveal(), "hook": address})
    refusal = refusal_of(lambda: opened(proxy.url, wrong).preflight(BY_HOOK))
    assert type(refusal) is NeedsOperator
    assert "secret-path" not in str(refusal)
    assert "hDvx5RADfe" not in str(refusal)


def test_a_hook_of_another_host_is_not_called(
    proxy: FaultProxy, access: DictionaryAccess, project: Project, version: Version
) -> None:
    elsewhere = f"https://hooks.example.com/v1/integrations/deploy/{project.id}/{HOOK}"
    wrong = DictionaryAccess({"token": access.credential("token").reveal(), "hook": elsewhere})
    refusal = refusal_of(lambda: opened(proxy.url, wrong).settle(BY_HOOK, version))
    assert type(refusal) is Permanent
    assert "another host" in str(refusal)
    assert HOOK not in str(refusal)
