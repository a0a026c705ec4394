"""The GitLab store keeps the contract: in projects and groups, for variables that can be read and for hidden ones."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from providers.stores.gitlab.plugin import GitLabPlace
from providers.stores.gitlab.store import GitLabStore
from rotator.domain.errors import Conflict, Permanent
from rotator.domain.secret_value import SecretValue
from rotator.testing.store_contract import (
    AWKWARD_VALUES,
    CreatesPlaces,
    KeepsNoVersions,
    StoreContract,
    fresh,
    publish,
    version_of,
)
from tests.fakes.gitlab import GitLab
from tests.integration.gitlab.setting import GROUP, PROJECT, AtTheVariable, opened, place_of


class AtOneVariable(KeepsNoVersions, CreatesPlaces, StoreContract):
    """One variable among several of its key."""

    where: ClassVar[dict[str, Any]]
    kind: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def store(self, service: GitLab) -> GitLabStore:
        return opened(service.url)

    @pytest.fixture
    def place(self, service: GitLab) -> GitLabPlace:
        place = place_of(**self.where)
        vars(AtTheVariable(service, place).variable).update(self.kind)
        return place

    @pytest.fixture
    def outside(self, service: GitLab, place: GitLabPlace) -> AtTheVariable:
        return AtTheVariable(service, place)

    @pytest.fixture
    def missing_place(self) -> GitLabPlace:
        return place_of(**self.where, environment_scope="nowhere")

    @pytest.fixture
    def new_place(self) -> GitLabPlace:
        return place_of(**self.where, environment_scope="new/*", create=True)

    def test_what_somebody_else_wrote_before_we_looked_is_not_overwritten(
        self, store: GitLabStore, place: GitLabPlace, outside: AtTheVariable
    ) -> None:
        stale = version_of(store.current(place))
        outside.put("set-by-hand")
        before = outside.footprint()
        for expected in (stale, None):
            with pytest.raises(Conflict, match="somebody else"):
                store.write(place, fresh(), expected, "rotation-1")
        assert outside.footprint() == before


class TestAProjectsVariable(AtOneVariable):
    where: ClassVar = PROJECT


class TestAGroupsVariable(AtOneVariable):
    where: ClassVar = GROUP


class TestAHiddenVariable(AtOneVariable):
    """Nobody reads it back, and its version never changes: what the contract says is looked at from outside."""

    where: ClassVar = PROJECT
    kind: ClassVar = {"hidden": True, "masked": True}

    @pytest.fixture
    def new_place(self) -> GitLabPlace:
        return place_of(environment_scope="new/*", create=True, visibility="hidden")

    def test_what_somebody_else_wrote_before_we_looked_is_not_overwritten(
        self, store: GitLabStore, place: GitLabPlace, outside: AtTheVariable
    ) -> None:
        """GitLab tells nothing by which it could be seen: it is overwritten, as is documented."""
        stale, value = version_of(store.current(place)), fresh()
        outside.put("set-by-hand")
        store.write(place, value, stale, "rotation-1")
        assert outside.field() == value.reveal()

    def test_a_value_that_is_already_there_is_not_written_again(  # type: ignore[override]
        self, store: GitLabStore, place: GitLabPlace, outside: AtTheVariable
    ) -> None:
        """What is there cannot be known: it is set to the same value once more."""
        value = fresh()
        outside.put(value.reveal())
        before = outside.siblings()
        publish(store, place, value)
        assert (outside.field(), outside.siblings()) == (value.reveal(), before)

    def test_one_rotation_follows_another(  # type: ignore[override]
        self, store: GitLabStore, place: GitLabPlace, outside: AtTheVariable
    ) -> None:
        first, second = fresh(), fresh()
        assert publish(store, place, first, "rotation-1") == publish(store, place, second, "rotation-2")
        assert outside.field() == second.reveal()

    @pytest.mark.parametrize("text", AWKWARD_VALUES)
    def test_awkward_values_arrive_as_they_are(
        self, store: GitLabStore, place: GitLabPlace, outside: AtTheVariable, text: str
    ) -> None:
        """It is masked, which not every value can be. Such a one is refused as a whole."""
        before, footprint = outside.siblings(), outside.footprint()
        if " " in text or len(text) < 8:
            with pytest.raises(Permanent, match="masked variable"):
                publish(store, place, SecretValue(text))
            assert outside.footprint() == footprint
        else:
            publish(store, place, SecretValue(text))
            assert (outside.field(), outside.siblings()) == (text, before)

    def test_what_was_overwritten_cannot_be_read_or_put_back(  # type: ignore[override]
        self, store: GitLabStore, place: GitLabPlace, outside: AtTheVariable
    ) -> None:
        before = version_of(store.current(place))
        assert before is not None
        value = fresh()
        version = publish(store, place, value)
        with pytest.raises(Permanent, match="no earlier value"):
            store.restore(place, before, version)
        assert outside.field() == value.reveal()

    def test_a_place_that_we_may_create_is_created(  # type: ignore[override]
        self, service: GitLab, store: GitLabStore, new_place: GitLabPlace
    ) -> None:
        value = fresh()
        assert store.preflight(new_place) is None
        version = publish(store, new_place, value)
        made = AtTheVariable(service, new_place).variable
        assert (made.value, made.hidden, made.masked) == (value.reveal(), True, True)
        assert store.write(new_place, value, None, "rotation-1") == version

    def test_a_place_that_somebody_made_first_is_left_to_them(  # type: ignore[override]
        self, service: GitLab, store: GitLabStore, new_place: GitLabPlace
    ) -> None:
        theirs = fresh()
        publish(store, new_place, theirs, "theirs")
        with pytest.raises(Conflict):
            store.write(new_place, fresh(), None, "ours")
        assert AtTheVariable(service, new_place).field() == theirs.reveal()
