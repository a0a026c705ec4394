"""A whole rotation into a cluster: the old token lives until the last pod that may use it is new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from providers.stores.kubernetes.plugin import KubernetesPlace
from providers.stores.kubernetes.store import KubernetesStore
from rotator.domain.model import ConnectionName, Phase, Target
from rotator.flow import adoption
from rotator.flow.report import Outcome
from rotator.flow.work import OpenDestination
from tests.fakes.fault_proxy import FaultProxy, first, lose_answer
from tests.fakes.kubernetes.cluster import Cluster
from tests.fakes.kubernetes.cluster import Target as Object
from tests.fakes.kubernetes.workloads import workload
from tests.fakes.world import World
from tests.integration.kubernetes.setting import KEY, NAMESPACE, SECRET, SomebodyElse, encoded, secret, token_in


class WorldWithACluster(World):
    """An issuer in memory and a real ledger; the one destination is a Secret, and a Deployment that reads it."""

    def __init__(self, folder: Path, store: KubernetesStore, cluster: Cluster, proxy: FaultProxy) -> None:
        super().__init__(folder, stores={})
        self.store, self.cluster, self.proxy = store, cluster, proxy
        place = {"namespace": NAMESPACE, "secret": SECRET, "key": KEY, "rollout": ["deployment/web"]}
        self.policies["app"] = replace(self.policies["app"], targets=(Target(ConnectionName("cluster"), place),))
        cluster.put("deployments", workload("Deployment", NAMESPACE, "web"))
        token = self.issuer_fake.make_by_hand("app-by-hand", foreign=False)
        self.old = token.value
        cluster.put("secrets", secret(data={"url": encoded("https://a.example"), KEY: encoded(token.value)}))
        adoption.adopt(self.worker().runner.tools, self.policies["app"], token.handle)

    def destination(self, target: Target) -> OpenDestination:
        return OpenDestination(self.store, KubernetesPlace(**target.place))

    @property
    def restarts(self) -> int:
        return int(self.cluster.objects[Object(NAMESPACE, "deployments", "web")]["metadata"]["generation"]) - 1


@pytest.fixture
def world(
    tmp_path: Path, through_proxy: KubernetesStore, cluster: Cluster, proxy: FaultProxy
) -> Iterator[WorldWithACluster]:
    made = WorldWithACluster(tmp_path, through_proxy, cluster, proxy)
    yield made
    made.ledger.close()


def test_the_old_token_lives_until_the_last_pod_is_new(world: WorldWithACluster) -> None:
    lived: list[bool] = []

    def controller() -> None:
        """Go on by one pod each time somebody looks."""
        lived.append(world.old in world.alive())
        world.cluster.step()

    world.proxy.fail("GET", "/deployments/web", first(controller), times=None)
    report = world.worker().rotate()
    assert report.outcome is Outcome.ROTATED
    assert world.alive() == {token_in(world.cluster)} != {world.old}
    assert len(lived) > 4
    assert all(lived)
    assert world.restarts == 1


def test_a_rollout_that_takes_long_is_gone_on_with_by_a_later_run(world: WorldWithACluster) -> None:
    first_run = world.worker().rotate()
    assert first_run.outcome is Outcome.UNFINISHED
    assert first_run.rotation is not None
    assert first_run.rotation.phase is Phase.PUBLISHED
    assert "A rollout is under way" in first_run.rotation.trouble.what
    assert world.alive() == {world.old, token_in(world.cluster)}
    world.cluster.step(10)
    world.worker().resume()
    assert world.alive() == {token_in(world.cluster)}
    assert world.restarts == 1


def test_a_rollout_that_is_stuck_keeps_both_tokens_alive_and_waits_for_a_person(world: WorldWithACluster) -> None:
    world.worker().rotate()
    world.cluster.stall("web")
    rotation = world.worker().resume()
    assert rotation.trouble is not None
    assert rotation.trouble.needs_operator
    assert world.alive() == {world.old, token_in(world.cluster)}
    world.cluster.step(10)
    world.worker().resume()
    assert world.alive() == {token_in(world.cluster)}
    assert world.restarts == 1


def test_lost_answers_on_the_way_lose_no_token_and_restart_nothing_twice(world: WorldWithACluster) -> None:
    world.proxy.fail("PATCH", "/secrets/", lose_answer())
    world.proxy.fail("PATCH", "/deployments/", lose_answer())
    world.proxy.fail("GET", "/deployments/web", first(world.cluster.step), times=9)
    report = world.worker().rotate()
    assert report.outcome is Outcome.ROTATED
    assert world.alive() == {token_in(world.cluster)}
    assert world.restarts == 1
    assert len(world.proxy.sent("PATCH", "/secrets/")) == 1


def test_a_change_to_another_key_at_the_worst_moment_is_taken_up(
    world: WorldWithACluster, somebody_else: SomebodyElse
) -> None:
    change = {"stringData": {"url": "https://b.example"}}
    world.proxy.fail(
        "PATCH", "/secrets/", first(lambda: somebody_else.core.patch_namespaced_secret(SECRET, NAMESPACE, change))
    )
    world.proxy.fail("GET", "/deployments/web", first(world.cluster.step), times=9)
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.alive() == {token_in(world.cluster)}
    assert somebody_else.read().data["url"] == encoded("https://b.example")
