"""A world, and the daemon's service at work in it: its threads are left out, and its clock is moved by the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.daemon.service import Service
from rotator.domain.policy import PolicySet
from rotator.flow.report import Report
from tests.fakes.world import World


class Daemon:
    """One daemon of a world."""

    def __init__(self, world: World, **special: Any) -> None:
        self.world = world
        self.told: list[Report] = []
        runner = world.worker(stays=False).runner
        self.service = Service(runner, policies_of(world), tell=self.told.append, **special)

    def run_for(self, *, every: timedelta = timedelta(minutes=10), **length: float) -> None:
        """Let time pass, with a tick now and then as the bell rings them."""
        end = self.world.clock.now() + timedelta(**length)
        while True:
            self.service.work()
            left = end - self.world.clock.now()
            if left <= timedelta():
                return
            self.world.clock.move(seconds=min(every, left).total_seconds())

    def outcomes(self) -> list[str]:
        return [report.outcome for report in self.told]


def policies_of(world: World) -> PolicySet:
    return PolicySet(tuple(world.policies.values()), {}, commit="c0ffee")


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**special: Any) -> World:
        made.append(World(tmp_path, **special))
        return made[-1]

    yield make
    for world in made:
        world.ledger.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
