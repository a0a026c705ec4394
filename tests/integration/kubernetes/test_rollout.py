"""Restarting what reads the Secret: once for each version, watched to its end, and refused where it cannot end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.stores.kubernetes.plugin import KubernetesPlace
from providers.stores.kubernetes.store import KubernetesStore
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from rotator.domain.model import Version
from rotator.testing.store_contract import fresh, publish, refusal_of
from tests.fakes.fault_proxy import FaultProxy, answer, lose_answer
from tests.fakes.kubernetes.cluster import Cluster, Target
from tests.fakes.kubernetes.workloads import workload
from tests.integration.kubernetes.setting import NAMESPACE, SECRET, WEB, SomebodyElse, at, held_in

ALL = at(rollout=("deployment/web", "statefulset/queue", "daemonset/agent"))
OTHER_KEY = KubernetesPlace(namespace=NAMESPACE, secret=SECRET, key="other", rollout=("deployment/web",))


@pytest.fixture(autouse=True)
def workloads(cluster: Cluster) -> None:
    for kind, name in (("Deployment", "web"), ("StatefulSet", "queue"), ("DaemonSet", "agent")):
        cluster.put(f"{kind.lower()}s", workload(kind, NAMESPACE, name))


def deployment(cluster: Cluster, name: str = "web") -> dict[str, Any]:
    return cluster.objects[Target(NAMESPACE, "deployments", name)]


def restarts(cluster: Cluster) -> dict[str, int]:
    """Count how often each workload's pod template was changed."""
    return {
        target.name: found["metadata"]["generation"] - 1
        for target, found in cluster.objects.items()
        if target.plural != "secrets"
    }


def settled_after(store: KubernetesStore, place: KubernetesPlace, version: Version, step: Callable[[], None]) -> int:
    """Settle again and again, letting the cluster go on in between; give how often it was under way."""
    for tries in range(20):
        try:
            store.settle(place, version)
        except Temporary:
            step()
        else:
            return tries
    raise AssertionError("it never settled")


def test_every_kind_is_restarted_once_and_seen_to_its_end(store: KubernetesStore, cluster: Cluster) -> None:
    version = publish(store, ALL, fresh())
    assert restarts(cluster) == {"web": 0, "queue": 0, "agent": 0}
    assert settled_after(store, ALL, version, cluster.step) > 3
    assert restarts(cluster) == {"web": 1, "queue": 1, "agent": 1}
    store.settle(ALL, version)
    assert restarts(cluster) == {"web": 1, "queue": 1, "agent": 1}


def test_it_is_not_settled_before_the_last_old_pod_is_gone(store: KubernetesStore, cluster: Cluster) -> None:
    version = publish(store, WEB, fresh())
    said = []
    for _ in range(4):
        said.append(str(refusal_of(lambda: store.settle(WEB, version))))
        cluster.step()
    store.settle(WEB, version)
    assert [words.partition(": ")[2] for words in said] == [
        "not yet taken up.",
        "0 of 2 pods are new, 2 old left, 2 ready.",
        "1 of 2 pods are new, 2 old left, 2 ready.",
        "2 of 2 pods are new, 1 old left, 2 ready.",
    ]


@pytest.mark.parametrize("entry", ["statefulset/queue", "daemonset/agent"])
def test_it_is_not_settled_before_the_last_new_pod_is_ready(
    store: KubernetesStore, cluster: Cluster, entry: str
) -> None:
    place = at(rollout=(entry,))
    version = publish(store, place, fresh())
    said = ""
    for _ in range(4):
        said = str(refusal_of(lambda: store.settle(place, version)))
        cluster.step()
    assert said.endswith("2 of 2 pods are new, 1 ready.")
    store.settle(place, version)


def test_what_is_under_way_says_when_to_look_again(store: KubernetesStore) -> None:
    version = publish(store, WEB, fresh())
    under_way = refusal_of(lambda: store.settle(WEB, version))
    assert type(under_way) is Temporary
    assert under_way.retry_after


def test_a_deadline_that_passed_waits_for_a_person_and_restarts_nothing_more(
    store: KubernetesStore, cluster: Cluster
) -> None:
    version = publish(store, WEB, fresh())
    refusal_of(lambda: store.settle(WEB, version))
    cluster.stall("web")
    for _ in range(2):
        refusal = refusal_of(lambda: store.settle(WEB, version))
        assert type(refusal) is NeedsOperator
        assert "deployment `shop/web`: its progress deadline is exceeded" in str(refusal)
    assert restarts(cluster)["web"] == 1


def test_a_deployment_that_was_stuck_before_is_restarted_it_may_be_waiting_for_this_token(
    store: KubernetesStore, cluster: Cluster
) -> None:
    cluster.stall("web")
    store.preflight(WEB)
    version = publish(store, WEB, fresh())
    assert settled_after(store, WEB, version, cluster.step) > 0


def test_the_next_version_restarts_again(store: KubernetesStore, cluster: Cluster) -> None:
    for number in (1, 2):
        settled_after(store, WEB, publish(store, WEB, fresh(), f"rotation-{number}"), cluster.step)
        assert restarts(cluster)["web"] == number


