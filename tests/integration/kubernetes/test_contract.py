"""The kubernetes store keeps the contract under the shipped Role, over TLS, with the official client looking on."""

from __future__ import annotations

import pytest

from providers.stores.kubernetes.plugin import KubernetesPlace
from providers.stores.kubernetes.secret import mark
from providers.stores.kubernetes.store import KubernetesStore
from rotator.domain.contracts import StoreTraits
from rotator.domain.errors import Conflict, Permanent
from rotator.domain.model import Version
from rotator.testing.store_contract import (
    ComparesAndSets,
    CreatesPlaces,
    KeepsNoVersions,
    StoreContract,
    fresh,
    held,
    publish,
    version_of,
)
from tests.fakes.kubernetes.cluster import Cluster
from tests.integration.kubernetes.setting import (
    KEY,
    NAMESPACE,
    PLACE,
    WEB,
    AtTheSecret,
    SomebodyElse,
    at,
    encoded,
    held_in,
    secret,
    token_in,
)


class TestContract(AtTheSecret, ComparesAndSets, KeepsNoVersions, CreatesPlaces, StoreContract):
    @pytest.fixture
    def missing_place(self) -> KubernetesPlace:
        return at("nowhere")

    @pytest.fixture
    def new_place(self) -> KubernetesPlace:
        return at("not-there-yet", create=True)


def test_it_settles_only_where_there_is_something_to_roll_out(store: KubernetesStore) -> None:
    assert store.traits(PLACE) == StoreTraits(True, False, False, True, False)
    assert store.traits(WEB).settles


def test_what_a_write_changes_is_one_key_and_one_annotation(store: KubernetesStore, cluster: Cluster) -> None:
    before, value = held_in(cluster), fresh()
    publish(store, PLACE, value, "rotation-7/token-1")
    after = held_in(cluster)
    assert after["data"] == {**before["data"], KEY: encoded(value.reveal())}
    assert list(after["data"]) == list(before["data"])
    assert after["metadata"] == {
        **before["metadata"],
        "annotations": {"team": "payments", mark(KEY): "rotation-7/token-1"},
        "resourceVersion": after["metadata"]["resourceVersion"],
    }
    stored = store.current(PLACE)
    assert stored is not None
    assert stored.attributes == {"written_under": "rotation-7/token-1"}


def test_a_key_that_is_not_there_yet_is_added(store: KubernetesStore, cluster: Cluster) -> None:
    place = KubernetesPlace(namespace=NAMESPACE, secret="documenso", key="another.token_2")
    before, value = store.preflight(place), fresh()
    assert held(before) is None
    store.write(place, value, version_of(before), "rotation-1")
    assert held_in(cluster)["data"]["another.token_2"] == encoded(value.reveal())
    assert token_in(cluster) == "tok_first_of_all"


def test_a_secret_without_any_data_takes_the_first(store: KubernetesStore, cluster: Cluster) -> None:
    bare = secret()
    del bare["data"], bare["metadata"]["annotations"]
    cluster.put("secrets", bare)
    value = fresh()
    publish(store, PLACE, value)
    assert held_in(cluster)["data"] == {KEY: encoded(value.reveal())}


def test_a_created_secret_is_opaque_and_holds_our_key_alone(store: KubernetesStore, cluster: Cluster) -> None:
    value = fresh()
    publish(store, at("not-there-yet", create=True), value)
    made = held_in(cluster, "not-there-yet")
    assert (made["type"], made["data"]) == ("Opaque", {KEY: encoded(value.reveal())})


def test_a_change_to_another_key_is_told_and_kept(
    store: KubernetesStore, cluster: Cluster, somebody_else: SomebodyElse
) -> None:
    stale, value = version_of(store.current(PLACE)), fresh()
    somebody_else.core.patch_namespaced_secret("documenso", NAMESPACE, {"stringData": {"url": "https://b.example"}})
    with pytest.raises(Conflict):
        store.write(PLACE, value, stale, "rotation-1")
    store.write(PLACE, value, version_of(store.current(PLACE)), "rotation-1")
    assert held_in(cluster)["data"]["url"] == encoded("https://b.example")
    assert token_in(cluster) == value.reveal()


def test_a_secret_that_was_deleted_meanwhile_is_not_made_again(
    store: KubernetesStore, somebody_else: SomebodyElse
) -> None:
    expected = version_of(store.current(PLACE))
    somebody_else.core.delete_namespaced_secret("documenso", NAMESPACE)
    with pytest.raises(Conflict, match="it is gone"):
        store.write(at(create=True), fresh(), expected, "rotation-1")


def test_the_value_now_in_force_is_put_back_by_doing_nothing(store: KubernetesStore) -> None:
    version = publish(store, PLACE, fresh())
    assert store.restore(PLACE, version, version) == version
    with pytest.raises(Permanent, match="keeps no earlier value"):
        store.restore(PLACE, Version("1"), version)
