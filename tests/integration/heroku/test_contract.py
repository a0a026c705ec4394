"""The heroku store keeps the contract, and what follows from how Heroku keeps config vars."""

from __future__ import annotations

import pytest

from providers.stores.heroku.plugin import HerokuPlace
from providers.stores.heroku.store import HerokuStore
from rotator.domain.errors import Conflict, Permanent
from rotator.domain.model import Version
from rotator.domain.secret_value import SecretValue
from rotator.testing.store_contract import (
    KeepsVersions,
    StoreContract,
    fresh,
    held,
    publish,
    refusal_of,
    version_of,
)
from tests.fakes.fault_proxy import FaultProxy
from tests.fakes.heroku import App, Heroku
from tests.integration.heroku.conftest import VAR, AtTheDashboard, opened


class TestHeroku(KeepsVersions, StoreContract):
    @pytest.fixture
    def store(self, store: HerokuStore) -> HerokuStore:
        return store

    @pytest.fixture
    def place(self, place: HerokuPlace) -> HerokuPlace:
        return place

    @pytest.fixture
    def outside(self, outside: AtTheDashboard) -> AtTheDashboard:
        return outside

    @pytest.fixture
    def missing_place(self, app: App) -> HerokuPlace:
        return HerokuPlace(app="acme-nowhere", var=VAR)

    def test_every_earlier_version_with_a_dead_token_is_put_away_and_no_other(
        self, store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard
    ) -> None:
        """It cannot: an app's releases keep their vars. That is said, and changes nothing."""
        publish(store, place, fresh())
        footprint = outside.footprint()
        assert isinstance(refusal_of(lambda: store.put_away(place, lambda _earlier: True)), Permanent)
        assert outside.footprint() == footprint

    test_nothing_is_put_away_that_is_not_said_to_be_dead = None  # it puts nothing away, see above


def test_what_somebody_else_set_since_is_not_overwritten(
    store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard
) -> None:
    stale = version_of(store.current(place))
    outside.put("set-by-hand")
    before = outside.footprint()
    refusal = refusal_of(lambda: store.write(place, fresh(), stale, "rotation-1"))
    assert isinstance(refusal, Conflict)
    assert "set-by-hand" not in str(refusal)
    assert outside.footprint() == before


def test_an_app_that_was_not_expected_to_exist_is_left_alone(
    store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard
) -> None:
    before = outside.footprint()
    with pytest.raises(Conflict):
        store.write(place, fresh(), None, "rotation-1")
    assert outside.footprint() == before


def test_a_deploy_and_another_var_are_no_conflict(store: HerokuStore, place: HerokuPlace, app: App) -> None:
    expected, value = version_of(store.current(place)), fresh()
    app.release()
    app.set({"RACK_ENV": "staging"})
    assert store.write(place, value, expected, "rotation-1") == "v6"
    assert app.in_force.vars[VAR] == value.reveal()
    assert app.in_force.vars["RACK_ENV"] == "staging"


def test_a_version_that_heroku_forgot_is_a_conflict_until_it_is_looked_at_again(
    store: HerokuStore, place: HerokuPlace
) -> None:
    with pytest.raises(Conflict):
        store.write(place, fresh(), Version("v900"), "rotation-1")


def test_one_change_is_one_request_and_one_release(
    store: HerokuStore, place: HerokuPlace, app: App, proxy: FaultProxy
) -> None:
    publish(store, place, fresh())
    assert app.newest.number == 4
    assert len(proxy.sent("PATCH", ".")) == 1
    assert proxy.sent("POST", ".") == []


def test_a_var_that_is_not_there_yet_is_made_and_taken_away_again(store: HerokuStore, app: App) -> None:
    place = HerokuPlace(app=app.name, var="NEW_TOKEN")
    before = store.preflight(place)
    assert before is not None
    assert before.value is None
    version = publish(store, place, fresh())
    store.restore(place, before.version, version)
    assert "NEW_TOKEN" not in app.in_force.vars


def test_going_back_changes_our_var_and_leaves_the_code_and_the_others(
    store: HerokuStore, place: HerokuPlace, app: App, outside: AtTheDashboard
) -> None:
    outside.put("old")
    before = store.current(place)
    assert before is not None
    publish(store, place, fresh())
    app.set({"RACK_ENV": "staging"})
    app.release(description="Deploy 5e6f7a8b")
    store.restore(place, before.version, version_of(store.current(place)))
    assert outside.field() == "old"
    assert app.in_force.vars["RACK_ENV"] == "staging"
    assert app.newest.description == f"Set {VAR} config vars"


def test_an_app_may_be_named_by_its_id(store: HerokuStore, app: App, outside: AtTheDashboard) -> None:
    value = fresh()
    publish(store, HerokuPlace(app=app.id, var=VAR), value)
    assert outside.field() == value.reveal()


def test_an_empty_var_holds_no_value(store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard) -> None:
    outside.put("")
    current = store.current(place)
    assert current is not None
    assert current.value is None


def test_a_value_with_a_nul_is_refused_before_anything_is_sent(
    store: HerokuStore, place: HerokuPlace, proxy: FaultProxy
) -> None:
    assert isinstance(refusal_of(lambda: store.write(place, SecretValue("tok_\0"), None, "rotation-1")), Permanent)
    assert proxy.seen == []


# --- what preflight finds ---


def test_a_var_that_an_add_on_sets_is_refused_beforehand(store: HerokuStore, app: App) -> None:
    app.addons["postgresql-curved-12345"] = ["DATABASE_URL"]
    place = HerokuPlace(app=app.name, var="DATABASE_URL")
    refusal = refusal_of(lambda: store.preflight(place))
    assert isinstance(refusal, Permanent)
    assert "postgresql-curved-12345" in str(refusal)


def test_a_var_of_an_add_on_that_another_app_pays_for_is_refused_by_heroku(
    store: HerokuStore, place: HerokuPlace, app: App, proxy: FaultProxy
) -> None:
    expected = version_of(store.current(place))
    app.addons["shared-redis"] = [VAR]
    refusal = refusal_of(lambda: store.write(place, fresh(), expected, "rotation-1"))
    assert isinstance(refusal, Permanent)
    assert "belongs to an add-on" in str(refusal)
    assert app.newest.number == 3


@pytest.mark.parametrize("scopes", [{"read"}, {"write"}, {"read-protected", "identity"}])
def test_a_token_that_may_not_set_vars_is_told_beforehand(heroku: Heroku, place: HerokuPlace, scopes: set[str]) -> None:
    heroku.tokens["HRKU-of-a-weak-one"] = scopes
    refusal = refusal_of(lambda: opened(heroku.url, "HRKU-of-a-weak-one").preflight(place))
    assert isinstance(refusal, Permanent)
    assert "write-protected" in refusal.remedy
    for scope in scopes:
        assert scope in refusal.what


def test_a_token_for_everything_will_do(heroku: Heroku, place: HerokuPlace) -> None:
    heroku.tokens["HRKU-of-an-owner"] = {"global"}
    store = opened(heroku.url, "HRKU-of-an-owner")
    assert held(store.preflight(place)) == "tok_first_of_all"
