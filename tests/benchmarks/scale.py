"""What many policies cost the daemon while none is due: to start, in memory, and for each look at them.

Each size is measured in a process of its own. Reading the same files with PyYAML's C loader alone is what everything
else is a multiple of.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.benchmarks.installation import SHIPPED_PROFILE, without_quota

SIZES = (1_000, 10_000, 100_000)
_IN_A_FILE = 1_000
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
    megabytes: float
    """At its largest, beyond what a process has that imported everything."""


def cost_of(policies: int) -> Cost:
    """Measure in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.scale", str(policies)], capture_output=True, text=True, check=True
    )
    return Cost(**json.loads(done.stdout))


def _measured(policies: int) -> Cost:
    import yaml

    from rotator.config.policy_source.directory import DirectorySource
    from rotator.daemon.service import Service
    from rotator.flow.runner import Runner
    from rotator.flow.work import Tools
    from rotator.ledger.ledger import Ledger
    from rotator.testing.moving_clock import MovingClock

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "policies", policies)
        files = sorted((folder / "policies").iterdir())
        bare = _cpu(lambda: [yaml.load(file.read_bytes(), yaml.CSafeLoader) for file in files])
        with Ledger.open(f"sqlite:///{folder / 'ledger.db'}") as ledger:
            _adopt_all(ledger, policies)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            source = DirectorySource(folder / "policies")
            load = _cpu(source.load)
            in_force = source.in_force
            assert in_force is not None
            clock = MovingClock(_NOW)
            runner = Runner(Tools(ledger, clock, None, "benchmark", "benchmark"))  # type: ignore[arg-type]  # none is due
            service = Service(runner, in_force.policies)
            first = _cpu(service.work)
            assert len(service.snapshot()) == policies

            def passes() -> None:
                for _ in range(_PASSES):
                    clock.move(seconds=15)
                    assert service.work() == 0

            idle = _cpu(passes) / _PASSES
            unchanged = _cpu(source.refresh)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Cost(policies, bare, load, first, idle, unchanged, (after - before) / 1024)


_NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def _write(folder: Path, policies: int) -> None:
    folder.mkdir()
    (folder / "connections.yaml").write_text(_CONNECTIONS)
    (folder / "profile.yaml").write_text(without_quota(SHIPPED_PROFILE.read_text()))
    for first in range(0, policies, _IN_A_FILE):
        numbers = range(first, min(first + _IN_A_FILE, policies))
        body = "".join(_POLICY.format(number=number, team=number % 50) for number in numbers)
        text = f"defaults: {{schedule: {{every: 90 days, splay: 6h}}}}\npolicies:\n{body}"
        (folder / f"policies-{first}.yaml").write_text(text)


def _adopt_all(ledger: object, policies: int) -> None:
    """Put the tokens in force into the ledger, past it: adopting each would take longer than all that is measured."""
    from sqlalchemy import insert

    from rotator.ledger.tables import secrets, tokens

    made = _NOW - timedelta(days=10)
    rows = [
        {"id": f"t-{number}", "secret": f"app-{number}", "state": "LIVE", "handle": f"h{number}", "created_at": made,
         "handles_before": []}
        for number in range(policies)
    ]  # fmt: skip
    known = [
        {"name": row["secret"], "current_token": row["id"], "failures": 0, "events": 0, "digest": ""} for row in rows
    ]
    with ledger._database.writing() as connection:  # type: ignore[attr-defined]  # nobody else adopts 100,000 at once
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.execute(insert(secrets), known)
        connection.execute(insert(tokens), rows)


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_measured(int(sys.argv[1])))))
