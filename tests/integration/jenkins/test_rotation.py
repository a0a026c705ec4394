"""A rotation into a credential: the old token lives until Jenkins has the new one. In doubt, somebody is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from providers.stores.jenkins.plugin import JenkinsPlace
from providers.stores.jenkins.store import JenkinsStore
from rotator.domain.model import ConnectionName, Target
from rotator.flow import adoption
from rotator.flow.report import Outcome
from rotator.flow.work import OpenDestination
from tests.fakes.fault_proxy import FaultProxy, answer, first, lose_answer
from tests.fakes.world import World
from tests.integration.jenkins.setting import SECRET_TEXT, AtTheCredential


class WorldWithAJenkins(World):
    """An issuer in memory and a real ledger; the one destination is a credential."""

    def __init__(self, folder: Path, store: JenkinsStore, outside: AtTheCredential) -> None:
        super().__init__(folder, stores={})
        self.store, self.outside = store, outside
        target = Target(ConnectionName("ci"), {"credential": SECRET_TEXT.credential})
        self.policies["app"] = replace(self.policies["app"], targets=(target,))
        token = self.issuer_fake.make_by_hand("app-by-hand", foreign=False)
        self.old = token.value
        outside.put(token.value)
        adoption.adopt(self.worker().runner.tools, self.policies["app"], token.handle)

    def destination(self, target: Target) -> OpenDestination:
        return OpenDestination(self.store, JenkinsPlace(**target.place))

    def is_in_step(self) -> bool:
        return self.alive() == {self.outside.field()} != {self.old}


@pytest.fixture
def world(tmp_path: Path, store: JenkinsStore, outside: AtTheCredential) -> Iterator[WorldWithAJenkins]:
    made = WorldWithAJenkins(tmp_path, store, outside)
    yield made
    made.ledger.close()


def test_a_token_is_replaced_with_all_around_it_kept(world: WorldWithAJenkins) -> None:
    before = world.outside.siblings()
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.is_in_step()
    assert world.outside.siblings() == before


def test_a_write_whose_answer_was_lost_is_mended_by_the_next_run(world: WorldWithAJenkins, proxy: FaultProxy) -> None:
    proxy.fail("POST", "config.xml", lose_answer(), times=None)
    assert world.worker().rotate().outcome is Outcome.UNFINISHED
    assert world.old in world.alive()
    proxy.heal()
    world.worker().resume()
    assert world.is_in_step()


def test_a_user_that_may_not_update_leaves_the_old_token_in_force(world: WorldWithAJenkins, proxy: FaultProxy) -> None:
    denied = {"X-Required-Permission": "com.cloudbees.plugins.credentials.CredentialsProvider.Update"}
    proxy.fail("POST", "config.xml", answer(403, denied), times=None)
    report = world.worker().rotate()
    assert report.outcome is Outcome.WITHDRAWN
    assert world.alive() == {world.old} == {world.outside.field()}


def test_an_edit_after_the_write_is_written_over_only_when_a_person_says_so(
    world: WorldWithAJenkins, proxy: FaultProxy
) -> None:
    def edited_before_it_is_confirmed() -> None:
        proxy.fail("GET", "api/json", first(lambda: None))
        proxy.fail("GET", "api/json", first(lambda: world.outside.edit(description="theirs", secret="set-by-hand")))

    proxy.fail("POST", "config.xml", first(edited_before_it_is_confirmed))
    assert world.worker().rotate().outcome is Outcome.UNFINISHED
    assert world.old in world.alive()
    assert world.outside.field() == "set-by-hand"
    world.worker().resume()
    assert world.is_in_step()
    assert world.outside.credential.fields["description"] == "theirs"
