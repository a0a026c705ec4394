"""What every store must do, as classes that a store's tests inherit: ours, third parties', and the fakes'.

A store's test class inherits ``StoreContract`` and one class for each thing its traits claim (``ComparesAndSets``,
``Stages``, ``KeepsVersions`` or ``KeepsNoVersions``, and ``CreatesPlaces`` where it can); claiming a trait without its
class fails. It provides the fixtures ``store``, ``place``, ``missing_place`` and ``outside``::

    class TestEnvFile(ComparesAndSets, KeepsNoVersions, CreatesPlaces, StoreContract):
        @pytest.fixture
        def store(self): ...

``outside`` looks at the place by another road than the store (another client, the bare file), so that a store that
deceives itself is found out.
"""

from __future__ import annotations

from typing import Any

import pytest

from rotator.domain.contracts import Place, Store, StoreTraits
from rotator.domain.errors import Permanent
from rotator.domain.model import Version
from rotator.domain.secret_value import SecretValue
from rotator.testing.places import Outside, StagingOutside, fresh, held, publish, refusal_of, version_of
from rotator.testing.store_traits import ComparesAndSets, CreatesPlaces, KeepsNoVersions, KeepsVersions, Stages

__all__ = [
    "AWKWARD_VALUES",
    "ComparesAndSets",
    "CreatesPlaces",
    "KeepsNoVersions",
    "KeepsVersions",
    "Outside",
    "Stages",
    "StagingOutside",
    "StoreContract",
    "fresh",
    "held",
    "publish",
    "refusal_of",
    "version_of",
]

AWKWARD_VALUES = (
    pytest.param("it's", id="single quote"),
    pytest.param('say "yes"', id="double quotes"),
    pytest.param("back\\slash\\\\es\\", id="backslashes"),
    pytest.param("$HOME $(id) `id` $$ %h", id="what a shell would expand"),
    pytest.param("a#b #c ; d", id="what may begin a comment"),
    pytest.param("a=b==", id="equals signs"),
    pytest.param("two  words\tand a tab", id="blanks"),
    pytest.param("schlüssel-鍵-🔑", id="letters beyond ASCII"),
    pytest.param('{"json": ["in", "json"]}', id="JSON"),
    pytest.param("\\'\"\\\"'", id="quotes behind backslashes"),
)


