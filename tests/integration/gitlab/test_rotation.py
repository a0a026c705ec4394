"""A whole rotation into a variable, one that can be read and one that is hidden."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from providers.stores.gitlab.store import GitLabStore
from rotator.domain.model import ConnectionName, Phase, Target
from rotator.flow import adoption
from rotator.flow.report import Outcome
from rotator.flow.work import OpenDestination
from tests.fakes.fault_proxy import FaultProxy, Forward, lose_answer, refuse
from tests.fakes.gitlab import GitLab
from tests.fakes.world import World
from tests.integration.gitlab.setting import KEY, TOKEN, AtTheVariable, opened, place_of


class WorldWithAPipeline(World):
    """An issuer in memory and a real ledger; the one destination is a variable of a project."""

    def __init__(self, folder: Path, store: GitLabStore, at_gitlab: AtTheVariable) -> None:
        super().__init__(folder, stores={})
        self.store, self.at_gitlab = store, at_gitlab
        target = Target(
            ConnectionName("gitlab"), {"project": "acme/web", "var": KEY, "environment_scope": "production"}
        )
        self.policies["app"] = replace(self.policies["app"], targets=(target,))
        token = self.issuer_fake.make_by_hand("app-by-hand", foreign=False)
        self.old = token.value
        at_gitlab.put(token.value)
        adoption.adopt(self.worker().runner.tools, self.policies["app"], token.handle)

    def destination(self, target: Target) -> OpenDestination:
        return OpenDestination(self.store, place_of(**target.place))

    @property
    def in_force(self) -> str | None:
        return self.at_gitlab.field()


@pytest.fixture(params=["readable", "hidden"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(tmp_path: Path, store: GitLabStore, outside: AtTheVariable, kind: str) -> Iterator[WorldWithAPipeline]:
    outside.variable.hidden = outside.variable.masked = kind == "hidden"
    made = WorldWithAPipeline(tmp_path, store, outside)
    yield made
    made.ledger.close()


def cut_off(proxy: FaultProxy) -> None:
    """Let the next write arrive, and nothing more come back: the process can but end."""

    def fault(forward: Forward, _ending: Event) -> None:
        forward()
        proxy.fail("*", ".", refuse(), times=None)

    proxy.fail("PUT", KEY, fault)


def test_the_new_token_takes_the_old_ones_place_and_nothing_else_changes(world: WorldWithAPipeline) -> None:
    before = world.at_gitlab.siblings()
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.alive() == {world.in_force} != {world.old}
    assert world.at_gitlab.siblings() == before


def test_a_write_whose_answer_was_lost_is_mended_by_the_next_try(
    world: WorldWithAPipeline, proxy: FaultProxy, kind: str
) -> None:
    proxy.fail("PUT", KEY, lose_answer())
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.alive() == {world.in_force} != {world.old}
    assert len(proxy.sent("PUT", KEY)) == (1 if kind == "readable" else 2)


def test_a_process_that_died_finds_its_value_where_it_can_be_read_and_else_another_token_is_issued(
    world: WorldWithAPipeline, proxy: FaultProxy, kind: str
) -> None:
    cut_off(proxy)
    assert world.worker().rotate().outcome is Outcome.UNFINISHED
    written = world.in_force
    assert {world.old, written} <= world.alive()
    proxy.heal()
    world.store = opened(proxy.url)
    world.worker().resume()
    assert world.alive() == {world.in_force}
    assert (world.in_force == written) is (kind == "readable")


@pytest.mark.parametrize("kind", ["readable"], indirect=True)
def test_the_connections_own_token_may_be_replaced_in_the_middle(
    world: WorldWithAPipeline, service: GitLab, proxy: FaultProxy
) -> None:
    """It keys the versions, so all of them are others from then on."""
    proxy.fail("PUT", KEY, refuse(), times=None)
    assert world.worker().rotate().outcome is Outcome.UNFINISHED
    proxy.heal()
    service.tokens["glpat-the_next"] = service.tokens.pop(TOKEN)
    world.store = opened(proxy.url, "glpat-the_next")
    assert world.worker().resume().phase is Phase.RETIRED
    assert world.alive() == {world.in_force} != {world.old}


@pytest.mark.parametrize("kind", ["readable"], indirect=True)
def test_what_somebody_else_set_is_written_over_only_when_a_person_says_so(
    world: WorldWithAPipeline, proxy: FaultProxy
) -> None:
    proxy.fail("PUT", KEY, refuse(), times=None)
    world.worker().rotate()
    proxy.heal()
    world.at_gitlab.put("set-by-hand")
    rotation = world.worker().resume()
    assert rotation.trouble is not None
    assert rotation.trouble.needs_operator
    assert world.in_force == "set-by-hand"
    assert world.old in world.alive()
    world.worker().resume()
    assert world.alive() == {world.in_force} != {world.old}
