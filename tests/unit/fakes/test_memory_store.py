"""The store in memory keeps the contract in each of the shapes in which the tests of the flow use it."""

from __future__ import annotations

import pytest

from rotator.domain.contracts import StoreTraits
from rotator.domain.secret_value import SecretValue
from rotator.testing.store_contract import (
    ComparesAndSets,
    CreatesPlaces,
    KeepsNoVersions,
    KeepsVersions,
    Stages,
    StoreContract,
)
from tests.fakes.memory_store import MemoryPlace, MemoryStore


class OutsideOfMemory:
    """Looks at the document itself."""

    def __init__(self, store: MemoryStore, name: str) -> None:
        self._store, self._name = store, name

    def put(self, value: str) -> None:
        self._store.put_by_hand(self._name, value)

    def stage(self, value: str) -> None:
        self._store.stage_by_hand(self._name, value)

    def field(self) -> str | None:
        return self._store.holds(self._name)

    def siblings(self) -> object:
        return self._store.siblings(self._name)

    def footprint(self) -> object:
        pending = self._store.pending(self._name)
        return self._store.version(self._name), pending.version if pending else None


class InMemory(CreatesPlaces, StoreContract):
    kind: StoreTraits

    @pytest.fixture
    def store(self) -> MemoryStore:
        store = MemoryStore(self.kind)
        store.put_by_hand("app", "initial-value")
        return store

    @pytest.fixture
    def place(self) -> MemoryPlace:
        return MemoryPlace(name="app")

    @pytest.fixture
    def missing_place(self) -> MemoryPlace:
        return MemoryPlace(name="missing", create=False)

    @pytest.fixture
    def new_place(self) -> MemoryPlace:
        return MemoryPlace(name="new")

    @pytest.fixture
    def outside(self, store: MemoryStore) -> OutsideOfMemory:
        return OutsideOfMemory(store, "app")


class TestLikeVault(ComparesAndSets, KeepsVersions, InMemory):
    kind = StoreTraits()


class TestLikeSecretsManager(ComparesAndSets, Stages, KeepsVersions, InMemory):
    kind = StoreTraits(stages=True)


class TestLikeAnEnvFile(ComparesAndSets, KeepsNoVersions, InMemory):
    kind = StoreTraits(versioned=False)


class WriteOnly(KeepsNoVersions, InMemory):
    """Reads nothing back, so what the contract says of a value at a new place is looked at from outside."""

    def test_a_place_that_we_may_create_is_created(self) -> None:  # type: ignore[override]
        store, value = MemoryStore(self.kind), SecretValue("brand-new-value")
        store.write(MemoryPlace(name="new"), value, None, "rotation-1")
        assert store.holds("new") == "brand-new-value"

    def test_a_place_that_somebody_made_first_is_left_to_them(self) -> None:  # type: ignore[override]
        if not self.kind.compares_and_sets:
            pytest.skip("it cannot tell that somebody was first")
        store = MemoryStore(self.kind)
        store.put_by_hand("new", "their-own-value")
        with pytest.raises(Exception, match="another version"):
            store.write(MemoryPlace(name="new"), SecretValue("brand-new-value"), None, "rotation-1")


class TestLikeHeroku(WriteOnly):
    kind = StoreTraits(readable=False, versioned=False, compares_and_sets=False)


class TestLikeVercel(WriteOnly):
    kind = StoreTraits(readable=False, versioned=False, compares_and_sets=False, settles=True)


class TestWriteOnlyWithCompareAndSet(ComparesAndSets, WriteOnly):
    kind = StoreTraits(readable=False, versioned=False)


class TestReadableWithoutCompareAndSet(KeepsNoVersions, InMemory):
    kind = StoreTraits(versioned=False, compares_and_sets=False)

    def test_a_place_that_somebody_made_first_is_left_to_them(self) -> None:  # type: ignore[override]
        pytest.skip("it cannot tell that somebody was first")


def test_consumers_that_must_restart_work_with_the_earlier_value_until_then() -> None:
    store, place = MemoryStore(StoreTraits(settles=True)), MemoryPlace(name="app")
    store.put_by_hand("app", "old-value")
    version = store.write(place, SecretValue("new-value"), store.version("app"), "rotation-1")
    assert store.consumers_read("app") == "old-value"
    store.settle(place, version)
    assert store.consumers_read("app") == "new-value"
