"""A whole rotation into an app: the old token lives until the release has succeeded and dynos run it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from providers.stores.heroku.plugin import HerokuPlace
from providers.stores.heroku.store import HerokuStore
from rotator.domain.model import ConnectionName, Phase, Target
from rotator.flow import adoption
from rotator.flow.report import Outcome
from rotator.flow.work import OpenDestination
from tests.fakes.fault_proxy import FaultProxy, first, lose_answer
from tests.fakes.heroku import App
from tests.fakes.world import World
from tests.integration.heroku.conftest import SIBLINGS, VAR


class WorldWithAnApp(World):
    """An issuer in memory and a real ledger; the one destination is a config var."""

    def __init__(self, folder: Path, store: HerokuStore, app: App, proxy: FaultProxy) -> None:
        super().__init__(folder, stores={})
        self.store, self.app, self.proxy = store, app, proxy
        target = Target(ConnectionName("heroku"), {"app": app.name, "var": VAR})
        self.policies["app"] = replace(self.policies["app"], targets=(target,))
        token = self.issuer_fake.make_by_hand("app-by-hand", foreign=False)
        self.old = token.value
        app.set({VAR: token.value})
        adoption.adopt(self.worker().runner.tools, self.policies["app"], token.handle)

    def destination(self, target: Target) -> OpenDestination:
        return OpenDestination(self.store, HerokuPlace(**target.place))

    @property
    def in_force(self) -> str:
        return self.app.in_force.vars[VAR]


@pytest.fixture
def world(tmp_path: Path, store: HerokuStore, app: App, proxy: FaultProxy) -> Iterator[WorldWithAnApp]:
    made = WorldWithAnApp(tmp_path, store, app, proxy)
    yield made
    made.ledger.close()


def test_one_release_and_the_old_token_is_dead(world: WorldWithAnApp) -> None:
    before = world.app.newest.number
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.alive() == {world.in_force} != {world.old}
    assert world.app.newest.number == before + 1
    assert {name: world.app.in_force.vars[name] for name in SIBLINGS} == SIBLINGS


def test_a_release_command_that_takes_long_is_waited_for_by_a_later_run(world: WorldWithAnApp) -> None:
    world.app.release_command = True
    report = world.worker().rotate()
    assert report.outcome is Outcome.UNFINISHED
    assert report.rotation is not None
    assert report.rotation.phase is Phase.PUBLISHED
    assert "release command" in report.rotation.trouble.what
    assert world.old in world.alive()
    assert world.in_force == world.old
    world.app.end_release_command()
    world.worker().resume()
    assert world.alive() == {world.in_force} != {world.old}


def test_a_release_command_that_failed_keeps_the_old_token_until_it_was_put_right(world: WorldWithAnApp) -> None:
    world.app.release_command = True
    world.worker().rotate()
    world.app.end_release_command(succeeds=False)
    rotation = world.worker().resume()
    assert rotation.trouble is not None
    assert rotation.trouble.needs_operator
    assert world.in_force == world.old
    assert world.old in world.alive()
    world.app.release_command = False
    world.worker().resume()
    assert world.alive() == {world.in_force} != {world.old}


def test_a_process_that_died_finds_its_value_in_the_release_that_is_not_done(world: WorldWithAnApp) -> None:
    world.app.release_command = True
    cut_off = first(lambda: world.proxy.fail("GET", "/releases", lose_answer(), times=None))
    world.proxy.fail("PATCH", "/config-vars", cut_off)
    assert world.worker().rotate().outcome is Outcome.UNFINISHED
    world.proxy.heal()
    written = world.app.newest.vars[VAR]
    world.app.end_release_command()
    world.worker().resume()
    assert world.alive() == {world.in_force} == {written}
    assert len(world.proxy.sent("PATCH", ".")) == 1


def test_a_deploy_at_the_worst_moment_is_taken_up(world: WorldWithAnApp) -> None:
    world.proxy.fail("PATCH", "/config-vars", first(lambda: world.app.set({"RACK_ENV": "staging"})))
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.alive() == {world.in_force}
    assert world.app.in_force.vars["RACK_ENV"] == "staging"


def test_dynos_that_linger_keep_the_old_token_alive(world: WorldWithAnApp) -> None:
    world.app.slow_dynos = True
    assert world.worker().rotate().outcome is Outcome.UNFINISHED
    assert world.old in world.alive()
    world.app.replace_dynos()
    world.worker().resume()
    assert world.alive() == {world.in_force}
