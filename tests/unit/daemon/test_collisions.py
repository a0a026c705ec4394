"""Daemons that share a ledger do not all reach for the same secret."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rotator.daemon.service import Service
from rotator.flow.runner import Runner
from tests.fakes.world import World
from tests.unit.daemon.conftest import policies_of

NAMES = tuple(f"app-{number}" for number in range(40))


@pytest.fixture
def world(make_world) -> World:
    """Forty secrets, all of them due at once."""
    world = make_world(secrets=NAMES)
    for name in NAMES:
        world.adopt(name)
    world.clock.move(days=91)
    return world


def lost_races(world: World, *owners: str) -> int:
    """Have each daemon choose before any of them begins, until nothing is due; count who was too late."""
    services = [
        Service(Runner(replace(world.worker().runner.tools, owner=owner)), policies_of(world)) for owner in owners
    ]
    lost = 0
    while chosen := [work for service in services if (work := service.next_work()) is not None]:
        lost += sum(work() is None for work in chosen)
    assert all(world.kinds_of_events().count(kind) == len(NAMES) for kind in ("opened", "retired"))
    return lost


def test_two_daemons_seldom_reach_for_the_same_secret(world):
    assert lost_races(world, "here", "there") <= len(NAMES) // 4


def test_with_one_order_they_would_do_so_every_time(world):
    assert lost_races(world, "the same", "the same") == len(NAMES)
