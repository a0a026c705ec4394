"""Two daemons on one ledger, and an old value that only one of them has in its memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.domain.contracts import IssuerTraits
from rotator.domain.model import Phase, Proof
from tests.fakes.world import A_DAY, ENV_FILE, World
from tests.unit.daemon.conftest import Daemon

LISTS_NOTHING = IssuerTraits(lists=False, binds_value_to_handle=True)
A_TICK = timedelta(seconds=15)


@pytest.fixture
def world(make_world) -> World:
    """A token that nobody lists, in a place that keeps no earlier value: only memory can prove its death."""
    world = make_world(issuer=LISTS_NOTHING, stores={"file": ENV_FILE}, overlap=A_DAY)
    world.adopt()
    world.clock.move(days=90)
    return world


def test_who_has_the_old_value_ends_it_after_the_overlap_though_another_asks_first(world):
    mine, theirs = Daemon(world), Daemon(world)
    mine.run_for(minutes=1, every=A_TICK)
    world.clock.move(hours=24)
    theirs.run_for(seconds=15, every=A_TICK)
    assert world.rotation().phase is Phase.CONFIRMED
    mine.run_for(seconds=15, every=A_TICK)
    assert world.rotation().phase is Phase.RETIRED
    assert world.rotation().old.proof is Proof.REFUSED


def test_another_goes_on_when_they_do_not_come_back(world):
    Daemon(world).run_for(minutes=1, every=A_TICK)
    world.clock.move(hours=24)
    theirs = Daemon(world)
    theirs.run_for(minutes=6, every=A_TICK)
    assert world.rotation().trouble.needs_operator  # nobody can try the old value any more


def test_a_command_that_has_ended_is_not_waited_for(world):
    world.worker().rotate()
    world.clock.move(hours=24)
    Daemon(world).run_for(seconds=15, every=A_TICK)
    assert world.rotation().trouble.needs_operator
