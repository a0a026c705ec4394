"""Real daemons, ``rotate run``, on one ledger: started, told to look, sent signals, killed and started again."""

from __future__ import annotations

import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.command import ROTATE
from tests.servers.fake_time import FakeTime
from tests.servers.process import Process, free_ports, poll, running

_SELDOM = 0.1
"""Seconds. Under libfaketime every switch between threads is dear, and every page is a thread."""

_LAST_PASS = re.compile(r"^rotator_last_pass_timestamp_seconds ([0-9.e+]+)$", re.MULTILINE)


@dataclass
class DaemonProcess:
    """One daemon, and those that come after it when it was killed."""

    folder: Path
    environment: Mapping[str, str]
    stack: ExitStack
    port: int
    starts: int = 0
    process: Process = field(init=False)

    def start(self) -> None:
        self.starts += 1
        command = [ROTATE, "--json", "run"]
        environment = {**self.environment, "ROTATOR_LISTEN": f"127.0.0.1:{self.port}"}
        log = self.folder / f"daemon-{self.port}-{self.starts}.log"
        self.process = self.stack.enter_context(
            running("rotate run", command, log=log, environment=environment, directory=self.folder)
        )

    def wait_until_ready(self) -> None:
        self.process.wait_until_ready(self.is_at_work, 30)

    def is_at_work(self) -> bool:
        """Tell whether it said so: one that is just starting looks at everything anyway."""
        return self.process.is_alive and "the daemon is at work" in self.process.log.read_text()

    def page(self, name: str) -> str:
        """Give a page of its, or nothing when it does not answer, or says that something is wrong."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{name}", timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return ""

    def last_pass(self) -> float:
        """Give when it last found nothing more to do, by its own clock."""
        found = _LAST_PASS.search(self.page("/metrics"))
        return float(found[1]) if found else 0.0

    def send(self, number: signal.Signals) -> None:
        if self.process.is_alive:
            self.process.child.send_signal(number)

    def start_again(self) -> None:
        """Do what a supervisor does when it has ended: it may, where its ledger is gone as it starts; never at work."""
        if not self.process.is_alive:
            said = self.process.log.read_text()
            assert "the daemon is at work" not in said, said
            self.start()

    def kill(self) -> None:
        self.process.child.kill()
        self.process.child.wait()

    def says(self) -> str:
        return "".join(log.read_text() for log in sorted(self.folder.glob(f"daemon-{self.port}-*.log")))


@contextmanager
def fleet(folder: Path, environment: Mapping[str, str], daemons: int) -> Iterator[list[DaemonProcess]]:
    """Run so many daemons, each ready, for as long as the block lasts."""
    with ExitStack() as stack:
        started = [DaemonProcess(folder, environment, stack, port) for port in free_ports(daemons)]
        for daemon in started:
            daemon.start()
        for daemon in started:
            daemon.wait_until_ready()
        yield started


def look_now(daemons: list[DaemonProcess]) -> None:
    """Have all of them look for work at once, as SIGHUP does. One that is just starting looks anyway."""
    for daemon in daemons:
        if daemon.is_at_work():
            daemon.send(signal.SIGHUP)


def has_looked(daemon: DaemonProcess, clock: FakeTime) -> None:
    """Have a daemon look, and wait until it had a worker that found nothing more to do at this time."""
    now = clock.now().timestamp()
    look_now([daemon])
    poll(lambda: daemon.last_pass() >= now - 1, 30, what="a pass of the daemon", every=_SELDOM)
