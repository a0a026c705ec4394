"""Kills one command at every instant of its life, and has it gone on with each time.

Two neighbouring instants are one where nothing outside happens between them. To everybody outside, a process that died
after one point and one that died before the next have done the same; and so have those that died before a provider was
called, and before it sent its first request. So a process is killed before every point but those, and after the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from tests.canary import CANARY
from tests.crash.points import ON_THE_WIRE
from tests.crash.rehearsal import KILLED, Kill, Rehearsal

GoesOn = Callable[[Rehearsal, int], None]
"""Goes on after the kill of this number, and checks that all is as promised."""


def instants(points: Sequence[str]) -> Iterator[tuple[Kill, str]]:
    """Give every instant that differs from its neighbours, with its name."""
    for number, (point, following) in enumerate(pairwise([*points, ""])):
        if point.startswith(ON_THE_WIRE) or not following.startswith(ON_THE_WIRE):
            yield (number, "before"), f"before point {number} ({point})"
    yield (len(points) - 1, "after"), f"after the last point ({points[-1]})"


def kill_everywhere(
    stage: Callable[[], Rehearsal], command: Sequence[str], goes_on: GoesOn, *, fewest_points: int
) -> None:
    """Kill ``command`` at each of its instants and go on. All that was lost is told at once.

    One secret lives through all of it, until something breaks: then another one takes its place. ``fewest_points``: far
    fewer would mean that the points are not installed, and that the test shows nothing.
    """
    run = stage()
    assert run.rotate(*command, output="undisturbed") == 0, run.said("undisturbed")
    run.is_whole(rotated=True)
    points = run.points("undisturbed")
    assert len(points) >= fewest_points, points

    broken, kills = [], [*instants(points)]
    for number, (kill, instant) in enumerate(kills):
        output = f"killed-{number:03}"
        try:
            assert run.rotate(*command, output=output, kill=kill) == KILLED, "it was not killed"
            goes_on(run, number)
        except AssertionError as error:
            broken.append(f"killed {instant}: {error}\n{run.said(output)}")
            run = stage()
    CANARY.look_at("what was reported of kills", "\n".join(broken))
    assert not broken, f"{len(broken)} of {len(kills)} kills lost something:\n" + "\n".join(broken)
