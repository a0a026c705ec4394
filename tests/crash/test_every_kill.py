"""Kill a real process before and after every ledger write, provider call and request of a rotation. Lose nothing.

Each run has a secret of its own in three real stores. After the kill every destination must hold a token that works;
after the next ``rotate run --once`` or ``rotate now``, everything promised must be true (``Rehearsal.is_whole``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canary import CANARY
from tests.crash.rehearsal import KILLED, Rehearsal, Zygote, rehearsal
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao

NOW = ("now", "--all", "--yes", "--overlap", "0")
FEWEST_POINTS = 45
"""Far fewer would mean that the points are not installed, and that this test shows nothing."""


@pytest.fixture
def zygote() -> Iterator[Zygote]:
    process = Zygote()
    yield process
    process.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
        return url
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rotation_that_is_killed_anywhere_loses_nothing(
    when: str, ledger_url: str, tmp_path: Path, zygote: Zygote, openbao: OpenBao, moto: Moto,
) -> None:  # fmt: skip
    key_file = tmp_path / "ledger.key"

    def staged(name: str) -> Iterator[Rehearsal]:
        return rehearsal(tmp_path / name, ledger_url, zygote, openbao, moto, key_file)

    with staged("undisturbed") as run:
        assert run.rotate(*NOW, output="now") == 0, run.said("now")
        run.is_whole(rotated=True)
        points = run.points("now")
    assert len(points) >= FEWEST_POINTS, points

    broken = []
    for number, point in enumerate(points):
        with staged(f"{number:03}") as run:
            try:
                assert run.rotate(*NOW, output="killed", kill=(number, when)) == KILLED, run.said("killed")
                goes_on(run, number)
            except AssertionError as error:
                broken.append(f"killed {when} point {number} ({point}): {error}\n{run.said('killed')}")
    CANARY.look_at("what was reported of kills", "\n".join(broken))
    assert not broken, f"{len(broken)} of {len(points)} kills lost something:\n" + "\n".join(broken)


def goes_on(run: Rehearsal, number: int) -> None:
    """Go on as cron would, or as a person would: by turns. Before its first row a rotation has not begun."""
    run.no_consumer_reads_a_dead_token()
    begun = run.has_begun()
    if number % 2:
        assert run.rotate(*NOW, output="again") == 0, run.said("again")
        run.is_whole(rotated=True)
        return
    assert run.rotate("run", "--once", output="again") == 0, run.said("again")
    run.is_whole(rotated=begun)
