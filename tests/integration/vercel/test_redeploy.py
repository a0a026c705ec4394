"""A value is settled once production was deployed after it was written, whoever deployed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from providers.stores.vercel.store import VercelStore
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from rotator.domain.model import Version
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from rotator.testing.store_contract import fresh, publish, refusal_of
from tests.fakes.fault_proxy import FaultProxy, answer, answer_after, first, lose_answer, refuse
from tests.fakes.vercel import Vercel
from tests.fakes.vercel_account import Deployment, Project
from tests.integration.vercel.setting import VAR, AtTheRecord, opened, place_of

PLACE = place_of(redeploy=True)


@pytest.fixture
def version(store: VercelStore, outside: AtTheRecord) -> Version:
    return publish(store, PLACE, fresh())


def newest(project: Project) -> Deployment:
    return project.deployments[0]


def test_what_is_in_production_is_deployed_once_more_and_waited_for(
    store: VercelStore, service: Vercel, project: Project, outside: AtTheRecord, version: Version
) -> None:
    for state in ("QUEUED", "BUILDING"):
        assert type(refusal_of(lambda: store.settle(PLACE, version))) is Temporary
        assert newest(project).state == state
        service.account.move(project, newest(project), "BUILDING")
    service.account.move(project, newest(project), "READY")
    store.settle(PLACE, version)
    store.settle(PLACE, version)
    assert len(project.deployments) == 2
    assert (newest(project).target, newest(project).meta) == (
        "production",
        {"action": "redeploy", "rotatorKey": version},
    )
    assert project.production is newest(project)
    assert newest(project).values[VAR] == outside.field()


def test_a_deployment_that_is_not_seen_to_is_not_asked_for(
    store: VercelStore, project: Project, version: Version
) -> None:
    assert not store.traits(place_of()).settles
    assert store.traits(PLACE).settles
    store.settle(place_of(), version)
    assert len(project.deployments) == 1


@pytest.mark.parametrize("fault", [lose_answer(), answer_after(502), answer_after(500, {}, b"{}")])
def test_a_redeploy_whose_answer_was_lost_is_found_and_not_asked_for_again(
    store: VercelStore, service: Vercel, project: Project, version: Version, proxy: FaultProxy, fault: Any
) -> None:
    proxy.fail("POST", "/v13/deployments", fault)
    assert type(refusal_of(lambda: store.settle(PLACE, version))) is Ambiguous
    assert type(refusal_of(lambda: store.settle(PLACE, version))) is Temporary
    service.account.move(project, newest(project), "READY")
    store.settle(PLACE, version)
    assert len(project.deployments) == 2


def test_a_redeploy_that_never_arrived_is_asked_for_again(
    store: VercelStore, project: Project, version: Version, proxy: FaultProxy
) -> None:
    proxy.fail("POST", "/v13/deployments", refuse())
    assert type(refusal_of(lambda: store.settle(PLACE, version))) is Ambiguous
    assert len(project.deployments) == 1
    assert type(refusal_of(lambda: store.settle(PLACE, version))) is Temporary
    assert len(project.deployments) == 2


def test_another_process_goes_on_with_the_deployment_of_the_one_that_died(
    store: VercelStore, proxy: FaultProxy, access: DictionaryAccess, project: Project, version: Version
) -> None:
    refusal_of(lambda: store.settle(PLACE, version))
    assert type(refusal_of(lambda: opened(proxy.url, access).settle(PLACE, version))) is Temporary
    assert len(project.deployments) == 2


@pytest.mark.parametrize("state", ["ERROR", "CANCELED", "BLOCKED"])
def test_a_deployment_that_failed_waits_for_a_person_and_is_mended_by_a_later_one(
    store: VercelStore, service: Vercel, project: Project, version: Version, state: str
) -> None:
    refusal_of(lambda: store.settle(PLACE, version))
    failed = newest(project)
    service.account.move(project, failed, state)
    for _ in range(2):
        refusal = refusal_of(lambda: store.settle(PLACE, version))
        assert type(refusal) is NeedsOperator
        assert failed.id in str(refusal)
        assert state in str(refusal)
    assert len(project.deployments) == 2
    service.account.deployed(project)
    store.settle(PLACE, version)


def test_somebody_elses_later_deployment_serves_as_well(
    store: VercelStore, service: Vercel, project: Project, version: Version
) -> None:
    service.account.deployed(project, githubCommitSha="abc")
    store.settle(PLACE, version)
    assert len(project.deployments) == 2


def test_somebody_elses_deployment_to_previews_does_not(
    store: VercelStore, service: Vercel, project: Project, version: Version
) -> None:
    service.account.deployed(project, None)
    assert type(refusal_of(lambda: store.settle(PLACE, version))) is Temporary
    assert (newest(project).target, newest(project).meta["action"]) == ("production", "redeploy")


@pytest.mark.parametrize("began", ["before", "after"])
def test_a_deployment_under_way_is_not_overtaken_by_the_build_before_it(
    store: VercelStore, service: Vercel, project: Project, outside: AtTheRecord, began: str
) -> None:
    if began == "before":
        theirs = service.account.deploy(project, "production", {"githubCommitSha": "new"})
    version = publish(store, PLACE, fresh())
    if began == "after":
        theirs = service.account.deploy(project, "production", {"githubCommitSha": "new"})
    refusal = refusal_of(lambda: store.settle(PLACE, version))
    assert type(refusal) is Temporary
    assert theirs.id in str(refusal)
    assert len(project.deployments) == 2
    service.account.move(project, theirs, "READY")
    if began == "after":
        store.settle(PLACE, version)
    else:  # it was made with the old value
        assert type(refusal_of(lambda: store.settle(PLACE, version))) is Temporary
        assert len(project.deployments) == 3


def test_a_failed_deployment_of_somebody_else_does_not_stop_ours(
    store: VercelStore, service: Vercel, project: Project, version: Version
) -> None:
    service.account.move(project, service.account.deploy(project, "production", {}), "ERROR")
    assert type(refusal_of(lambda: store.settle(PLACE, version))) is Temporary
    service.account.move(project, newest(project), "READY")
    store.settle(PLACE, version)


def test_two_variables_of_a_project_share_one_deployment(
    store: VercelStore, service: Vercel, project: Project, outside: AtTheRecord, proxy: FaultProxy
) -> None:
    """While the one asks for it, the other one does not look: it would not see it yet."""
    places = [PLACE, place_of(var="OTHER", redeploy=True)]
    versions = [publish(store, place, fresh()) for place in places]
    both_looked = threading.Event()
    proxy.fail("GET", "/v6/deployments", first(lambda: None))
    proxy.fail("GET", "/v6/deployments", first(both_looked.set))
    proxy.fail("POST", "/v13/deployments", first(lambda: both_looked.wait(0.3)))
    with ThreadPoolExecutor() as pool:
        settling = [
            pool.submit(refusal_of, partial(store.settle, *each)) for each in zip(places, versions, strict=True)
        ]
    assert [type(each.result()) for each in settling] == [Temporary, Temporary]
    assert len(project.deployments) == 2
    service.account.move(project, newest(project), "READY")
    for place, version in zip(places, versions, strict=True):
        store.settle(place, version)


def test_a_project_that_was_renamed_is_deployed_and_no_other_is_made(
    store: VercelStore, service: Vercel, project: Project, version: Version
) -> None:
    project.name = "new-site"
    place = place_of(project="new-site", redeploy=True)
    assert type(refusal_of(lambda: store.settle(place, version))) is Temporary
    assert len(project.deployments) == 2
    assert len(service.account.projects) == 1


def test_a_rollback_to_an_earlier_deployment_is_not_taken_for_the_new_value(
    store: VercelStore, service: Vercel, project: Project, version: Version, access: DictionaryAccess
) -> None:
    """The rolled-back production runs with the old value, although a later deployment is ready."""
    before = project.production
    refusal_of(lambda: store.settle(PLACE, version))
    service.account.move(project, newest(project), "READY")
    project.production = before
    assert type(refusal_of(lambda: store.settle(PLACE, version))) is Temporary
    assert isinstance(access.clock, MovingClock)
    access.clock.move(minutes=11)
    refusal = refusal_of(lambda: store.settle(PLACE, version))
    assert type(refusal) is NeedsOperator
    assert f"vercel promote {newest(project).id}" in str(refusal)
    project.production = newest(project)
    store.settle(PLACE, version)


def test_a_rolling_release_is_waited_for(
    store: VercelStore, service: Vercel, project: Project, version: Version
) -> None:
    service.account.deployed(project)
    newest(project).substate = "ROLLING"
    assert "step by step" in str(refusal_of(lambda: store.settle(PLACE, version)))
    newest(project).substate = "PROMOTED"
    store.settle(PLACE, version)


def test_a_project_that_was_never_deployed_has_nobody_who_reads(
    store: VercelStore, project: Project, outside: AtTheRecord
) -> None:
    project.production = None
    project.deployments.clear()
    store.settle(PLACE, publish(store, PLACE, fresh()))
    assert project.deployments == []


def test_a_deployment_that_may_not_be_asked_for_is_explained(
    store: VercelStore, version: Version, proxy: FaultProxy
) -> None:
    proxy.fail("POST", "/v13/deployments", answer(403, {}, b'{"error": {"code": "forbidden"}}'))
    refusal = refusal_of(lambda: store.settle(PLACE, version))
    assert type(refusal) is Permanent
    assert "`deployment: create`" in str(refusal)
