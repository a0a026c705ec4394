"""What is refused before anything is touched, why, and what the person is told to do."""

from __future__ import annotations

from typing import Any

import pytest

from providers.stores.kubernetes.plugin import KubernetesPlace
from providers.stores.kubernetes.store import KubernetesStore
from rotator.domain.errors import NeedsOperator, Permanent, RotatorError
from rotator.domain.model import Version
from rotator.domain.secret_value import SecretValue
from rotator.testing.store_contract import fresh, held, publish, refusal_of, version_of
from tests.fakes.kubernetes.cluster import Cluster
from tests.fakes.kubernetes.statuses import Refusal
from tests.integration.kubernetes.setting import KEY, NAMESPACE, PLACE, at, encoded, held_in, secret, token_in


def refused_before_and_while_writing(
    store: KubernetesStore, cluster: Cluster, found: dict[str, Any], family: type[RotatorError] = Permanent
) -> str:
    """Put a Secret there that must be left alone; see that it is, and give what is said of it."""
    cluster.put("secrets", found)
    before = held_in(cluster)
    look = refusal_of(lambda: store.preflight(PLACE))
    expected = Version(before["metadata"]["resourceVersion"])
    write = refusal_of(lambda: store.write(PLACE, fresh(), expected, "rotation-1"))
    assert type(look) is type(write) is family
    assert str(look) == str(write)
    assert held_in(cluster) == before
    return str(look)