class StoreContract:
    """What holds for every store, whatever its traits."""

    @pytest.fixture
    def store(self) -> Store[Any]:
        raise AssertionError("a store's tests provide the fixture `store`")

    @pytest.fixture
    def place(self) -> Place:
        """Give a place that exists, holds our field, and holds other people's things beside it."""
        raise AssertionError("a store's tests provide the fixture `place`")

    @pytest.fixture
    def missing_place(self) -> Place:
        """Give a place that does not exist and is not ours to create."""
        raise AssertionError("a store's tests provide the fixture `missing_place`")

    @pytest.fixture
    def outside(self) -> Outside:
        raise AssertionError("a store's tests provide the fixture `outside`")

    @pytest.fixture
    def traits(self, store: Store[Any], place: Place) -> StoreTraits:
        return store.traits(place)

    def test_each_trait_it_claims_is_held_to_its_contract(self, traits: StoreTraits) -> None:
        claimed = {
            Stages: traits.stages,
            ComparesAndSets: traits.compares_and_sets,
            KeepsVersions: traits.versioned,
            KeepsNoVersions: not traits.versioned,
        }
        assert {contract for contract, holds in claimed.items() if holds} == {
            contract for contract in claimed if isinstance(self, contract)
        }

    # --- looking ---

    def test_what_consumers_read_is_what_is_current(
        self, store: Store[Any], place: Place, outside: Outside, traits: StoreTraits
    ) -> None:
        outside.put("set-by-hand")
        assert held(store.current(place)) == ("set-by-hand" if traits.readable else None)

    def test_a_place_that_does_not_exist_has_nothing_current(self, store: Store[Any], missing_place: Place) -> None:
        assert store.current(missing_place) is None
        assert store.written(missing_place, "rotation-1") is None

    def test_preflight_sees_what_is_current_and_touches_nothing(
        self, store: Store[Any], place: Place, outside: Outside
    ) -> None:
        before = outside.footprint()
        looked, current = store.preflight(place), store.current(place)
        assert (held(looked), version_of(looked)) == (held(current), version_of(current))
        assert outside.footprint() == before

    def test_a_missing_place_that_is_not_ours_to_create_is_refused_before_and_while_writing(
        self, store: Store[Any], missing_place: Place
    ) -> None:
        with pytest.raises(Permanent):
            store.preflight(missing_place)
        with pytest.raises(Permanent):
            store.write(missing_place, fresh(), None, "rotation-1")
        assert store.current(missing_place) is None

    # --- writing ---

    def test_only_our_field_changes(self, store: Store[Any], place: Place, outside: Outside) -> None:
        before, value = outside.siblings(), fresh()
        publish(store, place, value)
        assert outside.field() == value.reveal()
        assert outside.siblings() == before

    def test_writing_again_under_the_same_key_changes_nothing(
        self, store: Store[Any], place: Place, outside: Outside
    ) -> None:
        expected, value = version_of(store.current(place)), fresh()
        version = store.write(place, value, expected, "rotation-1")
        before = outside.footprint()
        assert store.write(place, value, expected, "rotation-1") == version
        assert outside.footprint() == before

    def test_the_whole_publication_may_run_again(self, store: Store[Any], place: Place, outside: Outside) -> None:
        expected, value = version_of(store.current(place)), fresh()
        version = publish(store, place, value)
        before = outside.footprint()
        assert store.write(place, value, expected, "rotation-1") == version
        store.promote(place, version, expected)
        assert outside.footprint() == before

    def test_a_value_that_is_already_there_is_not_written_again(
        self, store: Store[Any], place: Place, outside: Outside
    ) -> None:
        value = fresh()
        outside.put(value.reveal())
        current, before = store.current(place), outside.footprint()
        version = store.write(place, value, version_of(current), "rotation-1")
        store.promote(place, version, version_of(current))
        assert version == version_of(current)
        assert outside.footprint() == before

    def test_one_rotation_follows_another(self, store: Store[Any], place: Place, outside: Outside) -> None:
        first, second = fresh(), fresh()
        assert publish(store, place, first, "rotation-1") != publish(store, place, second, "rotation-2")
        assert outside.field() == second.reveal()

    @pytest.mark.parametrize("text", AWKWARD_VALUES)
    def test_awkward_values_arrive_as_they_are(
        self, store: Store[Any], place: Place, outside: Outside, traits: StoreTraits, text: str
    ) -> None:
        before = outside.siblings()
        publish(store, place, SecretValue(text))
        assert outside.field() == text
        assert outside.siblings() == before
        assert held(store.current(place)) == (text if traits.readable else None)

    @pytest.mark.parametrize("text", ["two\nlines", "ends-with-a-newline\n", "carriage\r\nreturn", "nul\x00byte"])
    def test_what_a_place_cannot_carry_is_refused_and_never_mangled(
        self, store: Store[Any], place: Place, outside: Outside, text: str
    ) -> None:
        before = (outside.field(), outside.siblings(), outside.footprint())
        try:
            publish(store, place, SecretValue(text))
        except Permanent:
            assert (outside.field(), outside.siblings(), outside.footprint()) == before
        else:
            assert (outside.field(), outside.siblings()) == (text, before[1])

    # --- finding again ---

    def test_a_write_is_found_by_its_key_before_and_after_it_is_promoted(
        self, store: Store[Any], place: Place, traits: StoreTraits
    ) -> None:
        expected, value = version_of(store.current(place)), fresh()
        version = store.write(place, value, expected, "rotation-1")
        in_sight = value.reveal() if traits.readable else None
        assert held(store.written(place, "rotation-1")) == in_sight
        assert version_of(store.written(place, "rotation-1")) == version
        store.promote(place, version, expected)
        assert held(store.written(place, "rotation-1")) == in_sight

    def test_a_key_that_wrote_nothing_finds_nothing_of_ours(self, store: Store[Any], place: Place) -> None:
        found, current = store.written(place, "rotation-never"), store.current(place)
        assert found is None or version_of(found) == version_of(current)

    def test_what_was_written_reads_back_by_its_version(
        self, store: Store[Any], place: Place, traits: StoreTraits
    ) -> None:
        value = fresh()
        version = publish(store, place, value)
        assert held(store.read(place, version)) == (value.reveal() if traits.readable else None)

    def test_a_version_that_never_was_is_not_to_be_had(self, store: Store[Any], place: Place) -> None:
        assert store.read(place, Version("00000000-0000-4000-8000-000000000000")) is None

    def test_discarding_is_repeatable_and_leaves_what_is_in_force(
        self, store: Store[Any], place: Place, outside: Outside
    ) -> None:
        value = fresh()
        publish(store, place, value)
        before = outside.footprint()
        store.discard(place, "rotation-1")
        store.discard(place, "rotation-1")
        store.discard(place, "rotation-never")
        assert outside.field() == value.reveal()
        assert outside.footprint() == before

    # --- keeping quiet ---

    def test_nothing_it_shows_holds_a_value(self, store: Store[Any], place: Place, outside: Outside) -> None:
        old, new = fresh(), fresh()
        outside.put(old.reveal())
        stored = store.current(place)
        version = publish(store, place, new)
        refusal = refusal_of(lambda: store.restore(place, Version("no-such-version"), version))
        shown = f"{stored!r} {store!r} {place!r} {version!r} {store.read(place, version)!r} {refusal!r} {refusal}"
        assert old.reveal() not in shown
        assert new.reveal() not in shown
