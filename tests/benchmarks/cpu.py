"""CPU seconds of a rotation by Rotator, as a multiple of those of the bare script, on the same servers in the same run.

The machine is noisy, so the two take turns, and each turn gives one ratio; the median of them counts. CPU seconds are
those of this process with all its threads; the servers are processes of their own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from tests.benchmarks import bare_script, traffic
from tests.benchmarks.installation import Installation

ROUNDS = 9
BATCH = 12


@dataclass(frozen=True)
class Ratios:
    """What each turn gave: CPU seconds a rotation."""

    rotator: tuple[float, ...]
    bare: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(ours / theirs for ours, theirs in zip(self.rotator, self.bare, strict=True))

    @property
    def of_minima(self) -> float:
        return min(self.rotator) / min(self.bare)


def names_for(kind: str, rounds: int = ROUNDS, batch: int = BATCH) -> list[list[str]]:
    """Name the secrets that Rotator rotates: a batch for each turn, and one to warm up."""
    return [[f"{kind}-{turn}-{number}" for number in range(batch)] for turn in range(rounds + 1)]


def compare(installation: Installation, batches: Sequence[Sequence[str]], threads: int) -> Ratios:
    """Take turns. Every secret is rotated once, so that none has more versions than another."""
    rotator, bare = [], []
    with bare_script.open_client(installation.sandbox.url) as http:
        for turn, names in enumerate(batches):
            installation.prepare(names)
            installation.adopt(names)
            twins = installation.prepare([f"bare-{name}" for name in names])

            def by_rotator(names: Sequence[str] = names) -> None:
                installation.rotate(names, workers=threads)

            def by_script(twins: dict[str, dict[str, str]] = twins) -> None:
                _run_script(installation, http, twins, threads)

            if turn % 2:
                ours, theirs = _cpu(by_rotator), _cpu(by_script)
            else:
                theirs, ours = _cpu(by_script), _cpu(by_rotator)
            if turn:  # the first one warms up: imports, clients, connections
                rotator.append(ours / len(names))
                bare.append(theirs / len(names))
    return Ratios(tuple(rotator), tuple(bare))


def ledger_share(installation: Installation, names: Sequence[str]) -> float:
    """Give the part of a rotation's CPU seconds that is spent inside the ledger."""
    installation.prepare(names)
    installation.adopt(names)
    with traffic.ledger_timed() as seen:
        total = _cpu(lambda: installation.rotate(names))
    return seen.ledger_cpu / total


def _run_script(
    installation: Installation, http: httpx.Client, secrets: dict[str, dict[str, str]], threads: int
) -> None:
    def rotate(name: str) -> None:
        bare_script.rotate(http, installation.sandbox.admin_token, installation.aws, name, secrets[name])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(rotate, secrets))


def _cpu(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
