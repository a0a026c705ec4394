"""A new value counts when its release has succeeded and dynos run it: release commands, failures, restarts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from providers.stores.heroku.plugin import HerokuPlace
from providers.stores.heroku.store import HerokuStore
from rotator.domain.errors import Conflict, NeedsOperator, Permanent, Temporary
from rotator.domain.model import Version
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from rotator.testing.store_contract import fresh, held, refusal_of, version_of
from tests.fakes.fault_proxy import FaultProxy, answer
from tests.fakes.heroku import App
from tests.integration.heroku.conftest import VAR, AtTheDashboard, opened


@pytest.fixture
def with_a_release_command(app: App) -> App:
    app.release_command = True
    return app


def write(store: HerokuStore, place: HerokuPlace, value=None) -> Version:
    return store.write(place, value or fresh(), version_of(store.current(place)), "rotation-1")


def test_without_a_release_command_a_value_is_in_force_at_once(store: HerokuStore, place: HerokuPlace) -> None:
    store.settle(place, write(store, place))


def test_old_dynos_that_preboot_keeps_and_heroku_does_not_list_are_waited_for(
    app: App, proxy: FaultProxy, token: str, place: HerokuPlace
) -> None:
    app.preboot = True
    access = DictionaryAccess({"token": token})
    access.clock = clock = MovingClock()
    store = opened(proxy.url, token, access)
    version = write(store, place)
    clock.move(minutes=2)
    waiting = refusal_of(lambda: store.settle(place, version))
    assert type(waiting) is Temporary
    assert waiting.retry_after == timedelta(minutes=3)
    clock.move(minutes=3)
    store.settle(place, version)


def test_a_token_that_may_not_see_whether_preboot_is_on_is_told_before_anything_is_touched(
    store: HerokuStore, place: HerokuPlace, proxy: FaultProxy
) -> None:
    proxy.fail("GET", "/features", answer(403, {}, b'{"id": "forbidden", "message": "no"}'))
    with pytest.raises(Permanent, match="features"):
        store.preflight(place)


def test_while_the_release_command_runs_consumers_have_the_old_value_and_we_wait(
    store: HerokuStore, place: HerokuPlace, with_a_release_command: App
) -> None:
    value = fresh()
    version = write(store, place, value)
    assert (version, held(store.current(place))) == ("v4", "tok_first_of_all")
    waiting = refusal_of(lambda: store.settle(place, version))
    assert type(waiting) is Temporary
    assert waiting.retry_after == timedelta(seconds=10)
    with_a_release_command.end_release_command()
    store.settle(place, version)
    assert held(store.current(place)) == value.reveal()


def test_a_repeated_write_finds_itself_in_the_release_that_is_not_done(
    store: HerokuStore, place: HerokuPlace, with_a_release_command: App, proxy: FaultProxy
) -> None:
    value, expected = fresh(), version_of(store.current(place))
    version = store.write(place, value, expected, "rotation-1")
    assert store.write(place, value, expected, "rotation-1") == version
    assert len(proxy.sent("PATCH", ".")) == 1


def test_a_value_that_waits_for_its_release_is_found_after_a_crash(
    store: HerokuStore, place: HerokuPlace, with_a_release_command: App
) -> None:
    value = fresh()
    version = write(store, place, value)
    found = store.written(place, "rotation-1")
    assert (version_of(found), held(found)) == (version, value.reveal())


def test_a_failed_release_command_needs_a_person_and_leaves_the_old_value(
    store: HerokuStore, place: HerokuPlace, with_a_release_command: App, outside: AtTheDashboard
) -> None:
    version = write(store, place)
    with_a_release_command.end_release_command(succeeds=False)
    refusal = refusal_of(lambda: store.settle(place, version))
    assert isinstance(refusal, NeedsOperator)
    assert "heroku releases:output v4 --app acme-web" in refusal.remedy
    assert outside.field() == held(store.current(place)) == "tok_first_of_all"


def test_a_failed_release_that_was_retried_is_settled(
    store: HerokuStore, place: HerokuPlace, with_a_release_command: App
) -> None:
    version = write(store, place)
    with_a_release_command.end_release_command(succeeds=False)
    with_a_release_command.release(with_a_release_command.newest.vars, "Retry of v4")
    with_a_release_command.end_release_command()
    store.settle(place, version)


def test_after_a_failed_release_the_value_is_set_again(
    store: HerokuStore, place: HerokuPlace, with_a_release_command: App, outside: AtTheDashboard
) -> None:
    value, expected = fresh(), version_of(store.current(place))
    failed = store.write(place, value, expected, "rotation-1")
    with_a_release_command.end_release_command(succeeds=False)
    with pytest.raises(Conflict):  # the release that failed is not what is in force: the engine looks again
        store.write(place, value, failed, "rotation-1")
    again = store.write(place, value, version_of(store.current(place)), "rotation-1")
    with_a_release_command.end_release_command()
    store.settle(place, again)
    assert outside.field() == value.reveal()


def test_somebody_elses_release_is_waited_for_before_anything_is_set(
    store: HerokuStore, place: HerokuPlace, with_a_release_command: App, proxy: FaultProxy
) -> None:
    with_a_release_command.release(description="Deploy 5e6f7a8b")
    refusal = refusal_of(lambda: write(store, place))
    assert type(refusal) is Temporary
    assert refusal.retry_after
    assert proxy.sent("PATCH", ".") == []
    with_a_release_command.end_release_command()
    write(store, place)


def test_a_change_of_our_var_that_waits_for_its_release_is_a_conflict_once_it_is_there(
    store: HerokuStore, place: HerokuPlace, with_a_release_command: App, outside: AtTheDashboard
) -> None:
    outside.put("set-by-hand")
    looked = store.current(place)
    with_a_release_command.end_release_command()
    with pytest.raises(Conflict):
        store.write(place, fresh(), version_of(looked), "rotation-1")


def test_a_later_deploy_carries_our_value_with_it(store: HerokuStore, place: HerokuPlace, app: App) -> None:
    version = write(store, place)
    app.release()
    store.settle(place, version)


def test_dynos_that_still_run_the_old_release_are_waited_for(store: HerokuStore, place: HerokuPlace, app: App) -> None:
    app.slow_dynos = True
    version = write(store, place)
    waiting = refusal_of(lambda: store.settle(place, version))
    assert type(waiting) is Temporary
    assert "web.1" in waiting.what
    app.replace_dynos()
    store.settle(place, version)


def test_a_part_of_the_dynos_is_not_taken_for_all_of_them(
    store: HerokuStore, place: HerokuPlace, app: App, proxy: FaultProxy
) -> None:
    app.slow_dynos = True
    version = write(store, place)
    proxy.fail("GET", "/dynos", answer(206, {"Next-Range": "]web.1..; max=1000"}, b"[]"))
    refusal = refusal_of(lambda: store.settle(place, version))
    assert type(refusal) is Permanent
    assert "only a part" in str(refusal)


def test_one_off_dynos_are_not_waited_for(store: HerokuStore, place: HerokuPlace, app: App) -> None:
    app.dynos["run.7788"] = 3
    store.settle(place, write(store, place))


def test_an_app_whose_releases_all_failed_is_told(store: HerokuStore, place: HerokuPlace, app: App) -> None:
    app.release_command = True
    for _ in range(50):
        app.release()
        app.end_release_command(succeeds=False)
    refusal = refusal_of(lambda: store.current(place))
    assert isinstance(refusal, NeedsOperator)
    assert "50 releases" in refusal.what


@pytest.mark.parametrize("version", ["v900", "7c6f"])
def test_a_version_that_is_none_cannot_be_settled(store: HerokuStore, place: HerokuPlace, version: str) -> None:
    assert isinstance(refusal_of(lambda: store.settle(place, Version(version))), Permanent)


def test_a_rollback_by_hand_is_seen(store: HerokuStore, place: HerokuPlace, app: App) -> None:
    version = write(store, place)
    app.release(app.releases[2].vars, "Rollback to v3")
    store.settle(place, version)
    assert held(store.current(place)) == "tok_first_of_all"
    assert app.in_force.vars[VAR] == "tok_first_of_all"
