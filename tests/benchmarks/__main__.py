"""``python -m tests.benchmarks [PART …]``: what Rotator costs, in ratios. docs/performance.md says what they mean."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.benchmarks import cpu, many, quota, round_trips, scale, starting
from tests.benchmarks.bare_script import NECESSARY
from tests.benchmarks.installation import RULES, installation
from tests.servers.moto import running_moto
from tests.servers.postgresql import running_postgresql
from tests.servers.sandbox import sandbox_in_its_own_process

THREADS = 8


def main() -> None:
    for part in sys.argv[1:] or PARTS:
        if part not in PARTS:
            sys.exit(f"There is no part {part}: choose of {', '.join(PARTS)}.")
        with tempfile.TemporaryDirectory() as name:
            for line in PARTS[part](Path(name)):
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()


def _rotations(folder: Path) -> Iterator[str]:
    for part in ("issuer", "aws", "installation"):
        (folder / part).mkdir()
    alone, together = cpu.names_for("alone"), cpu.names_for("together")
    single, slow, share = "single", "slow", [f"share-{number}" for number in range(cpu.BATCH)]
    names = [each for batch in (*alone, *together) for each in batch]
    with (
        sandbox_in_its_own_process(folder / "issuer", RULES) as sandbox,
        running_moto(folder / "aws") as moto,
        installation(folder / "installation", sandbox, moto.url, [*names, *share, single, slow]) as made,
    ):
        yield "CPU seconds of a rotation, as a multiple of the bare script's"
        for threads, batches in ((1, alone), (THREADS, together)):
            found = cpu.compare(made, batches, threads)
            label = f"{threads} thread{'s' if threads > 1 else ''}"
            yield (
                f"  {label:<9} x {found.over(found.same_calls):.2f} with the same calls, "
                f"x {found.over(found.necessary):.2f} with the necessary ones alone "
                f"({min(found.rotator) * 1000:.1f}, {min(found.same_calls) * 1000:.1f} and "
                f"{min(found.necessary) * 1000:.1f} ms at the least)"
            )
        once = round_trips.of_one_rotation(made, single)
        yield f"Ledger: {once.commits} commits a rotation, {cpu.ledger_share(made, share):.0%} of its CPU seconds"
        yield f"Requests of a rotation: {len(once.requests)}, of which necessary: {len(NECESSARY)}"
        yield from (f"  + {count} x {request}" for request, count in sorted(once.beyond_the_necessary.items()))
        late = round_trips.of_one_rotation(made, slow, round_trips.LATENCY)
        yield (
            f"With {round_trips.LATENCY * 1000:.0f} ms a request: x {late.wall_ratio:.2f} of the time of the necessary "
            f"round trips ({late.seconds * 1000:.0f} ms)"
        )


def _starts(folder: Path) -> Iterator[str]:
    yield "CPU seconds of a command, as a multiple of a bare interpreter's start"
    for command, multiple in starting.multiples(folder).items():
        yield f"  {command:<17} x {multiple:.1f}"


def _scale(_folder: Path) -> Iterator[str]:
    yield "The daemon with many policies and none due, against reading the same files with PyYAML's C loader"
    for size in scale.SIZES:
        cost = scale.cost_of(size)
        start = cost.load + cost.first_look
        yield (
            f"  {size:>7,}  start x {start / cost.bare_yaml:.2f} ({start:.1f} s), "
            f"of which reading x {cost.load / cost.bare_yaml:.2f}; "
            f"{cost.megabytes_read:.0f} MB while reading, {cost.megabytes:.0f} MB at most; "
            f"a pass x {cost.idle_pass / cost.bare_yaml:.5f} ({cost.idle_pass * 1000:.2f} ms), "
            f"unchanged files x {cost.unchanged / cost.bare_yaml:.5f}"
        )


def _quota(folder: Path) -> Iterator[str]:
    yield f"{quota.ROTATIONS:,} rotations, where each service lets {quota.PER_SECOND} requests a second pass"
    filled = quota.fill(folder)
    yield (
        f"  x {filled.ratio:.3f} of the time that the limits allow ({filled.seconds:.0f} s); "
        f"{filled.share_refused:.2%} of {filled.requests:,} requests refused"
    )


def _many(folder: Path) -> Iterator[str]:
    yield f"{many.SECRETS:,} secrets in one command"
    milestones = many.ten_thousand(folder)
    for each in milestones:
        yield f"  {each.dead:>6,} old tokens dead: {each.cpu_seconds:6.1f} CPU seconds, {each.megabytes:.0f} MB"
    yield f"  the last thousand x {many.slowdown(milestones):.2f} of the second"


def _processes(folder: Path) -> Iterator[str]:
    (folder / "postgresql").mkdir()
    with running_postgresql(folder / "postgresql") as server:
        ratio = many.two_processes(folder, server)
    yield f"Two processes on one PostgreSQL: x {ratio:.2f} of the rotations that one ends in a second"


PARTS: Final[Mapping[str, Callable[[Path], Iterator[str]]]] = {
    "rotations": _rotations,
    "starts": _starts,
    "scale": _scale,
    "quota": _quota,
    "many": _many,
    "processes": _processes,
}


if __name__ == "__main__":
    main()
