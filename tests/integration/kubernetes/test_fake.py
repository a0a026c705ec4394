"""The fake cluster, held to the official client: what either side writes the other reads, and it refuses alike."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from providers.stores.kubernetes.secret import mark
from providers.stores.kubernetes.store import KubernetesStore
from rotator.domain.errors import Temporary
from rotator.testing.store_contract import fresh, held, publish
from tests.fakes.kubernetes.cluster import Cluster
from tests.fakes.kubernetes.workloads import workload
from tests.integration.kubernetes.setting import (
    KEY,
    NAMESPACE,
    PLACE,
    SECRET,
    WEB,
    SomebodyElse,
    at,
    encoded,
    secret,
)


def refusal(call: Callable[[], object]) -> dict[str, Any]:
    """Give the ``Status`` that the client was refused with."""
    with pytest.raises(ApiException) as caught:
        call()
    status: dict[str, Any] = json.loads(caught.value.body)
    assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure")
    assert status["code"] == caught.value.status
    return status


def named(name: str = SECRET, version: str | None = None) -> client.V1ObjectMeta:
    return client.V1ObjectMeta(name=name, resource_version=version)


def test_what_the_client_writes_the_store_reads(store: KubernetesStore, somebody_else: SomebodyElse) -> None:
    replacement = client.V1Secret(metadata=named(), string_data={KEY: "put-by-the-client"})
    somebody_else.core.replace_namespaced_secret(SECRET, NAMESPACE, replacement)
    assert held(store.current(PLACE)) == "put-by-the-client"
    new = client.V1Secret(metadata=named("not-there-yet"), data={KEY: encoded("made-by-the-client")})
    made = somebody_else.core.create_namespaced_secret(NAMESPACE, new)
    stored = store.current(at("not-there-yet"))
    assert stored is not None
    assert (held(stored), stored.version) == ("made-by-the-client", made.metadata.resource_version)


def test_what_the_store_writes_the_client_reads(store: KubernetesStore, somebody_else: SomebodyElse) -> None:
    value = fresh()
    version = publish(store, PLACE, value, "rotation-7/token-1")
    found = somebody_else.read()
    assert found.data[KEY] == encoded(value.reveal())
    assert found.metadata.resource_version == version
    assert found.metadata.annotations == {"team": "payments", mark(KEY): "rotation-7/token-1"}
    assert found.type == "Opaque"


def test_what_the_store_creates_the_client_lists(store: KubernetesStore, somebody_else: SomebodyElse) -> None:
    publish(store, at("not-there-yet", create=True), fresh())
    listed = somebody_else.core.list_namespaced_secret(NAMESPACE)
    assert sorted(found.metadata.name for found in listed.items) == [SECRET, "not-there-yet"]


def test_a_restart_by_the_store_is_one_that_the_client_sees_to_its_end(
    store: KubernetesStore, cluster: Cluster, somebody_else: SomebodyElse
) -> None:
    somebody_else.apps.create_namespaced_deployment(
        NAMESPACE, somebody_else.api.sanitize_for_serialization(workload("Deployment", NAMESPACE, "web"))
    )
    version = publish(store, WEB, fresh())
    with pytest.raises(Temporary):
        store.settle(WEB, version)
    rolling = somebody_else.apps.read_namespaced_deployment("web", NAMESPACE)
    assert rolling.metadata.generation > rolling.status.observed_generation
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT.*", rolling.spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]
    )
    cluster.step(10)
    done = somebody_else.apps.read_namespaced_deployment("web", NAMESPACE)
    assert done.status.updated_replicas == done.status.available_replicas == done.spec.replicas == 2
    store.settle(WEB, version)


def test_a_restart_by_the_client_is_a_rollout_like_ours(cluster: Cluster, somebody_else: SomebodyElse) -> None:
    for kind in ("Deployment", "StatefulSet", "DaemonSet"):
        cluster.put(f"{kind.lower()}s", workload(kind, NAMESPACE, "web"))
    restart = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    patches = (
        somebody_else.apps.patch_namespaced_deployment,
        somebody_else.apps.patch_namespaced_stateful_set,
        somebody_else.apps.patch_namespaced_daemon_set,
    )
    for patch in patches:
        changed = patch("web", NAMESPACE, restart)
        assert changed.metadata.generation == changed.status.observed_generation + 1
    cluster.step(10)
    stateful = somebody_else.apps.read_namespaced_stateful_set("web", NAMESPACE).status
    assert stateful.current_revision == stateful.update_revision != "rev-1"
    daemon = somebody_else.apps.read_namespaced_daemon_set("web", NAMESPACE).status
    assert daemon.updated_number_scheduled == daemon.number_available == daemon.desired_number_scheduled == 2


def test_a_resource_version_is_a_condition_and_its_absence_is_none(somebody_else: SomebodyElse) -> None:
    stale = somebody_else.footprint()
    somebody_else.put("newer")
    for call in (
        lambda: somebody_else.core.patch_namespaced_secret(SECRET, NAMESPACE, {"metadata": {"resourceVersion": stale}}),
        lambda: somebody_else.core.replace_namespaced_secret(
            SECRET, NAMESPACE, client.V1Secret(metadata=named(version=str(stale)))
        ),
    ):
        status = refusal(call)
        assert (status["code"], status["reason"]) == (409, "Conflict")
        assert status["message"] == (
            'Operation cannot be fulfilled on secrets "documenso": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )
        assert status["details"] == {"name": SECRET, "kind": "secrets"}
    assert somebody_else.field() == "newer"
    somebody_else.core.replace_namespaced_secret(SECRET, NAMESPACE, client.V1Secret(metadata=named()))
    assert somebody_else.read().data is None


def test_a_change_that_changes_nothing_makes_no_version(somebody_else: SomebodyElse) -> None:
    before = somebody_else.footprint()
    somebody_else.put("tok_first_of_all")
    assert somebody_else.footprint() == before


def test_what_is_missing_or_there_already_is_told_with_its_kind_and_name(somebody_else: SomebodyElse) -> None:
    missing = refusal(lambda: somebody_else.read("nowhere"))
    assert (missing["code"], missing["message"]) == (404, 'secrets "nowhere" not found')
    assert missing["details"] == {"name": "nowhere", "kind": "secrets"}
    twice = refusal(lambda: somebody_else.core.create_namespaced_secret(NAMESPACE, client.V1Secret(metadata=named())))
    assert (twice["code"], twice["reason"]) == (409, "AlreadyExists")
    no_deployment = refusal(lambda: somebody_else.apps.read_namespaced_deployment("nowhere", NAMESPACE))
    assert no_deployment["message"] == 'deployments.apps "nowhere" not found'
    assert no_deployment["details"] == {"name": "nowhere", "group": "apps", "kind": "deployments"}


def test_an_immutable_secret_keeps_its_data_and_lets_its_metadata_be_changed(
    cluster: Cluster, somebody_else: SomebodyElse
) -> None:
    cluster.put("secrets", secret(immutable=True))
    status = refusal(lambda: somebody_else.put("newer"))
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert (
        status["message"]
        == 'Secret "documenso" is invalid: data: Forbidden: field is immutable when `immutable` is set'
    )
    somebody_else.core.patch_namespaced_secret(SECRET, NAMESPACE, {"metadata": {"labels": {"tier": "web"}}})
    assert somebody_else.read().metadata.labels == {"app": "documenso", "tier": "web"}


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"data": {KEY: "no base64!"}}, 400, "illegal base64 data"),
        ({"stringData": {"no spaces": "x"}}, 422, "a valid config key must consist of"),
        ({"stringData": {KEY: "x" * 1024 * 1024}}, 422, "Too long: may not be more than 1048576 bytes"),
        ({"type": "kubernetes.io/tls"}, 422, 'type: Invalid value: "kubernetes.io/tls": field is immutable'),
    ],
)
def test_what_is_not_valid_is_refused(
    somebody_else: SomebodyElse, change: dict[str, Any], code: int, words: str
) -> None:
    status = refusal(lambda: somebody_else.core.patch_namespaced_secret(SECRET, NAMESPACE, change))
    assert status["code"] == code
    assert words in status["message"]


def test_rbac_names_the_user_the_verb_and_the_namespace(cluster: Cluster, somebody_else: SomebodyElse) -> None:
    cluster.rules["administrator", NAMESPACE] = []
    status = refusal(somebody_else.read)
    assert (status["code"], status["reason"]) == (403, "Forbidden")
    assert status["message"] == (
        'secrets "documenso" is forbidden: User "administrator" cannot get resource "secrets" in API group "" '
        'in the namespace "shop"'
    )


def test_a_token_that_nobody_has_is_not_known(somebody_else: SomebodyElse) -> None:
    somebody_else.api.configuration.api_key = {"authorization": "Bearer somebody-elses"}
    assert refusal(somebody_else.read)["message"] == "Unauthorized"


@pytest.mark.parametrize(("verb", "allowed"), [("get", True), ("watch", False)])
def test_everybody_may_ask_what_they_may_do(somebody_else: SomebodyElse, verb: str, allowed: bool) -> None:
    attributes = client.V1ResourceAttributes(namespace=NAMESPACE, verb=verb, resource="secrets", name=SECRET)
    review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes))
    answer = client.AuthorizationV1Api(somebody_else.api).create_self_subject_access_review(review)
    assert answer.status.allowed is allowed
