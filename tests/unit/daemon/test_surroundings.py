"""What is around the daemon's work: its bell, systemd, and its pages."""

from __future__ import annotations

import os
import socket
import struct
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rotator.daemon.bell import Bell, Every, Rung
from rotator.daemon.health import HealthServer
from rotator.daemon.systemd import Systemd
from rotator.domain.clock import SystemClock
from rotator.domain.errors import InvalidInput
from rotator.observe.metrics import ConnectionReading, Metrics, Reading, SecretReading
from rotator.testing.moving_clock import MovingClock

# --- the bell --------------------------------------------------------------------------------------------------------


class JumpingClock(SystemClock):
    """The machine's clock, until somebody puts it back."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong_by = timedelta()

    def now(self):
        return super().now() + self.wrong_by

    def wait(self, duration):
        return not self.stop.is_set()


def test_the_bell_rings_at_once_and_again_when_the_clock_jumps():
    clock, rung = JumpingClock(), threading.Semaphore(0)
    bell = Bell(clock)
    bell.every(timedelta(days=1), rung.release)
    bell.start()
    assert rung.acquire(timeout=10)
    ticks = iter(range(3))

    def on_tick() -> None:
        if next(ticks) == 0:
            clock.wrong_by = timedelta(minutes=-10)
        elif rung.acquire(timeout=10):
            clock.stop.set()

    bell.listen(timedelta(), on_tick)
    bell.stop()
    assert clock.stop.is_set(), "it rang again"


def test_a_job_that_is_rung_while_it_is_at_work_begins_again_once_it_has_ended():
    calls: list[int] = []

    def job() -> None:
        calls.append(len(calls))
        if len(calls) == 1:
            rung()
            rung()
            assert calls == [0], "never twice at a time"

    rung = Rung(job)
    rung()
    assert len(calls) == 2


def test_a_job_that_failed_is_rung_again():
    calls: list[int] = []

    def job() -> None:
        calls.append(len(calls))
        if len(calls) == 1:
            raise RuntimeError("once")

    rung = Rung(job)
    with pytest.raises(RuntimeError, match="once"):
        rung()
    rung()
    assert len(calls) == 2


def test_a_clock_that_was_decades_behind_costs_no_time():
    trigger, now = Every(timedelta(seconds=15)), datetime(2026, 11, 22, tzinfo=UTC)
    moment, rings = datetime(1970, 1, 1, tzinfo=UTC), 0
    while moment <= now:
        moment, rings = trigger.get_next_fire_time(moment, now), rings + 1
    assert rings == 2
    assert moment == now + timedelta(seconds=15)


# --- systemd ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, abstract: bool):
    name = f"@rotator-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"\0{name[1:]}" if abstract else name)
        Systemd({"NOTIFY_SOCKET": name}).tell("READY=1", "STATUS=well")
        assert ear.recv(1000) == b"READY=1\nSTATUS=well"


def test_a_deaf_systemd_stops_nothing(tmp_path: Path, capsys):
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).tell("READY=1")
    Systemd({}).tell("READY=1")
    assert "could not be told" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("environment", "watchdog"),
    [
        ({"WATCHDOG_USEC": "60000000"}, timedelta(minutes=1)),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_the_one_that_is_meant_for_us(environment, watchdog):
    assert Systemd(environment).watchdog == watchdog


# --- pages -----------------------------------------------------------------------------------------------------------


def get(address: str, page: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{page}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_probes_are_answered_with_what_is_wrong():
    server = HealthServer(
        "127.0.0.1:0", {"/live": lambda: (True, b"well\n"), "/ready": lambda: (False, b"the ledger is gone\n")}
    )
    server.start()
    try:
        assert get(server.address, "/live?verbose") == (200, "well\n")
        assert get(server.address, "/ready") == (503, "the ledger is gone\n")
        assert get(server.address, "/")[0] == 404
    finally:
        server.stop()


def test_a_probe_that_hangs_up_is_not_worth_a_line(capsys):
    asked, gone = threading.Event(), threading.Event()

    def slow() -> tuple[bool, bytes]:
        asked.set()
        return gone.wait(10), b"well\n" * 1_000_000

    others = set(threading.enumerate())
    server = HealthServer("127.0.0.1:0", {"/live": slow})
    server.start()
    host, _, port = server.address.partition(":")
    with socket.create_connection((host, int(port))) as probe:
        probe.sendall(b"GET /live HTTP/1.0\r\n\r\n")
        assert asked.wait(10)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # hang up with a reset
    gone.set()
    server.stop()
    for answering in set(threading.enumerate()) - others:
        answering.join(10)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:port", "127.0.0.1:99999", "192.0.2.1:9464"])
def test_an_address_that_nobody_can_listen_on_is_told(listen):
    with pytest.raises(InvalidInput, match="`listen`"):
        HealthServer(listen, {})


def test_metrics_say_how_old_everything_is_and_what_is_asked_of_whom():
    now = MovingClock().now()
    day = timedelta(days=1)
    reading = Reading(
        now,
        [SecretReading("app", now - 3 * day, now + 2 * day, now - day), SecretReading("unknown", None, None, None)],
        [ConnectionReading("acme", 7, 1, is_broken=True)],
        {"moving": 1, "waiting": 2, "stuck": 0},
    )
    metrics = Metrics(lambda: reading)
    metrics.outcome("rotated")
    metrics.step("publish", timedelta(seconds=2))
    page = metrics.page().decode().splitlines()
    assert {
        'rotator_secret_age_seconds{secret="app"} 259200.0',
        'rotator_secret_expires_in_seconds{secret="app"} 172800.0',
        'rotator_secret_due_in_seconds{secret="app"} -86400.0',
        "rotator_secrets 2.0",
        "rotator_secrets_due 1.0",
        'rotator_open_rotations{state="waiting"} 2.0',
        'rotator_requests_total{connection="acme"} 7.0',
        'rotator_throttles_total{connection="acme"} 1.0',
        'rotator_connection_broken{connection="acme"} 1.0',
        'rotator_rotations_total{outcome="rotated"} 1.0',
        'rotator_step_seconds_count{step="publish"} 1.0',
    } <= set(page)
    assert not any("unknown" in line for line in page)
