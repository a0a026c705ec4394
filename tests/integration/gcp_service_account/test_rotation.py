"""Whole rotations of a service account's key by the engine, with lists without names and a project that lags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.domain.contracts import Issuer
from rotator.domain.model import IssuerRef, Proof
from rotator.flow import adoption
from rotator.flow.inspection import inspect
from rotator.flow.report import Outcome
from tests.fakes.fault_proxy import FaultProxy, lose_answer
from tests.fakes.gcp_iam import Gcp
from tests.fakes.world import World
from tests.integration.gcp_service_account.setting import opened

PATIENCE = timedelta(minutes=10)


class WorldOnGoogle(World):
    """Stores in memory and a real ledger; the issuer is ours, and the fake project holds the truth."""

    def __init__(self, folder: Path, gcp: Gcp, account: str, url: str) -> None:
        super().__init__(folder)
        self.clock, self.gcp, self.account = gcp.clock, gcp, account
        self.opened = opened(gcp, account, url=url, propagation="60s")
        self.old = gcp.key_by_hand(account)
        self.stores["vault"].put_by_hand("app", json.dumps(self.old.file(gcp.token_url), indent=2))
        adoption.adopt(self.worker(PATIENCE).runner.tools, self.policies["app"], None)
        self.clock.move(hours=1)
        gcp.lag = timedelta(seconds=40)

    def issuer(self, _ref: IssuerRef) -> Issuer:
        return self.opened


@pytest.fixture
def world(tmp_path: Path, gcp: Gcp, account: str, proxy: FaultProxy) -> Iterator[WorldOnGoogle]:
    made = WorldOnGoogle(tmp_path, gcp, account, proxy.url)
    yield made
    made.ledger.close()


def assert_one_key_is_left_and_in_force(world: WorldOnGoogle) -> None:
    [left] = world.gcp.keys_of(world.account)
    assert left is not world.old
    assert json.loads(world.held_everywhere()) == left.file(world.gcp.token_url)


def test_the_check_before_the_first_rotation_hears_google_refuse_garbage(world: WorldOnGoogle) -> None:
    first, *_ = inspect(world, world.policies["app"])
    assert (first.error, first.said) == (None, "logged in; 1 token")
    assert world.gcp.asked[-1] == "POST /token"


def test_the_new_key_is_in_force_and_the_old_one_is_refused(world: WorldOnGoogle) -> None:
    report = world.worker(PATIENCE).rotate()
    assert report.outcome is Outcome.ROTATED
    assert report.rotation.old.proof is Proof.REFUSED
    assert_one_key_is_left_and_in_force(world)


def test_a_key_whose_creation_was_not_answered_is_found_deleted_and_made_again(
    world: WorldOnGoogle, proxy: FaultProxy
) -> None:
    proxy.fail("POST", "/keys$", lose_answer())
    assert world.worker(PATIENCE).rotate().outcome is Outcome.ROTATED
    assert len([key for key in world.gcp.keys if key.account == world.account]) == 3
    assert_one_key_is_left_and_in_force(world)
