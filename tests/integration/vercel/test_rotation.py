"""A whole rotation into a variable: the old token lives until production was deployed with the new one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from providers.stores.vercel.store import VercelStore
from rotator.domain.model import ConnectionName, Phase, Target
from rotator.flow import adoption
from rotator.flow.report import Outcome
from rotator.flow.work import OpenDestination
from tests.fakes.fault_proxy import FaultProxy, first, lose_answer
from tests.fakes.world import World
from tests.integration.vercel.setting import VAR, AtTheRecord, place_of


class WorldWithASite(World):
    """An issuer in memory and a real ledger; the one destination is a variable of a project in production."""

    def __init__(self, folder: Path, store: VercelStore, at_vercel: AtTheRecord) -> None:
        super().__init__(folder, stores={})
        self.store, self.at_vercel = store, at_vercel
        self.service, self.project = at_vercel.service, at_vercel.project
        target = Target(
            ConnectionName("vercel"), {"project": "site", "var": VAR, "targets": ["production"], "redeploy": "redeploy"}
        )
        self.policies["app"] = replace(self.policies["app"], targets=(target,))
        token = self.issuer_fake.make_by_hand("app-by-hand", foreign=False)
        self.old = token.value
        at_vercel.put(token.value)
        self.service.account.deployed(self.project)
        adoption.adopt(self.worker().runner.tools, self.policies["app"], token.handle)

    def destination(self, target: Target) -> OpenDestination:
        return OpenDestination(self.store, place_of(**target.place))

    @property
    def in_production(self) -> str:
        assert self.project.production is not None
        return self.project.production.values[VAR]

    def deploy(self, state: str) -> None:
        self.service.account.move(self.project, self.project.deployments[0], state)


@pytest.fixture(params=["encrypted", "sensitive"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(tmp_path: Path, store: VercelStore, outside: AtTheRecord, kind: str) -> Iterator[WorldWithASite]:
    outside.env.type = kind
    made = WorldWithASite(tmp_path, store, outside)
    yield made
    made.ledger.close()


def test_a_build_is_waited_for_by_a_later_run_and_then_the_old_token_dies(world: WorldWithASite) -> None:
    report = world.worker().rotate()
    assert report.outcome is Outcome.UNFINISHED
    assert report.rotation is not None
    assert report.rotation.phase is Phase.PUBLISHED
    assert world.in_production == world.old
    assert world.old in world.alive()
    world.deploy("READY")
    world.worker().resume()
    assert world.alive() == {world.in_production} == {world.at_vercel.field()} != {world.old}


def test_a_build_that_failed_keeps_the_old_token_until_somebody_deployed(world: WorldWithASite) -> None:
    world.worker().rotate()
    world.deploy("ERROR")
    rotation = world.worker().resume()
    assert rotation.trouble is not None
    assert rotation.trouble.needs_operator
    assert world.old in world.alive()
    world.service.account.deployed(world.project)
    world.worker().resume()
    assert world.alive() == {world.in_production} != {world.old}


def test_a_write_whose_answer_was_lost_is_mended_by_the_next_run(world: WorldWithASite, proxy: FaultProxy) -> None:
    proxy.fail("PATCH", "/env/", lose_answer())
    assert world.worker().rotate().outcome is Outcome.UNFINISHED
    world.worker().resume()
    world.deploy("READY")
    world.worker().resume()
    assert world.alive() == {world.in_production} == {world.at_vercel.field()}


def test_a_change_by_somebody_else_is_written_over_only_when_a_person_says_so(world: WorldWithASite) -> None:
    world.worker().rotate()
    world.at_vercel.put("set-by-hand")
    world.deploy("READY")
    rotation = world.worker().resume()
    assert rotation.trouble is not None
    assert rotation.trouble.needs_operator
    assert world.at_vercel.field() == "set-by-hand"
    assert world.old in world.alive()
    world.worker().resume()
    world.deploy("READY")
    world.worker().resume()
    assert world.alive() == {world.in_production} == {world.at_vercel.field()}


@pytest.mark.parametrize("kind", ["encrypted"], indirect=True)
def test_a_process_that_died_finds_its_value_in_the_variable(world: WorldWithASite, proxy: FaultProxy) -> None:
    cut_off = first(lambda: proxy.fail("GET", "/env", lose_answer(), times=None))
    proxy.fail("PATCH", "/env/", cut_off)
    assert world.worker().rotate().outcome is Outcome.UNFINISHED
    proxy.heal()
    written = world.at_vercel.field()
    world.worker().resume()
    world.deploy("READY")
    world.worker().resume()
    assert world.alive() == {world.in_production} == {written}
    assert len(proxy.sent("PATCH", ".")) == 1
