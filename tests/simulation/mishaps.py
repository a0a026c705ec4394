"""What goes wrong in a year, and when: drawn once from a fixed seed, so every run lives through the same year."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tests.simulation.estate import Estate
from tests.simulation.kinds import BEGINNING

OUTAGES_OF_THE_LEDGER: Final = 5
LEDGER_LOST: Final = 20
KILLS: Final = 85
MEETINGS: Final = 80
LOST_ANSWERS: Final = 40


@dataclass(frozen=True)
class Mishap:
    """``what`` names the method of ``Year`` that lets it happen; ``whom`` says to what of the estate, or how soon."""

    at: datetime
    what: str
    whom: str = ""
    is_waited_for: bool = False
    """Time stops for it. All else comes in between."""


def calendar(estate: Estate) -> list[Mishap]:
    return sorted([*_of_services(estate), *_of_processes(), *_of_people(estate)], key=lambda mishap: mishap.at)


_dice = random.Random(2026)


def _sometime() -> datetime:
    return BEGINNING + timedelta(minutes=_dice.randrange(60, 360 * 24 * 60))


def _soon() -> str:
    """Say how many instants of the next piece of work pass by before it happens."""
    return str(_dice.randrange(1, 30))


def _of_services(estate: Estate) -> Iterator[Mishap]:
    names = sorted(estate.accounts)
    down = [*["ledger"] * OUTAGES_OF_THE_LEDGER, *sorted(estate.stores) * 3, *_dice.sample(names, 15), "plain", "bound"]
    for whom in down:
        begins = _sometime().replace(hour=9)
        yield Mishap(begins, "goes_down", whom, is_waited_for=whom == "ledger")
        yield Mishap(begins + timedelta(minutes=_dice.randrange(5, 600)), "comes_back", whom)
    can_be_asked_again = [name for name in names if not name.startswith(("unlisted", "one", "idle", "by-hand"))]
    yield from (Mishap(_sometime(), "loses_an_answer", _dice.choice(can_be_asked_again)) for _ in range(LOST_ANSWERS))


def _of_processes() -> Iterator[Mishap]:
    yield from (Mishap(_sometime(), "is_killed", _soon()) for _ in range(KILLS))
    yield from (Mishap(_sometime(), "meets_the_other", _soon()) for _ in range(MEETINGS))
    yield from (Mishap(_sometime(), "loses_its_ledger") for _ in range(LEDGER_LOST))
    yield from (Mishap(BEGINNING + timedelta(days=30 * month), "is_restarted") for month in range(1, 12))
    yield Mishap(BEGINNING + timedelta(days=182), "is_upgraded")


def _of_people(estate: Estate) -> Iterator[Mishap]:
    for week in range(52):
        yield Mishap(BEGINNING + timedelta(days=7 * week, hours=2), "people_look_after_it", is_waited_for=True)
    for day in range(364):
        yield Mishap(BEGINNING + timedelta(days=day, hours=4), "people_do_what_they_are_asked", is_waited_for=True)
    for day in (40, 220):
        at = BEGINNING + timedelta(days=day, hours=1)
        without_overlap = [name for name in estate.account_of if name.startswith("one-")]
        yield from (Mishap(at, "is_replaced_by_hand", name, is_waited_for=True) for name in without_overlap)
