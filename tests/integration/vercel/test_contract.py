"""The Vercel store keeps the contract: for records that can be read, and for those that nobody reads."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from providers.stores.vercel.plugin import VercelPlace
from providers.stores.vercel.store import VercelStore
from rotator.domain.errors import Conflict
from rotator.domain.model import Version
from rotator.testing.store_contract import CreatesPlaces, KeepsNoVersions, StoreContract, fresh, publish, version_of
from tests.fakes.vercel import Vercel
from tests.fakes.vercel_account import Env, Project
from tests.integration.vercel.setting import VAR, AtTheRecord, place_of


class AtOneRecord(KeepsNoVersions, CreatesPlaces, StoreContract):
    """The contract's fixtures, as ``conftest`` makes them."""

    kind: ClassVar[dict[str, Any]]

    @pytest.fixture
    def store(self, store: VercelStore) -> VercelStore:
        return store

    @pytest.fixture
    def outside(self, service: Vercel, project: Project) -> AtTheRecord:
        env = service.account.add(project, VAR, "tok_first_of_all", ["production"], comment="set by hand", **self.kind)
        return AtTheRecord(service, project, env)

    @pytest.fixture
    def place(self, outside: AtTheRecord) -> VercelPlace:
        return place_of()

    @pytest.fixture
    def missing_place(self) -> VercelPlace:
        return place_of(var="NOWHERE")

    @pytest.fixture
    def new_place(self, project: Project) -> VercelPlace:
        return place_of(var="NEW_TOKEN", create=True, type="encrypted")

    def test_what_somebody_else_wrote_before_we_looked_is_not_overwritten(
        self, store: VercelStore, place: VercelPlace, outside: AtTheRecord
    ) -> None:
        stale = version_of(store.current(place))
        outside.put("set-by-hand")
        before = outside.footprint()
        with pytest.raises(Conflict):
            store.write(place, fresh(), stale, "rotation-1")
        assert outside.footprint() == before


class TestAnEncryptedRecord(AtOneRecord):
    kind: ClassVar = {"type": "encrypted"}


class TestAPlainRecord(AtOneRecord):
    kind: ClassVar = {"type": "plain"}


class WriteOnly(AtOneRecord):
    """Nobody reads a value back: what the contract says of values is looked at from outside."""

    @pytest.fixture
    def new_place(self, project: Project) -> VercelPlace:
        return place_of(var="NEW_TOKEN", create=True)

    def test_a_value_that_is_already_there_is_not_written_again(  # type: ignore[override]
        self, store: VercelStore, place: VercelPlace, outside: AtTheRecord
    ) -> None:
        """What is there cannot be known: it is set to the same value once more."""
        value = fresh()
        outside.put(value.reveal())
        before = outside.siblings()
        publish(store, place, value)
        assert (outside.field(), outside.siblings()) == (value.reveal(), before)

    def test_a_place_that_we_may_create_is_created(  # type: ignore[override]
        self, store: VercelStore, new_place: VercelPlace, project: Project
    ) -> None:
        value = fresh()
        assert store.preflight(new_place) is None
        version = publish(store, new_place, value)
        assert made(project).value == value.reveal()
        assert (made(project).type, made(project).target) == ("sensitive", ["production"])
        assert store.write(new_place, value, None, "rotation-1") == version
        assert version == Version(f"{made(project).id}@{made(project).updated_at}")

    def test_a_place_that_somebody_made_first_is_left_to_them(  # type: ignore[override]
        self, store: VercelStore, new_place: VercelPlace, project: Project
    ) -> None:
        theirs = fresh()
        publish(store, new_place, theirs, "theirs")
        with pytest.raises(Conflict):
            store.write(new_place, fresh(), None, "ours")
        assert made(project).value == theirs.reveal()


class TestASensitiveRecord(WriteOnly):
    kind: ClassVar = {"type": "sensitive"}


class TestARecordThatIsSecretByItsVisibility(WriteOnly):
    kind: ClassVar = {"type": "encrypted", "visibility": "secret"}


def made(project: Project) -> Env:
    return next(env for env in project.envs if env.key == "NEW_TOKEN")
