"""What a store must do for each thing that its traits claim, as classes to inherit beside ``StoreContract``."""

from __future__ import annotations

from typing import Any

import pytest

from rotator.domain.contracts import Place, Store, Stored, VersionedStore
from rotator.domain.errors import Conflict, NeedsOperator, Permanent
from rotator.domain.model import Version
from rotator.testing.places import Outside, StagingOutside, fresh, held, publish, refusal_of, version_of


class CreatesPlaces:
    """For a store that may make a place that is not there yet."""

    @pytest.fixture
    def new_place(self) -> Place:
        """Give a place that does not exist, and that the policy lets us create."""
        raise AssertionError("a store's tests provide the fixture `new_place`")

    def test_a_place_that_we_may_create_is_created(self, store: Store[Any], new_place: Place) -> None:
        value = fresh()
        assert store.preflight(new_place) is None
        version = publish(store, new_place, value)
        assert held(store.current(new_place)) == value.reveal()
        assert store.write(new_place, value, None, "rotation-1") == version

    def test_a_place_that_somebody_made_first_is_left_to_them(self, store: Store[Any], new_place: Place) -> None:
        theirs = fresh()
        publish(store, new_place, theirs, "theirs")
        with pytest.raises(Conflict):
            store.write(new_place, fresh(), None, "ours")
        assert held(store.current(new_place)) == theirs.reveal()


class ComparesAndSets:
    """For a store that writes only over what it was told to expect."""

    def test_a_value_that_somebody_else_wrote_since_is_not_overwritten(
        self, store: Store[Any], place: Place, outside: Outside
    ) -> None:
        stale = version_of(store.current(place))
        outside.put("set-by-hand")
        before = outside.footprint()
        refusal = refusal_of(lambda: store.write(place, fresh(), stale, "rotation-1"))
        assert isinstance(refusal, Conflict)
        assert "set-by-hand" not in str(refusal)
        assert outside.footprint() == before

    def test_a_place_that_was_not_expected_to_exist_is_not_overwritten(
        self, store: Store[Any], place: Place, outside: Outside
    ) -> None:
        before = outside.footprint()
        with pytest.raises(Conflict):
            store.write(place, fresh(), None, "rotation-1")
        assert outside.footprint() == before


class Stages:
    """For a store that shows a value to consumers only when it is promoted."""

    def test_consumers_see_a_staged_value_only_once_it_is_promoted(
        self, store: Store[Any], place: Place, outside: Outside
    ) -> None:
        outside.put("old")
        expected, value = version_of(store.current(place)), fresh()
        version = store.write(place, value, expected, "rotation-1")
        assert outside.field() == "old"
        assert held(store.current(place)) == "old"
        assert held(store.read(place, version)) == value.reveal()
        store.promote(place, version, expected)
        assert outside.field() == value.reveal()

    def test_what_somebody_else_made_current_is_not_promoted_over(
        self, store: Store[Any], place: Place, outside: Outside
    ) -> None:
        expected = version_of(store.current(place))
        version = store.write(place, fresh(), expected, "rotation-1")
        outside.put("set-by-hand")
        with pytest.raises(Conflict):
            store.promote(place, version, expected)
        assert outside.field() == "set-by-hand"

    def test_a_staged_value_can_be_taken_back_and_staged_again(
        self, store: Store[Any], place: Place, outside: Outside
    ) -> None:
        outside.put("old")
        expected, value = version_of(store.current(place)), fresh()
        store.write(place, value, expected, "rotation-1")
        store.discard(place, "rotation-1")
        store.discard(place, "rotation-1")
        store.preflight(place)
        assert outside.field() == "old"
        version = store.write(place, value, expected, "rotation-1")
        store.promote(place, version, expected)
        assert outside.field() == value.reveal()

    def test_a_staged_value_of_somebody_else_is_left_to_them(
        self, store: Store[Any], place: Place, outside: StagingOutside
    ) -> None:
        expected = version_of(store.current(place))
        outside.stage("theirs")
        before = outside.footprint()
        with pytest.raises(NeedsOperator):
            store.preflight(place)
        with pytest.raises(NeedsOperator):
            store.write(place, fresh(), expected, "rotation-1")
        store.discard(place, "rotation-1")
        assert outside.footprint() == before


class KeepsVersions:
    """For a store whose earlier versions can be read and put back."""

    def test_an_earlier_version_can_still_be_read(self, store: Store[Any], place: Place, outside: Outside) -> None:
        outside.put("old")
        before = store.current(place)
        assert before is not None
        publish(store, place, fresh())
        assert held(store.read(place, before.version)) == "old"

    def test_an_earlier_version_can_be_put_back_and_again(
        self, store: Store[Any], place: Place, outside: Outside
    ) -> None:
        outside.put("old")
        before = store.current(place)
        assert before is not None
        version = publish(store, place, fresh())
        restored = store.restore(place, before.version, version)
        assert outside.field() == "old"
        footprint = outside.footprint()
        assert store.restore(place, before.version, version) == restored
        assert outside.footprint() == footprint

    @pytest.mark.parametrize("times", [1, 2])
    def test_every_earlier_version_with_a_dead_token_is_put_away_and_no_other(
        self, store: VersionedStore[Any], place: Place, outside: Outside, times: int
    ) -> None:
        versions = []
        for text in ("old", "somebody-elses", "old"):
            outside.put(text)
            versions.append(version_of(store.current(place)))
        value, siblings = fresh(), outside.siblings()
        publish(store, place, value)
        for _ in range(times):
            store.put_away(place, lambda earlier: held(earlier) == "old")
        way_back = [version is not None and self.is_way_back(store, place, version) for version in versions]
        assert way_back == [False, self.keeps_several, False]
        assert held(store.current(place)) == value.reveal()
        assert outside.siblings() == siblings
        publish(store, place, value := fresh())
        assert held(store.current(place)) == value.reveal()

    keeps_several = True
    """Somebody could go back to more than one version."""

    def is_way_back(self, store: Store[Any], place: Place, version: Version) -> bool:
        """Tell whether somebody could go back to an earlier version: it can be read, or its label tells to."""
        return store.read(place, version) is not None

    def test_nothing_is_put_away_that_is_not_said_to_be_dead(
        self, store: VersionedStore[Any], place: Place, outside: Outside
    ) -> None:
        outside.put("old")
        value = fresh()
        publish(store, place, value)
        footprint, asked = outside.footprint(), list[str | None]()

        def is_dead(earlier: Stored) -> bool:
            asked.append(held(earlier))
            return False

        store.put_away(place, is_dead)
        assert "old" in asked
        assert value.reveal() not in asked, "the newest version is never put away, so nobody is asked about it"
        assert outside.footprint() == footprint

    def test_an_earlier_version_is_not_put_back_over_what_somebody_else_wrote(
        self, store: Store[Any], place: Place, outside: Outside
    ) -> None:
        before = store.current(place)
        assert before is not None
        version = publish(store, place, fresh())
        outside.put("set-by-hand")
        with pytest.raises(Conflict):
            store.restore(place, before.version, version)
        assert outside.field() == "set-by-hand"


class KeepsNoVersions:
    """For a store that holds one value and forgets the one before."""

    def test_what_was_overwritten_cannot_be_read_or_put_back(
        self, store: Store[Any], place: Place, outside: Outside
    ) -> None:
        outside.put("old")
        before = store.current(place)
        assert before is not None
        value = fresh()
        version = publish(store, place, value)
        assert store.read(place, before.version) is None
        with pytest.raises(Permanent):
            store.restore(place, before.version, version)
        assert outside.field() == value.reveal()
