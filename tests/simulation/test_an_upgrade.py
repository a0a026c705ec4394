"""A ledger of the first release, with a rotation under way in it: whoever opens it next goes on, and finishes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rotator.domain.model import Phase
from tests.fakes.watched_ledger import WatchedLedger
from tests.fakes.world import A_DAY, HEROKU, VAULT, World
from tests.integration.ledger.first_release import carry_over
from tests.property import eight_rules


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two empty ledgers: one to begin the rotation in, and one for the first release to have left it in."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/begun.db", f"sqlite:///{tmp_path}/left.db"
        return
    server = request.getfixturevalue("postgresql")
    with server.fresh_database() as begun, server.fresh_database() as left:
        yield begun, left


@pytest.fixture
def world(tmp_path: Path, urls: tuple[str, str]) -> Iterator[World]:
    made = World(tmp_path, stores={"vault": VAULT, "heroku": HEROKU}, overlap=A_DAY)
    made.ledger.close()
    opened(made, urls[0])
    yield made
    made.ledger.close()


def opened(world: World, url: str) -> None:
    world.ledger = WatchedLedger.open(url, key_file=world.folder / "key")
    world.ledger.hook = world._at


@pytest.mark.parametrize(
    "moment", ["before issuer.issue", "after issuer.issue", "after vault.write", "after heroku.write", "in its overlap"]
)
def test_a_rotation_that_was_open_in_the_first_release_is_finished(
    world: World, urls: tuple[str, str], moment: str
) -> None:
    old = world.adopt()
    if moment == "in its overlap":
        world.worker().rotate()
        assert world.rotation().phase is Phase.CONFIRMED
    else:
        with world.killed_at(moment):
            world.worker().rotate()
    world.ledger.close()
    carry_over(*urls)
    opened(world, urls[1])
    begun = world.secret().open
    assert begun is not None
    world.lease_runs_out()
    for _ in range(2):
        world.worker().one_pass()
        eight_rules.check_all(world)
        world.clock.move(hours=25)
    assert world.rotation().id == begun.id
    assert world.rotation().phase is Phase.RETIRED
    assert not world.issuer_fake.accepts(old)
    assert world.alive() == {world.held_everywhere()}
    eight_rules.everything_came_to_an_end(world)
