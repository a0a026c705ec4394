"""A thousand rotations against services that let fifty requests a second pass: how near the limit, and how polite."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rotator.flow.emergency import WORKERS
from tests.benchmarks.installation import RULES, Edge, installation
from tests.benchmarks.toll_gate import seen, toll_gate
from tests.servers.moto import running_moto
from tests.servers.sandbox import sandbox_in_its_own_process

ROTATIONS = 1_000
PER_SECOND = 50
LATENCY = 0.02
"""Seconds that a service takes for each request."""


@dataclass(frozen=True)
class Filling:
    """What it took, and what the limits allow."""

    seconds: float
    least: float
    """Seconds that the busier of the two services needs for the requests it got."""
    requests: int
    refused: int

    @property
    def ratio(self) -> float:
        return self.seconds / self.least

    @property
    def share_refused(self) -> float:
        return self.refused / (self.requests + self.refused)


def fill(folder: Path, rotations: int = ROTATIONS) -> Filling:
    """Rotate so many secrets in one go, as `rotate now` does."""
    names = [f"limited-{number}" for number in range(rotations)]
    for part in ("issuer", "aws", "gates", "installation"):
        (folder / part).mkdir()
    with (
        sandbox_in_its_own_process(folder / "issuer", RULES) as sandbox,
        running_moto(folder / "aws") as moto,
        toll_gate(sandbox.url, folder / "gates", latency=LATENCY, per_second=PER_SECOND) as issuer,
        toll_gate(moto.url, folder / "gates", latency=LATENCY, per_second=PER_SECOND) as aws,
        installation(
            folder / "installation", sandbox, moto.url, names, edge=Edge(issuer, aws, f"{PER_SECOND}/s")
        ) as made,
    ):
        made.prepare(names)
        made.adopt(names)
        before = seen(issuer), seen(aws)
        begun = time.perf_counter()
        made.rotate(names, WORKERS)
        took = time.perf_counter() - begun
        after = seen(issuer), seen(aws)
    passed = [now[0] - then[0] for then, now in zip(before, after, strict=True)]
    refused = [now[1] - then[1] for then, now in zip(before, after, strict=True)]
    return Filling(took, max(passed) / PER_SECOND, sum(passed), sum(refused))
