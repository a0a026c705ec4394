"""Whole rotations of a secret id by the engine, on a real OpenBao."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rotator.domain.contracts import Issuer
from rotator.domain.model import IssuerRef, Proof
from rotator.domain.secret_value import SecretValue
from rotator.flow import adoption
from rotator.flow.inspection import inspect
from rotator.flow.report import Outcome
from rotator.testing.moving_clock import MovingClock
from tests.fakes.world import World
from tests.integration.openbao_approle.setting import Role


class WorldOnOpenBao(World):
    """Stores in memory and a real ledger; the issuer is ours, and OpenBao holds the truth."""

    def __init__(self, folder: Path, role: Role) -> None:
        super().__init__(folder)
        self.clock = MovingClock(datetime.now(UTC))
        self.role, self.opened = role, role.issuer(end_logins=True)
        self.old = role.by_hand()["secret_id"]
        self.stores["vault"].put_by_hand("app", self.old)
        adoption.adopt(self.worker().runner.tools, self.policies["app"], None)

    def issuer(self, _ref: IssuerRef) -> Issuer:
        return self.opened


@pytest.fixture
def world(tmp_path: Path, role: Role) -> Iterator[WorldOnOpenBao]:
    made = WorldOnOpenBao(tmp_path, role)
    yield made
    made.ledger.close()


def test_the_check_before_the_first_rotation_hears_garbage_refused(world: WorldOnOpenBao) -> None:
    first, *_ = inspect(world, world.policies["app"])
    assert (first.error, first.said) == (None, "logged in; 1 token")


def test_the_new_one_is_in_force_and_the_old_one_is_refused(world: WorldOnOpenBao) -> None:
    report = world.worker().rotate()
    assert report.outcome is Outcome.ROTATED
    assert report.rotation.old.proof is Proof.REFUSED
    assert world.role.login(world.old) is None
    assert world.role.login(world.held_everywhere()) is not None
    assert len(list(world.opened.tokens())) == 1


def test_one_that_was_made_for_a_process_that_died_is_found_by_name_and_ended(world: WorldOnOpenBao) -> None:
    with world.killed_at("before ledger.record", occurrence=2):  # the first is the intent
        world.worker().rotate()
    lost = {info.handle for info in world.opened.tokens() if info.name}
    assert len(lost) == 1
    world.lease_runs_out()
    assert world.worker().resume().old.proof is Proof.REFUSED
    [kept] = world.opened.tokens()
    assert kept.handle not in lost
    assert world.opened.verify(SecretValue(world.held_everywhere())).handle == kept.handle
