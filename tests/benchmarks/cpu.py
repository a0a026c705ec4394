"""CPU seconds of a rotation by Rotator, as a multiple of those of the bare script, on the same servers in the same run.

The machine is noisy, so the two take turns, and each turn gives one ratio; the median of them counts. CPU seconds are
those of this process with all its threads; the servers are processes of their own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from tests.benchmarks import bare_script, traffic
from tests.benchmarks.installation import Installation

Script = Callable[[httpx.Client, str, Any, str, Mapping[str, str]], None]

ROUNDS = 9
BATCH = 12


@dataclass(frozen=True)
class Ratios:
    """What each turn gave: CPU seconds a rotation."""

    rotator: tuple[float, ...]
    same_calls: tuple[float, ...]
    """Of the script that makes each call that Rotator makes."""
    necessary: tuple[float, ...]
    """Of the one that makes the necessary calls alone."""

    def over(self, script: Sequence[float]) -> float:
        return statistics.median(ours / theirs for ours, theirs in zip(self.rotator, script, strict=True))


def names_for(kind: str, rounds: int = ROUNDS, batch: int = BATCH) -> list[list[str]]:
    """Name the secrets that Rotator rotates: a batch for each turn, and one to warm up."""
    return [[f"{kind}-{turn}-{number}" for number in range(batch)] for turn in range(rounds + 1)]


def compare(installation: Installation, batches: Sequence[Sequence[str]], threads: int) -> Ratios:
    """Take turns. Every secret is rotated once, so that none has more versions than another."""
    spent: list[list[float]] = [[], [], []]
    with bare_script.open_client(installation.sandbox.url) as http:
        for turn, names in enumerate(batches):
            installation.prepare(names)
            installation.adopt(names)
            runs = [partial(installation.rotate, names, workers=threads)]
            for kind, script in (("same", bare_script.rotate_with_the_same_calls), ("bare", bare_script.rotate)):
                twins = installation.prepare([f"{kind}-{name}" for name in names])
                runs.append(partial(_run_script, installation, http, script, twins, threads))
            for which in (0, 1, 2) if turn % 2 else (2, 1, 0):
                seconds = _cpu(runs[which]) / len(names)
                if turn:  # the first one warms up: imports, clients, connections
                    spent[which].append(seconds)
    return Ratios(*map(tuple, spent))


def ledger_share(installation: Installation, names: Sequence[str]) -> float:
    """Give the part of a rotation's CPU seconds that is spent inside the ledger."""
    installation.prepare(names)
    installation.adopt(names)
    with traffic.ledger_timed() as seen:
        total = _cpu(lambda: installation.rotate(names))
    return seen.ledger_cpu / total


def _run_script(
    installation: Installation, http: httpx.Client, script: Script, secrets: dict[str, dict[str, str]], threads: int
) -> None:
    def rotate(name: str) -> None:
        script(http, installation.sandbox.admin_token, installation.aws, name, secrets[name])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(rotate, secrets))


def _cpu(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
