"""What many policies cost the daemon while none is due: to start, in memory, and for each look at them.

Each size is measured in a process of its own. Reading the same files with PyYAML's C loader alone is what everything
else is a multiple of.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.installation import SHIPPED_PROFILE, without_quota

if TYPE_CHECKING:
    from rotator.daemon.service import Service
    from rotator.domain.policy import PolicySet
    from rotator.ledger.ledger import Ledger
    from rotator.testing.moving_clock import MovingClock

SIZES = (1_000, 10_000, 100_000)
_PASSES = 200

_CONNECTIONS = """\
connections:
  sandbox: {provider: sandbox-without-quota, url: "http://127.0.0.1:9", credentials: {admin: "env:NOBODY"}}
  host: {provider: env-file}
"""
_POLICY = """\
  - name: app-{number}
    owner: team-{team}@acme.example
    tags: [production]
    issuer: {{connection: sandbox, token_name: app-{number}}}
    stores:
      - {{connection: host, file: /srv/{number}/.env, var: API_TOKEN}}
"""


@dataclass(frozen=True)
class Cost:
    """CPU seconds, and megabytes, for so many policies."""

    policies: int
    bare_yaml: float
    load: float
    first_look: float
    """Reading the ledger, and deciding for each when it is due."""
    idle_pass: float
    """One tick of the daemon with nothing due."""
    unchanged: float
    """One look whether the files have changed."""
    megabytes_read: float
    """At its largest while policies are read, beyond what a process has that imported everything."""
    megabytes: float
    """The same, at its largest in all."""


def cost_of(policies: int) -> Cost:
    """Measure on files and a ledger that are there: each measurement in a process of its own, for its memory's sake."""
    from rotator.ledger.ledger import Ledger

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "policies", policies)
        with Ledger.open(_ledger(folder)) as ledger:
            adopt_all(ledger, policies)
        measured = {key: value for what in ("bare", "daemon") for key, value in _in_a_process(what, folder).items()}
    return Cost(policies, **measured)


def _in_a_process(what: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.scale", what, str(folder)]
    answer: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer


def _bare(folder: Path) -> dict[str, float]:
    import yaml

    files = sorted((folder / "policies").iterdir())
    return {"bare_yaml": _cpu(lambda: [yaml.load(file.read_bytes(), yaml.CSafeLoader) for file in files])}


def _daemon(folder: Path) -> dict[str, float]:
    from rotator.config.policy_source.directory import DirectorySource
    from rotator.ledger.ledger import Ledger
    from rotator.testing.moving_clock import MovingClock

    with Ledger.open(_ledger(folder)) as ledger:
        before = _megabytes()
        source = DirectorySource(folder / "policies")
        load = _cpu(source.load)
        read = _megabytes()
        in_force = source.in_force
        assert in_force is not None
        clock = MovingClock(NOW)
        service = daemons_work(ledger, clock, in_force.policies)
        first = _cpu(service.work)
        assert len(service.snapshot()) == len(in_force.policies.policies)

        def passes() -> None:
            for _ in range(_PASSES):
                clock.move(seconds=15)
                assert service.work() == 0

        idle = _cpu(passes) / _PASSES
        unchanged = _cpu(source.refresh)
        in_all = _megabytes()
    return {"load": load, "first_look": first, "idle_pass": idle, "unchanged": unchanged,
            "megabytes_read": read - before, "megabytes": in_all - before}  # fmt: skip


def daemons_work(ledger: Ledger, clock: MovingClock, policies: PolicySet) -> Service:
    """Give what the daemon does, where nothing is due: it opens no connection."""
    from rotator.daemon.service import Service
    from rotator.flow.runner import Runner
    from rotator.flow.work import Tools

    tools = Tools(ledger, clock, None, "benchmark", "benchmark")  # type: ignore[arg-type]  # none is opened
    return Service(Runner(tools), policies)


def _megabytes() -> float:
    """Give this process's memory at its largest so far. (``getrusage`` would count that of who started it.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _ledger(folder: Path) -> str:
    return f"sqlite:///{folder / 'ledger.db'}"


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def write(folder: Path, policies: int, in_a_file: int = 1_000) -> None:
    """Write policy files, and the issuer's profile and the connections that they name."""
    folder.mkdir()
    (folder / "connections.yaml").write_text(_CONNECTIONS)
    (folder / "profile.yaml").write_text(without_quota(SHIPPED_PROFILE.read_text()))
    for first in range(0, policies, in_a_file):
        numbers = range(first, min(first + in_a_file, policies))
        body = "".join(_POLICY.format(number=number, team=number % 50) for number in numbers)
        text = f"defaults: {{schedule: {{every: 90 days, splay: 6h}}}}\npolicies:\n{body}"
        (folder / f"policies-{first}.yaml").write_text(text)


def adopt_all(ledger: Ledger, policies: int) -> None:
    """Put the tokens in force into the ledger, past it: adopting each would take longer than all that is measured."""
    from sqlalchemy import func, insert, update

    from rotator.ledger.tables import secrets, tokens

    made = NOW - timedelta(days=10)
    rows = [
        {"id": f"t-{number}", "secret": f"app-{number}", "state": "LIVE", "handle": f"h{number}", "created_at": made,
         "handles_before": []}
        for number in range(policies)
    ]  # fmt: skip
    known = [{"name": row["secret"], "failures": 0, "events": 0, "digest": ""} for row in rows]
    with ledger._database.writing() as connection:  # nobody else adopts 100,000 at once
        connection.execute(insert(secrets), known)
        connection.execute(insert(tokens), rows)
        connection.execute(update(secrets).values(current_token=func.replace(secrets.c.name, "app-", "t-")))


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    _, what, where = sys.argv
    sys.stdout.write(json.dumps({"bare": _bare, "daemon": _daemon}[what](Path(where))))