def test_two_tokens_in_one_secret_restart_its_readers_once_each(store: KubernetesStore, cluster: Cluster) -> None:
    ours, theirs = publish(store, WEB, fresh()), publish(store, OTHER_KEY, fresh())
    for _ in range(5):
        for place, version in ((WEB, ours), (OTHER_KEY, theirs)):
            settled_after(store, place, version, cluster.step)
    assert restarts(cluster)["web"] == 2


def test_a_restart_by_somebody_else_does_not_make_ours_run_again(
    store: KubernetesStore, cluster: Cluster, somebody_else: SomebodyElse
) -> None:
    version = publish(store, WEB, fresh())
    settled_after(store, WEB, version, cluster.step)
    again = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "later"}}}}}
    somebody_else.apps.patch_namespaced_deployment("web", NAMESPACE, again)
    settled_after(store, WEB, version, cluster.step)
    assert restarts(cluster)["web"] == 2


def test_a_workload_with_no_pods_is_settled_at_once_it_is_taken_up(store: KubernetesStore, cluster: Cluster) -> None:
    cluster.put("deployments", workload("Deployment", NAMESPACE, "web", replicas=0))
    version = publish(store, WEB, fresh())
    assert settled_after(store, WEB, version, cluster.step) == 1


def test_nothing_else_of_a_workload_changes(store: KubernetesStore, cluster: Cluster) -> None:
    before = deployment(cluster)["spec"]
    refusal_of(lambda: store.settle(WEB, Version("7")))
    after = deployment(cluster)["spec"]
    annotations = after["template"]["metadata"].pop("annotations")
    assert after == before
    assert annotations == {
        "secrets-rotator/documenso_token": "7",
        "kubectl.kubernetes.io/restartedAt": "2026-11-22T12:00:00+00:00",
    }


def test_a_long_name_is_marked_by_its_digest(store: KubernetesStore, cluster: Cluster) -> None:
    long = KubernetesPlace(namespace=NAMESPACE, secret=SECRET, key="k" * 253, rollout=("deployment/web",))
    refusal_of(lambda: store.settle(long, Version("7")))
    (mark,) = (name for name in deployment(cluster)["spec"]["template"]["metadata"]["annotations"] if "rotator" in name)
    assert len(mark.partition("/")[2]) <= 63


CANNOT_ROLL = [
    pytest.param("deployment/web", {"paused": True}, "kubectl rollout resume", id="paused"),
    pytest.param("statefulset/queue", {"updateStrategy": {"type": "OnDelete"}}, "OnDelete", id="OnDelete"),
    pytest.param("daemonset/agent", {"updateStrategy": {"type": "OnDelete"}}, "OnDelete", id="OnDelete daemons"),
    pytest.param(
        "statefulset/queue",
        {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}},
        "`partition`",
        id="partition",
    ),
]


@pytest.mark.parametrize(("entry", "settings", "words"), CANNOT_ROLL)
def test_what_would_keep_old_pods_is_refused_before_anything_is_touched_and_when_it_came_later(
    store: KubernetesStore, cluster: Cluster, entry: str, settings: dict[str, Any], words: str
) -> None:
    place = at(rollout=(entry,))
    version = publish(store, place, fresh())
    kind, _, name = entry.partition("/")
    kinds = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet"}
    cluster.put(f"{kind}s", workload(kinds[kind], NAMESPACE, name, **settings))
    for call in (lambda: store.preflight(place), lambda: store.settle(place, version)):
        refusal = refusal_of(call)
        assert type(refusal) is NeedsOperator
        assert words in str(refusal)
    assert restarts(cluster)[name] == 0


def test_a_workload_that_is_not_there_is_refused_before_anything_is_touched(
    store: KubernetesStore, cluster: Cluster
) -> None:
    before = held_in(cluster)
    refusal = refusal_of(lambda: store.preflight(at(rollout=("deployment/nowhere",))))
    assert type(refusal) is Permanent
    assert "no deployment `shop/nowhere`" in str(refusal)
    assert held_in(cluster) == before


def test_a_restart_whose_answer_was_lost_is_not_made_twice(
    through_proxy: KubernetesStore, cluster: Cluster, proxy: FaultProxy
) -> None:
    version = publish(through_proxy, WEB, fresh())
    proxy.fail("PATCH", "/deployments/", lose_answer())
    assert type(refusal_of(lambda: through_proxy.settle(WEB, version))) is Ambiguous
    settled_after(through_proxy, WEB, version, cluster.step)
    assert restarts(cluster)["web"] == 1
    assert len(proxy.sent("PATCH", "/deployments/")) == 1


def test_a_restart_that_everybody_gets_in_the_way_of_is_tried_again(
    through_proxy: KubernetesStore, cluster: Cluster, proxy: FaultProxy
) -> None:
    version = publish(through_proxy, WEB, fresh())
    proxy.fail("PATCH", "/deployments/", answer(409, {}, b'{"kind": "Status", "reason": "Conflict", "code": 409}'))
    assert type(refusal_of(lambda: through_proxy.settle(WEB, version))) is Temporary
    assert settled_after(through_proxy, WEB, version, cluster.step) > 0


def test_without_a_rollout_nothing_is_restarted(store: KubernetesStore, cluster: Cluster) -> None:
    store.settle(at(), publish(store, at(), fresh()))
    assert set(restarts(cluster).values()) == {0}
