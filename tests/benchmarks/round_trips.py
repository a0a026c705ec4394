"""The requests of one rotation, by name, and how long it takes when each of them takes 50 ms."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from tests.benchmarks.bare_script import NECESSARY
from tests.benchmarks.installation import Installation
from tests.benchmarks.traffic import watched

LATENCY = 0.05
"""Seconds: a service on the same continent."""


@dataclass(frozen=True)
class RoundTrips:
    """What one rotation sent and committed, and what it took."""

    requests: tuple[str, ...]
    commits: int
    seconds: float

    @property
    def beyond_the_necessary(self) -> Counter[str]:
        return Counter(self.requests) - Counter(request for _, request in NECESSARY)

    @property
    def wall_ratio(self) -> float:
        """Give the time it took as a multiple of the time of the necessary round trips alone."""
        return self.seconds / (len(NECESSARY) * LATENCY)


def of_one_rotation(installation: Installation, name: str, latency: float = 0.0) -> RoundTrips:
    """Rotate one secret, and look."""
    installation.prepare([name])
    installation.adopt([name])
    with watched(latency) as seen:
        begun = time.perf_counter()
        installation.rotate([name])
        seconds = time.perf_counter() - begun
    return RoundTrips(tuple(seen.requests), seen.commits, seconds)
