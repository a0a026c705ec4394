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

from collections.abc import Callable
from typing import Any, Protocol
from uuid import uuid4

import pytest

from rotator.domain.contracts import Place, Store, Stored, StoreTraits, VersionedStore
from rotator.domain.errors import Conflict, NeedsOperator, Permanent, RotatorError
from rotator.domain.model import Version
from rotator.domain.secret_value import SecretValue

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


class Outside(Protocol):
    """Somebody else at the same place."""

    def put(self, value: str) -> None:
        """Set our field as another person would; consumers see it at once."""
        ...

    def field(self) -> str | None:
        """Read our field as a consumer does."""
        ...

    def siblings(self) -> object:
        """Give everything at the place but our field, in order. Equal before and after: untouched."""
        ...

    def footprint(self) -> object:
        """Give something that differs whenever anything at all was written to the place."""
        ...


class StagingOutside(Outside, Protocol):
    def stage(self, value: str) -> None:
        """Leave a pending version behind, as another rotation would."""
        ...


def fresh() -> SecretValue:
    """Make a value that was never used before."""
    return SecretValue(f"tok_{uuid4().hex}")


def publish(store: Store[Any], place: Place, value: SecretValue, key: str = "rotation-1") -> Version:
    """Write and promote against what is there now, as the engine does."""
    expected = version_of(store.current(place))
    version = store.write(place, value, expected, key)
    store.promote(place, version, expected)
    return version


def version_of(stored: Stored | None) -> Version | None:
    return stored.version if stored else None


def held(stored: Stored | None) -> str | None:
    """Give what a look at the store brought back, bare, for comparing."""
    return stored.value.reveal() if stored and stored.value else None


def refusal_of(call: Callable[[], object]) -> RotatorError:
    """Give the error that a call ends in. It fails when the call is not refused."""
    with pytest.raises(RotatorError) as caught:
        call()
    return caught.value


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
