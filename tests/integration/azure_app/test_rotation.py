"""Whole rotations of an application's secret by the engine, in a directory that lags."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.domain.contracts import Issuer
from rotator.domain.model import IssuerRef, Proof
from rotator.flow import adoption
from rotator.flow.inspection import inspect
from rotator.flow.report import Outcome
from tests.fakes.fault_proxy import lose_answer
from tests.fakes.world import World
from tests.integration.azure_app.setting import Directory


class WorldOnEntra(World):
    """Stores in memory and a real ledger; the issuer is ours, and the fake directory holds the truth."""

    def __init__(self, folder: Path, directory: Directory, application: str) -> None:
        super().__init__(folder)
        self.clock, self.directory, self.application = directory.clock, directory, application
        self.opened = directory.issuer(application, propagation="30s")
        self.old = directory.graph.secret_by_hand(application)
        self.stores["vault"].put_by_hand("app", self.old.value)
        adoption.adopt(self.worker(timedelta(minutes=10)).runner.tools, self.policies["app"], self.old.key_id)
        self.clock.move(hours=1)
        directory.graph.lag = timedelta(seconds=20)

    def issuer(self, _ref: IssuerRef) -> Issuer:
        return self.opened


@pytest.fixture
def world(tmp_path: Path, directory: Directory, application: str) -> Iterator[WorldOnEntra]:
    made = WorldOnEntra(tmp_path, directory, application)
    yield made
    made.ledger.close()


def assert_one_secret_is_left_and_in_force(world: WorldOnEntra) -> None:
    [left] = world.directory.graph.alive(world.application)
    assert left is not world.old
    assert world.held_everywhere() == left.value


def test_the_check_before_the_first_rotation_hears_entra_refuse_garbage(world: WorldOnEntra) -> None:
    first, *_ = inspect(world, world.policies["app"])
    assert (first.error, first.said) == (None, "logged in; 1 token")


def test_the_new_secret_is_in_force_and_the_old_one_is_refused(world: WorldOnEntra) -> None:
    report = world.worker(timedelta(minutes=10)).rotate()
    assert report.outcome is Outcome.ROTATED
    assert report.rotation.old.proof is Proof.REFUSED
    assert_one_secret_is_left_and_in_force(world)


def test_a_secret_whose_creation_was_not_answered_is_found_removed_and_made_again(world: WorldOnEntra) -> None:
    world.directory.proxy.fail("POST", "/addPassword$", lose_answer())
    assert world.worker(timedelta(minutes=10)).rotate().outcome is Outcome.ROTATED
    assert len(world.directory.graph.applications[world.application]) == 3
    assert_one_secret_is_left_and_in_force(world)
