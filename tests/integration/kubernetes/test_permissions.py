"""The shipped Role is enough, nothing in it is too much, and what is missing is named before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest

from providers.stores.kubernetes.plugin import KubernetesPlace
from providers.stores.kubernetes.store import KubernetesStore
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.testing.access import DictionaryAccess
from rotator.testing.store_contract import fresh, publish, refusal_of
from tests.fakes.fault_proxy import FaultProxy, answer
from tests.fakes.kubernetes.cluster import Cluster, Rule
from tests.fakes.kubernetes.workloads import workload
from tests.integration.kubernetes.setting import NAMESPACE, OUR_TOKEN, PLACE, WEB, at, held_in, opened, shipped_rules

US = "system:serviceaccount:rotator:rotator"
NEW = at("not-there-yet", create=True)


def rules_without(resource: str, verb: str) -> list[Rule]:
    rules = [
        {**rule, "verbs": [kept for kept in rule["verbs"] if kept != verb]} if resource in rule["resources"] else rule
        for rule in shipped_rules()
    ]
    assert rules != shipped_rules()
    return rules


@pytest.fixture
def cluster(cluster: Cluster) -> Cluster:
    cluster.rules[US, NAMESPACE] = shipped_rules()
    cluster.put("deployments", workload("Deployment", NAMESPACE, "web"))
    return cluster


def test_the_shipped_role_is_enough_for_a_write_and_its_rollout(store: KubernetesStore, cluster: Cluster) -> None:
    store.preflight(WEB)
    version = publish(store, WEB, fresh())
    with pytest.raises(Temporary):
        store.settle(WEB, version)
    cluster.step(10)
    store.settle(WEB, version)


@pytest.mark.parametrize(
    ("resource", "verb", "place", "named"),
    [
        ("secrets", "get", PLACE, "`get` on secret `shop/documenso`"),
        ("secrets", "patch", PLACE, "`patch` on secret `shop/documenso`"),
        ("deployments", "get", WEB, "`get` on deployment `shop/web`"),
        ("deployments", "patch", WEB, "`patch` on deployment `shop/web`"),
    ],
)
def test_each_verb_that_is_taken_away_is_named(
    store: KubernetesStore, cluster: Cluster, resource: str, verb: str, place: KubernetesPlace, named: str
) -> None:
    cluster.rules[US, NAMESPACE] = rules_without(resource, verb)
    before = held_in(cluster)
    refusal = refusal_of(lambda: store.preflight(place))
    assert type(refusal) is Permanent
    assert f"lacks {named}." in str(refusal)
    assert "deploy/permissions/kubernetes.yaml" in str(refusal)
    assert held_in(cluster) == before


def test_create_is_asked_for_only_where_something_is_to_be_made(store: KubernetesStore, cluster: Cluster) -> None:
    cluster.rules[US, NAMESPACE] = [
        {**rule, "resourceNames": ["documenso", "not-there-yet"]} for rule in rules_without("secrets", "create")
    ]
    store.preflight(PLACE)
    refusal = refusal_of(lambda: store.preflight(NEW))
    assert type(refusal) is Permanent
    assert "lacks `create` on secret `shop/not-there-yet`." in str(refusal)


def test_a_right_to_create_that_is_narrowed_by_name_is_none(store: KubernetesStore, cluster: Cluster) -> None:
    cluster.rules[US, NAMESPACE] = [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["not-there-yet"],
         "verbs": ["get", "patch", "create"]}
    ]  # fmt: skip
    assert "lacks `create`" in str(refusal_of(lambda: store.preflight(NEW)))
    assert "lacks `create`" in str(refusal_of(lambda: store.write(NEW, fresh(), None, "rotation-1")))


def test_all_that_is_missing_is_named_at_once(store: KubernetesStore, cluster: Cluster) -> None:
    cluster.rules[US, NAMESPACE] = []
    said = str(refusal_of(lambda: store.preflight(WEB)))
    assert said.count("`get` on") == said.count("`patch` on") == 2


@pytest.mark.parametrize("verb", ["get", "patch"])
def test_where_nobody_may_ask_the_call_itself_names_the_verb(
    store: KubernetesStore, cluster: Cluster, verb: str
) -> None:
    cluster.everybody_may_ask = False
    store.preflight(PLACE)
    cluster.rules[US, NAMESPACE] = rules_without("secrets", verb)
    refusal = refusal_of(lambda: publish(store, PLACE, fresh()))
    assert type(refusal) is Permanent
    assert f"asked to {verb} secret `shop/documenso`" in str(refusal)
    assert f"lacks `{verb}`" in str(refusal)


def test_a_dead_token_waits_for_a_person(store: KubernetesStore, cluster: Cluster) -> None:
    del cluster.users[OUR_TOKEN]
    for call in (lambda: store.current(PLACE), lambda: store.preflight(PLACE)):
        refusal = refusal_of(call)
        assert type(refusal) is NeedsOperator
        assert "does not know the connection's token (401)" in str(refusal)
        assert OUR_TOKEN not in str(refusal)


def test_a_replaced_token_is_taken_up_without_a_restart(url: str, ca_file: Any, cluster: Cluster) -> None:
    access = DictionaryAccess({"token": OUR_TOKEN})
    store = opened(url, access=access, ca_file=ca_file)
    store.current(PLACE)
    cluster.users["its-successor"] = cluster.users.pop(OUR_TOKEN)
    access._credentials["token"] = "its-successor"
    assert store.current(PLACE)


@pytest.mark.parametrize("body", [b"<html>", b'{"kind": "SelfSubjectAccessReview", "status": {}}'])
def test_an_answer_about_permissions_that_makes_no_sense_is_not_taken_for_a_yes(
    through_proxy: KubernetesStore, proxy: FaultProxy, body: bytes
) -> None:
    proxy.fail("POST", "selfsubjectaccessreviews", answer(201, {}, body))
    assert type(refusal_of(lambda: through_proxy.preflight(PLACE))) is Permanent
    proxy.fail("POST", "selfsubjectaccessreviews", answer(500))
    assert type(refusal_of(lambda: through_proxy.preflight(PLACE))) is Temporary