GOVERNED = [
    pytest.param({"labels": {"reconcile.external-secrets.io/managed": "true"}}, "External Secrets Operator", id="ESO"),
    pytest.param({"annotations": {"sealedsecrets.bitnami.com/managed": "true"}}, "Sealed Secrets", id="sealed"),
    pytest.param({"annotations": {"meta.helm.sh/release-name": "documenso"}}, "Helm", id="Helm's annotation"),
    pytest.param({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm (label", id="managed-by Helm"),
    pytest.param({"labels": {"app.kubernetes.io/managed-by": "pulumi"}}, "pulumi (label", id="managed-by another"),
    pytest.param({"annotations": {"argocd.argoproj.io/tracking-id": "a:/Secret:s/d"}}, "Argo CD", id="Argo CD"),
    pytest.param({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "Flux", id="Flux"),
    pytest.param(
        {"ownerReferences": [{"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "doc"}]},
        "its owner ExternalSecret `doc`",
        id="an owner",
    ),
]


@pytest.mark.parametrize(("metadata", "governor"), GOVERNED)
def test_what_another_controller_would_put_back_is_refused_and_it_is_named(
    store: KubernetesStore, cluster: Cluster, metadata: dict[str, Any], governor: str
) -> None:
    said = refused_before_and_while_writing(store, cluster, secret(metadata=metadata))
    assert governor in said
    assert "`even_if_managed: true`" in said


@pytest.mark.parametrize(
    "mark",
    [
        "reconcile.external-secrets.io/created-by",
        "secrets-store.csi.k8s.io/managed",
        "argocd.argoproj.io/instance",
        "helm.toolkit.fluxcd.io/name",
        "reflector.v1.k8s.emberstack.com/reflects",
        "replicator.v1.mittwald.de/replicate-from",
    ],
)
@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_every_mark_counts_wherever_it_stands(store: KubernetesStore, cluster: Cluster, mark: str, where: str) -> None:
    assert f"`{mark}`" in refused_before_and_while_writing(store, cluster, secret(metadata={where: {mark: "it"}}))


@pytest.mark.parametrize(("metadata", "_governor"), GOVERNED)
def test_it_is_written_all_the_same_when_the_policy_says_so(
    store: KubernetesStore, cluster: Cluster, metadata: dict[str, Any], _governor: str
) -> None:
    cluster.put("secrets", secret(metadata=metadata))
    place, value = at(even_if_managed=True), fresh()
    store.preflight(place)
    publish(store, place, value)
    assert token_in(cluster) == value.reveal()


def test_an_immutable_secret_is_refused_with_the_way_round_it(store: KubernetesStore, cluster: Cluster) -> None:
    said = refused_before_and_while_writing(store, cluster, secret(immutable=True))
    assert "is immutable" in said
    assert "Make another Secret without `immutable`" in said


def test_a_secret_that_is_being_deleted_waits_for_a_person(store: KubernetesStore, cluster: Cluster) -> None:
    leaving = secret(metadata={"deletionTimestamp": "2026-11-22T12:00:00Z", "finalizers": ["example.com/keep"]})
    said = refused_before_and_while_writing(store, cluster, leaving, NeedsOperator)
    assert "is being deleted" in said
    assert "finalizers" in said


@pytest.mark.parametrize("kind", ["kubernetes.io/service-account-token", "helm.sh/release.v1"])
def test_a_secret_that_the_cluster_writes_itself_is_refused(
    store: KubernetesStore, cluster: Cluster, kind: str
) -> None:
    assert kind in refused_before_and_while_writing(store, cluster, secret(type=kind))


def test_a_key_that_holds_no_text_is_not_taken_for_a_token(store: KubernetesStore, cluster: Cluster) -> None:
    place = KubernetesPlace(namespace=NAMESPACE, secret="documenso", key="bytes")
    before = held_in(cluster)
    for call in (
        lambda: store.current(place),
        lambda: store.preflight(place),
        lambda: store.write(place, fresh(), None, "rotation-1"),
    ):
        refusal = refusal_of(call)
        assert type(refusal) is Permanent
        assert "no text" in str(refusal)
    assert held_in(cluster) == before


def test_an_empty_key_holds_nothing_yet(store: KubernetesStore, cluster: Cluster) -> None:
    cluster.put("secrets", secret(data={KEY: ""}))
    assert held(store.preflight(PLACE)) is None


def test_a_secret_may_not_grow_beyond_one_mebibyte_and_is_not_sent_to_find_out(
    store: KubernetesStore, cluster: Cluster
) -> None:
    filled = secret(data={"rest": encoded("x" * (1024 * 1024 - 10))})
    cluster.put("secrets", filled)
    expected = version_of(store.current(PLACE))
    refusal = refusal_of(lambda: store.write(PLACE, SecretValue("eleven-chars"), expected, "rotation-1"))
    assert type(refusal) is Permanent
    assert "1 MiB" in str(refusal)
    store.write(PLACE, SecretValue("ten-chars."), expected, "rotation-1")
    assert token_in(cluster) == "ten-chars."


def test_a_value_that_the_secrets_type_does_not_allow_is_told_by_its_field(
    store: KubernetesStore, cluster: Cluster
) -> None:
    causes = [
        {"reason": "FieldValueInvalid", "message": "<secret contents redacted>", "field": "data[.dockerconfigjson]"}
    ]

    def demand_json(_secret: dict[str, Any]) -> None:
        raise Refusal(422, "Invalid", "unexpected end of JSON", name="documenso", kind="Secret", causes=causes)

    cluster.admission.append(demand_json)
    refusal = refusal_of(lambda: publish(store, PLACE, fresh()))
    assert type(refusal) is Permanent
    assert "data[.dockerconfigjson]" in str(refusal)


def test_a_namespace_that_is_not_there_is_told_from_a_missing_secret(store: KubernetesStore, cluster: Cluster) -> None:
    cluster.namespaces.clear()
    refusal = refusal_of(lambda: store.write(at("not-there-yet", create=True), fresh(), None, "rotation-1"))
    assert type(refusal) is Permanent
    assert "There is no namespaces" in str(refusal)


def test_what_an_admission_rule_forbids_is_not_blamed_on_permissions(store: KubernetesStore, cluster: Cluster) -> None:
    def deny(_secret: dict[str, Any]) -> None:
        raise Refusal(403, "Forbidden", 'admission webhook "policy.example" denied the request: not on Fridays')

    cluster.admission.append(deny)
    refusal = refusal_of(lambda: publish(store, PLACE, fresh()))
    assert type(refusal) is Permanent
    assert "an admission rule, a quota" in str(refusal)
    assert "Fridays" not in str(refusal)
