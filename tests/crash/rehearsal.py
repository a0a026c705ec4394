"""One secret in three real stores, a run of ``rotate`` that is killed, another that goes on, and what must be true."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rotator.domain.model import Phase, SecretName, TokenState
from rotator.ledger.ledger import Ledger
from tests.canary import CANARY
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.servers.sandbox import SandboxIssuer, sandbox_in_this_process

VARIABLE = "PAYMENTS_TOKEN"
KILLED = -9

_POLICY = """\
connections:
  sandbox: {{provider: sandbox, url: "{issuer}", credentials: {{admin: "env:SANDBOX_ADMIN"}}}}
  app-env: {{provider: env-file}}
  bao: {{provider: vault, url: "{bao}", mount: "{mount}", credentials: {{token: "env:BAO_ADMIN"}}}}
  aws: {{provider: aws-secrets-manager, region: "{region}", url: "{aws}"}}
policies:
  - name: {name}
    issuer: {{connection: sandbox, token_name: payments, expires_in: 90 days}}
    stores:
      - {{connection: app-env, file: {folder}/app.env, var: {variable}}}
      - {{connection: bao, path: payments, field: token}}
      - {{connection: aws, secret: {name}, field: token}}
    schedule: never
    overlap: {{for: 0s}}
"""


class Zygote:
    """A process that becomes runs of ``rotate`` (tests/crash/zygote.py)."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.crash.zygote"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, arguments: list[str], environment: dict[str, str], output: Path, kill: tuple[int, str] | None) -> int:
        """Run ``rotate`` to its end, or to the point where it is to die; give its exit status."""
        output.mkdir(exist_ok=True)
        order = {"arguments": arguments, "environment": environment, "output": str(output), "kill": kill}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the zygote itself died"
        return int(answer)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@dataclass
class Rehearsal:
    """One secret, adopted, with its issuer and its three destinations."""

    name: str
    folder: Path
    ledger_url: str
    key_file: Path
    zygote: Zygote
    sandbox: SandboxIssuer
    openbao: OpenBao
    moto: Moto
    mount: str
    old: dict[str, Any] = field(default_factory=dict)

    def rotate(self, *arguments: str, output: str, kill: tuple[int, str] | None = None) -> int:
        options = ["--policies", str(self.folder / "policy.yaml"), "--ledger", self.ledger_url]
        environment = {
            "ROTATOR_FINGERPRINT_KEY": str(self.key_file),
            "SANDBOX_ADMIN": self.sandbox.admin_token,
            "BAO_ADMIN": self.openbao.root_token,
            "AWS_ACCESS_KEY_ID": self.moto.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.moto.secret_access_key,
        }
        return self.zygote.run([*options, *arguments], environment, self.folder / output, kill)

    def prepare(self) -> None:
        """Make a token by hand, put it everywhere beside values of others, and adopt it."""
        self.old = self.sandbox.issue("made by hand")
        value = self.old["token"]
        env = CANARY.may_hold_values(self.folder / "app.env")
        env.write_text(f"# payments\nPORT=8080\n{VARIABLE}={value}\nLOG=info\n")
        env.chmod(0o600)
        self.openbao.request("POST", f"{self.mount}/data/payments", {"data": {"user": "payments", "token": value}})
        document = json.dumps({"user": "payments", "token": value})
        self.moto.client("secretsmanager").create_secret(Name=self.name, SecretString=document)
        policy = _POLICY.format(
            issuer=self.sandbox.url, bao=self.openbao.url, mount=self.mount, region=self.moto.region, aws=self.moto.url,
            name=self.name, folder=self.folder, variable=VARIABLE,
        )  # fmt: skip
        (self.folder / "policy.yaml").write_text(policy)
        assert self.rotate("adopt", self.name, output="adopt") == 0, (self.folder / "adopt" / "stderr").read_text()

    def held(self) -> dict[str, str]:
        """Give the value that consumers read at each destination; everything beside it must be as it was."""
        lines = (self.folder / "app.env").read_text().splitlines()
        assert [line for line in lines if not line.startswith(VARIABLE)] == ["# payments", "PORT=8080", "LOG=info"]
        bao = self.openbao.request("GET", f"{self.mount}/data/payments")["data"]["data"]
        aws = self.moto.client("secretsmanager").get_secret_value(SecretId=self.name, VersionStage="AWSCURRENT")
        document = json.loads(aws["SecretString"])
        assert bao.keys() == document.keys() == {"user", "token"}
        assert bao["user"] == document["user"] == "payments"
        env = next(line for line in lines if line.startswith(VARIABLE)).partition("=")[2].strip("'\"")
        return {"env file": env, "OpenBao": bao["token"], "AWS": document["token"]}

    def has_begun(self) -> bool:
        with Ledger.open(self.ledger_url, key_file=self.key_file) as ledger:
            return ledger.last_rotation(SecretName(self.name)) is not None

    def no_consumer_reads_a_dead_token(self) -> None:
        live = set(self.sandbox.live_values().values())
        dead = [place for place, value in self.held().items() if value not in live]
        assert not dead, f"dead tokens at: {dead}"

    def is_whole(self, *, rotated: bool) -> None:
        """Check all that is promised once the trouble is over. ``rotated``: a new token must be in force."""
        live = self.sandbox.live_values()
        with Ledger.open(self.ledger_url, key_file=self.key_file) as ledger:
            secret = ledger.secret(SecretName(self.name))
            last = ledger.last_rotation(SecretName(self.name))
            assert ledger.broken_links(SecretName(self.name)) == []
        assert secret.open is None, f"still open: {secret.open.phase} {secret.open.trouble}"
        assert secret.current is not None
        assert set(live) == {secret.current.handle}, "live tokens are not exactly those in the ledger"
        assert set(self.held().values()) == {live[str(secret.current.handle)]}, "a destination holds another token"
        assert (secret.current.handle != self.old["id"]) == rotated
        assert self.sandbox.accepts(live[str(secret.current.handle)])
        assert self.sandbox.accepts(self.old["token"]) == (not rotated)
        if rotated:
            assert last is not None
            assert last.phase is Phase.RETIRED
            assert all(token.state is TokenState.DEAD for token in last.strays)
        self.nothing_is_left_staged()

    def nothing_is_left_staged(self) -> None:
        described = self.moto.client("secretsmanager").describe_secret(SecretId=self.name)
        stages = [stage for labels in described["VersionIdsToStages"].values() for stage in labels]
        assert "AWSPENDING" not in stages

    def points(self, output: str) -> list[str]:
        return (self.folder / output / "points").read_text().splitlines()

    def said(self, output: str) -> str:
        return "".join((self.folder / output / name).read_text() for name in ("stdout", "stderr"))


@contextmanager
def rehearsal(
    folder: Path, ledger_url: str, zygote: Zygote, openbao: OpenBao, moto: Moto, key_file: Path
) -> Iterator[Rehearsal]:
    folder.mkdir(parents=True)
    name = f"payments-{secrets.token_hex(4)}"
    with sandbox_in_this_process() as sandbox:
        mount = openbao.mount_kv()
        staged = Rehearsal(name, folder, ledger_url, key_file, zygote, sandbox, openbao, moto, mount)
        staged.prepare()
        yield staged
