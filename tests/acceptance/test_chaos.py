"""Several real daemons on one PostgreSQL, killed, held up past their leases, and cut off, all while they work.

``make chaos`` lives through many more months of it.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.acceptance.chaos import Chaos, chaos
from tests.servers.sandbox import StartSandbox

MONTHS = int(os.environ.get("CHAOS_MONTHS", "1"))
"""How many months each fleet lives through, each with the same mishaps in another order."""


@pytest.mark.parametrize("daemons", [2, 4])
def test_nothing_is_lost_or_doubled(
    tmp_path: Path, postgresql_url: str, start_sandbox: StartSandbox, daemons: int
) -> None:
    dice = random.Random(daemons)
    with chaos(tmp_path, postgresql_url, start_sandbox, daemons) as fleet:
        for _ in range(MONTHS):
            fleet.a_month_passes()
            for mishap in dice.sample(MISHAPS, len(MISHAPS)):
                fleet.until_more_are_made(dice.randint(2, 6))
                mishap(fleet, dice.randrange(daemons))
            fleet.until_all_is_done()
            fleet.nothing_was_lost_or_doubled()


def killed(fleet: Chaos, which: int) -> None:
    fleet.kill(which)


def held_up(fleet: Chaos, which: int) -> None:
    fleet.stop(which)
    fleet.until_more_are_made()
    fleet.wake(which)


def without_postgresql(fleet: Chaos, _which: int) -> None:
    fleet.crash_postgresql()


def cut_off(fleet: Chaos, _which: int) -> None:
    fleet.cut_the_connection()


MISHAPS = [killed, held_up, without_postgresql, cut_off]
