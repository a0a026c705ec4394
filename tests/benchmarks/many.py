"""Ten thousand secrets in one command, and the work of two processes on one PostgreSQL beside that of one.

The command is the real one, ``rotate now --compromised``, in a process of its own: what it costs is what the kernel
says of it, read each time another thousand old tokens are proven dead.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Final

from rotator.domain.model import Event, Handle, SecretName, Token, TokenId, TokenState
from rotator.domain.secret_value import SecretValue
from rotator.ledger.ledger import Ledger
from tests.benchmarks.installation import A_DAY, NO_QUOTA, RULES, without_quota
from tests.benchmarks.toll_gate import toll_gate
from tests.canary import CANARY
from tests.servers.postgresql import PostgreSQL
from tests.servers.sandbox import SandboxIssuer, sandbox_in_its_own_process

SECRETS: Final = 10_000
SHARE: Final = 300
"""Secrets of one process, where two are compared with one."""
LATENCY: Final = 0.1
"""Seconds that the issuer takes for each request there: a process waits for it most of the time, as in life."""

_ROTATE: Final = Path(sys.executable).parent / "rotate"
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICK: Final = os.sysconf("SC_CLK_TCK")

_POLICIES: Final = """\
connections:
  sandbox: {{provider: {provider}, url: "{url}", credentials: {{admin: "env:SANDBOX_ADMIN"}}}}
  host: {{provider: env-file}}
defaults: {{schedule: never}}
policies:
"""
_POLICY: Final = """\
  - name: {name}
    tags: [{tag}]
    issuer: {{connection: sandbox, token_name: {name}, expires_in: 90 days}}
    stores: [{{connection: host, file: {folder}/{name}.env, var: API_TOKEN}}]
"""


@dataclass
class Estate:
    """Secrets with a token in force each, in an env file each, known to a ledger."""

    folder: Path
    sandbox: SandboxIssuer
    ledger_url: str
    issuer_url: str = ""
    """Where Rotator reaches the issuer. Empty: at the sandbox itself."""

    def furnish(self, tags: dict[str, Sequence[str]]) -> None:
        """Make a token for each name, a day ago; write the policies; have the ledger know the tokens."""
        (self.folder / "policies").mkdir()
        (self.folder / "env").mkdir()
        shipped = Path(str(files("providers.issuers.profiles") / "sandbox.yaml")).read_text()
        (self.folder / "policies" / "profile.yaml").write_text(without_quota(shipped))
        text = _POLICIES.format(provider=NO_QUOTA, url=self.issuer_url or self.sandbox.url)
        made_at = datetime.now(UTC) - A_DAY
        self.sandbox.advance(-A_DAY)
        with Ledger.open(self.ledger_url, key_file=self.folder / "key") as ledger:
            for tag, names in tags.items():
                for name in names:
                    text += _POLICY.format(name=name, tag=tag, folder=self.folder / "env")
                    self._adopt(ledger, name, made_at)
        self.sandbox.advance(A_DAY)
        (self.folder / "policies" / "policies.yaml").write_text(text)

    def _adopt(self, ledger: Ledger, name: str, made_at: datetime) -> None:
        made = self.sandbox.issue(name)
        env = CANARY.may_hold_values(self.folder / "env" / f"{name}.env")
        env.touch(0o600)
        env.write_text(f"API_TOKEN={made['token']}\n")
        fingerprint = ledger.fingerprint(SecretValue(made["token"]))
        token = Token(TokenId(f"of-{name}"), SecretName(name), TokenState.LIVE, handle=Handle(made["id"]),
                      fingerprint=fingerprint, created_at=made_at)  # fmt: skip
        ledger.adopt(token, Event("adopted", token.secret, made_at, "benchmark"))

    @contextmanager
    def rotating(self, *selection: str) -> Iterator[subprocess.Popen[str]]:
        """Run ``rotate now`` for a selection. Its events come on its standard error, a line of JSON each."""
        options = ["--json", "--policies", self.folder / "policies", "--ledger", self.ledger_url]
        command = [_ROTATE, *options, "now", *selection, "--compromised", "--yes", "--reason", "benchmark"]
        environment = {
            **os.environ,
            "ROTATOR_FINGERPRINT_KEY": str(self.folder / "key"),
            "SANDBOX_ADMIN": self.sandbox.admin_token,
        }
        with (self.folder / f"said-{selection[-1]}").open("w") as said:
            process = subprocess.Popen(
                [str(part) for part in command], stdout=said, stderr=subprocess.PIPE, text=True, env=environment
            )
            try:
                yield process
                assert process.wait() == 0, f"`rotate now` ended with {process.returncode}"
            finally:
                process.kill()
                process.wait()


def retired(process: subprocess.Popen[str]) -> Iterator[float]:
    """Give the moment of each rotation's end, as it comes."""
    assert process.stderr is not None
    for line in process.stderr:
        if json.loads(line).get("event") == "retired":
            yield time.perf_counter()


@dataclass(frozen=True)
class Milestone:
    """What one command had cost when so many old tokens were dead."""

    dead: int
    cpu_seconds: float
    megabytes: float


def ten_thousand(folder: Path, count: int = SECRETS, every: int = SECRETS // 10) -> list[Milestone]:
    """Rotate all in one command, and look at it at every thousand."""
    (folder / "issuer").mkdir()
    milestones = []
    with sandbox_in_its_own_process(folder / "issuer", RULES) as sandbox:
        estate = Estate(folder, sandbox, f"sqlite:///{folder}/ledger.db")
        estate.furnish({"all": [f"app-{number}" for number in range(count)]})
        with estate.rotating("--issuer", "sandbox") as process:
            for dead, _ in enumerate(retired(process), 1):
                if dead % every == 0 or dead == 1:
                    milestones.append(Milestone(dead, *_cost(process.pid)))
    assert milestones[-1].dead == count
    return milestones


def slowdown(milestones: Sequence[Milestone]) -> float:
    """Give the CPU seconds of the last thousand as a multiple of those of the second: the first one warms up."""
    spent = [later.cpu_seconds - earlier.cpu_seconds for earlier, later in pairwise(milestones)]
    return spent[-1] / spent[1]


def two_processes(folder: Path, server: PostgreSQL, share: int = SHARE) -> float:
    """Give how many times as many rotations two processes on one PostgreSQL end in a second as one does."""
    (folder / "issuer").mkdir()
    with (
        sandbox_in_its_own_process(folder / "issuer", RULES) as sandbox,
        toll_gate(sandbox.url, folder, latency=LATENCY) as url,
        server.fresh_database() as database,
    ):
        estate = Estate(folder, sandbox, database, url)
        estate.furnish({tag: [f"{tag}-{number}" for number in range(share)] for tag in ("alone", "left", "right")})
        alone = _per_second(estate, "alone")
        return _per_second(estate, "left", "right") / alone


def _per_second(estate: Estate, *tags: str) -> float:
    """Rotate these, each tag by a process of its own, side by side. Counts from when each has ended its first."""
    with ExitStack() as stack:
        processes = [stack.enter_context(estate.rotating("--tag", tag)) for tag in tags]
        with ThreadPoolExecutor(len(processes)) as pool:
            moments = list(pool.map(lambda process: list(retired(process)), processes))
    begun, ended = max(each[0] for each in moments), min(each[-1] for each in moments)
    return sum(begun < moment <= ended for each in moments for moment in each) / (ended - begun)


def _cost(pid: int) -> tuple[float, float]:
    """Give the CPU seconds that a process has used, and the megabytes that it has in memory now."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(numbers[11]) + int(numbers[12])) / _TICK, resident * _PAGE / 1024**2
