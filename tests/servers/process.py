"""Start a server as a child process, see it become ready, and end it by its id. Knows no particular server.

Readiness is a question asked again and again while the process lives, never a sleep. Each server answers it with
something only *our* server knows (a random token, its own log), because another program may have taken the port.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_POLL_SECONDS = 0.02
_LINES_OF_LOG_TO_SHOW = 40
_PORTS = range(20_000, 32_000)
"""Below Linux's ephemeral range (32768 and up), so no outgoing connection takes one between our look and its use."""
_WORKERS = 16
"""Each worker of a run takes its ports from its own share, so that two cannot choose the same one."""


class ServerFailed(AssertionError):
    """A server did not start, or ended by itself. The message holds the end of its log, without its secrets."""


def require(present: bool, reason: str) -> None:
    """Skip the test when what it needs is not on this machine. With ``CI=true`` that is a failure."""
    if present:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI=true: a missing server is a failure)", pytrace=False)
    pytest.skip(reason)


def free_ports(count: int = 1) -> list[int]:
    """Give ``count`` neighbouring loopback ports that nobody listens on now."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    share = len(_PORTS) // _WORKERS
    for _ in range(200):
        first = _PORTS.start + worker * share + random.randrange(share - count)
        ports = list(range(first, first + count))
        if all(_is_free(port) for port in ports):
            return ports
    raise ServerFailed(f"found no {count} neighbouring free ports on 127.0.0.1")


def _is_free(port: int) -> bool:
    with socket.socket() as candidate:
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def poll(is_true: Callable[[], bool], timeout: float, *, what: str, every: float = _POLL_SECONDS) -> None:
    """Ask until the answer is yes, with a pause between. ServerFailed after ``timeout`` seconds."""
    pause, deadline = threading.Event(), time.monotonic() + timeout
    while not is_true():
        if time.monotonic() > deadline:
            raise ServerFailed(f"{what}: not within {timeout:.0f} s")
        pause.wait(every)


@dataclass(frozen=True)
class Process:
    """A running server, and its children."""

    name: str
    child: subprocess.Popen[bytes]
    log: Path
    secrets: tuple[str, ...] = ()

    @property
    def is_alive(self) -> bool:
        return self.child.poll() is None

    def log_text(self) -> str:
        """Give the end of the log, with the server's secrets taken out."""
        text = "\n".join(self.log.read_text(errors="replace").splitlines()[-_LINES_OF_LOG_TO_SHOW:])
        for secret in self.secrets:
            text = text.replace(secret, "•••")
        return text

    def wait_until_ready(self, is_ready: Callable[[], bool], timeout: float) -> None:
        def is_ready_or_dead() -> bool:
            if not self.is_alive:
                raise ServerFailed(f"{self.name} ended with status {self.child.returncode}:\n{self.log_text()}")
            return is_ready()

        try:
            poll(is_ready_or_dead, timeout, what=f"{self.name} becoming ready")
        except ServerFailed as error:
            raise ServerFailed(f"{error}\n{self.log_text()}") from None

    def stop(self, ending: signal.Signals = signal.SIGTERM) -> None:
        """End it, then whatever is left of its process group. Its group is its own: nobody else is in it."""
        if self.is_alive:
            self.child.send_signal(ending)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait(10)
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


@contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    user: int | None = None,
    group: int | None = None,
    secrets: tuple[str, ...] = (),
    ending: signal.Signals = signal.SIGTERM,
) -> Iterator[Process]:
    """Run a server for as long as the block lasts. Secrets go in by environment or file, never on the command line."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**_plain_environment(), **(environment or {})},
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=[] if user is not None else None,
        )
    process = Process(name, child, log, secrets)
    try:
        yield process
    finally:
        process.stop(ending)


def _plain_environment() -> dict[str, str]:
    """Give the environment without what would steer a server or reach it through a proxy."""
    steering = ("BAO_", "VAULT_", "AWS_", "PG", "JUPYTERHUB_", "CONFIGPROXY_", "ROTATOR_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(steering) and not name.lower().endswith("_proxy")
    }
