"""What a command costs before it does anything, as a multiple of the start of a bare interpreter."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROUNDS = 9

_POLICY = """\
connections:
  sandbox: {provider: sandbox, url: "http://127.0.0.1:8931", credentials: {admin: "env:SANDBOX_ADMIN"}}
  aws-prod: {provider: aws-secrets-manager, region: eu-west-1}
policies:
  - name: documenso-production
    issuer: {connection: sandbox, token_name: production-api}
    stores: [{connection: aws-prod, secret: prod/documenso, field: token}]
    schedule: {every: 90 days}
"""


def multiples(folder: Path) -> dict[str, float]:
    """Give, for each command, the median of CPU seconds (its children's, too) over those of ``python -c pass``."""
    policy = folder / "policy.yaml"
    policy.write_text(_POLICY)
    rotate = str(Path(sys.executable).parent / "rotate")
    commands: Mapping[str, Sequence[str]] = {
        "rotate --version": [rotate, "--version"],
        "rotate --help": [rotate, "--help"],
        "rotate check": [rotate, "--policies", str(policy), "check"],
    }
    bare = [sys.executable, "-c", "pass"]
    # Byte code must be there and must be this code's: it gets a folder of its own, filled by a first run.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    for command in (bare, *commands.values()):
        _cpu(command, environment)
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        base = _cpu(bare, environment)
        for name, command in commands.items():
            taken[name].append(_cpu(command, environment) / base)
    return {name: statistics.median(ratios) for name, ratios in taken.items()}


def _cpu(command: Sequence[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
