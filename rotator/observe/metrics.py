"""What Prometheus may know: ages and expiries, what is due or stuck, how long steps take, what services are asked.

Names, numbers and phases only. Everything is counted since this process began, but for what is asked when scraped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_STEP_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


@dataclass(frozen=True)
class SecretReading:
    """One secret, as metrics show it. Times that are not known are left out."""

    name: str
    created_at: datetime | None
    expires_at: datetime | None
    due: datetime | None


@dataclass(frozen=True)
class ConnectionReading:
    """What one connection asked of its service so far."""

    name: str
    requests: int
    throttles: int
    is_broken: bool
    """Its service does not answer, and is left alone for a while."""


@dataclass(frozen=True)
class Reading:
    """What is asked for at every scrape."""

    now: datetime
    secrets: Iterable[SecretReading]
    connections: Iterable[ConnectionReading]
    open_by_state: dict[str, int]
    """Open rotations: ``moving``, ``waiting`` for their time, or ``stuck`` until a person comes."""


class Metrics:
    """One process's metrics. Safe to use from several threads."""

    def __init__(self, read: Callable[[], Reading], outcomes: Iterable[str] = ()) -> None:
        """``outcomes``: those that there can be. Prometheus does not see a counter rise that begins at 1."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # not typed there; else there are twice the series
        self._registry = CollectorRegistry()
        self._registry.register(_OnScrape(read))
        self._rotations = Counter(
            "rotator_rotations", "Rotations worked on, by what came of them.", ["outcome"], registry=self._registry
        )
        for outcome in outcomes:
            self._rotations.labels(outcome)
        self._steps = Histogram(
            "rotator_step_seconds", "How long steps took.", ["step"], registry=self._registry, buckets=_STEP_BUCKETS
        )
        self.ledger_up = Gauge("rotator_ledger_up", "1 while the ledger can be used.", registry=self._registry)
        self.policies_valid = Gauge(
            "rotator_policies_valid", "0 while the newest policies are refused.", registry=self._registry
        )
        self.last_pass = Gauge(
            "rotator_last_pass_timestamp_seconds", "When the last pass over all work ended.", registry=self._registry
        )

    def outcome(self, outcome: str) -> None:
        self._rotations.labels(outcome).inc()

    def step(self, name: str, took: timedelta) -> None:
        self._steps.labels(name).observe(took.total_seconds())

    def page(self) -> bytes:
        """Give everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _OnScrape(Collector):
    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return ()  # else registering would collect

    def collect(self) -> Iterator[Metric]:
        reading = self._read()
        yield from _of_secrets(reading)
        states = GaugeMetricFamily("rotator_open_rotations", "Open rotations, by what they wait for.", labels=["state"])
        for state, count in reading.open_by_state.items():
            states.add_metric([state], count)
        yield states
        yield from _of_connections(reading.connections)


def _of_secrets(reading: Reading) -> Iterator[Metric]:
    age = GaugeMetricFamily("rotator_secret_age_seconds", "Age of the token in force.", labels=["secret"])
    left = GaugeMetricFamily("rotator_secret_expires_in_seconds", "Time left to its expiry.", labels=["secret"])
    due = GaugeMetricFamily("rotator_secret_due_in_seconds", "Time left to its rotation.", labels=["secret"])
    overdue = count = 0
    for secret in reading.secrets:
        count += 1
        if secret.created_at is not None:
            age.add_metric([secret.name], (reading.now - secret.created_at).total_seconds())
        if secret.expires_at is not None:
            left.add_metric([secret.name], (secret.expires_at - reading.now).total_seconds())
        if secret.due is not None:
            due.add_metric([secret.name], (secret.due - reading.now).total_seconds())
            overdue += secret.due <= reading.now
    yield from (age, left, due)
    yield GaugeMetricFamily("rotator_secrets", "Secrets that policies name.", value=count)
    yield GaugeMetricFamily("rotator_secrets_due", "Those whose time has come.", value=overdue)


def _of_connections(connections: Iterable[ConnectionReading]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "rotator_requests", "Requests sent to a connection's service.", labels=["connection"]
    )
    throttles = CounterMetricFamily("rotator_throttles", "Requests that it refused as too many.", labels=["connection"])
    broken = GaugeMetricFamily("rotator_connection_broken", "1 while it is left alone.", labels=["connection"])
    for connection in connections:
        requests.add_metric([connection.name], connection.requests)
        throttles.add_metric([connection.name], connection.throttles)
        broken.add_metric([connection.name], connection.is_broken)
    yield from (requests, throttles, broken)
