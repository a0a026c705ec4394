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

Act = Callable[[Rehearsal, str, Kill | None], int]
"""Does what comes before the command that is to be killed, then that, with this output; gives its exit status."""

GoesOn = Callable[[Rehearsal, int], None]
"""Goes on after the kill of this number, to the end, and checks that all is as promised."""


def running(*command: str) -> Act:
    """Give the act of one command that nothing comes before."""
    return lambda run, output, kill: run.rotate(*command, output=output, kill=kill)


def instants(points: Sequence[str]) -> Iterator[tuple[Kill, str]]:
    """Give every instant that differs from its neighbours, with its name."""
    for number, (point, following) in enumerate(pairwise([*points, ""])):
        if point.startswith(ON_THE_WIRE) or not following.startswith(ON_THE_WIRE):
            yield (number, "before"), f"before point {number} ({point})"
    yield (len(points) - 1, "after"), f"after the last point ({points[-1]})"


def kill_everywhere(
    stage: Callable[[], Rehearsal], act: Act, goes_on: GoesOn, *, fewest_points: int, ends_with: int = 0
) -> None:
    """Kill a command at each of its instants and go on. All that was lost is told at once.

    One secret lives through all of it, until something breaks: then another one takes its place. ``fewest_points``: far
    fewer would mean that the points are not installed, and that the test shows nothing. ``ends_with``: the exit status
    of the command that nobody kills.
    """
    run = stage()
    assert act(run, "undisturbed", None) == ends_with, run.said("undisturbed")
    points = run.points("undisturbed")
    assert len(points) >= fewest_points, points
    goes_on(run, 0)

    broken, kills = [], [*instants(points)]
    for number, (kill, instant) in enumerate(kills):
        output = f"killed-{number:03}"
        try:
            assert act(run, output, kill) == KILLED, "it was not killed"
            goes_on(run, number)
        except AssertionError as error:
            broken.append(f"killed {instant}: {error}\n{run.said(output)}")
            run = stage()
    CANARY.look_at("what was reported of kills", "\n".join(broken))
    assert not broken, f"{len(broken)} of {len(kills)} kills lost something:\n" + "\n".join(broken)
