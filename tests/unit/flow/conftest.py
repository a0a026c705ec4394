"""A world for each test, with a real SQLite ledger below ``tmp_path``, where the canary looks for values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.world import World

MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    """Makes worlds by what is special about them, and closes their ledgers."""
    made: list[World] = []

    def make(**special: Any) -> World:
        made.append(World(tmp_path, **special))
        return made[-1]

    yield make
    for world in made:
        world.ledger.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """One secret, ``app``, in one readable, versioned store that compares and sets."""
    return make_world()
