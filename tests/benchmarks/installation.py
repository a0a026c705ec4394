"""Secrets to rotate on servers in processes of their own: some by Rotator, as many by a bare script.

Both use the same issuer and the same Secrets Manager. Every secret has a document of its own with one field of ours,
a token in force, and, where Rotator is to rotate it, its place in the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from providers.issuers.sandbox.tokens import Rules
from rotator.app import App
from rotator.config.settings import Settings
from rotator.domain.clock import SystemClock
from rotator.domain.model import Cause, Overlap, SecretName
from rotator.flow import adoption
from rotator.flow.emergency import rotate_all
from rotator.flow.opening import Order
from rotator.flow.report import Outcome
from rotator.flow.runner import Runner
from tests.canary import CANARY
from tests.servers.sandbox import SandboxIssuer

SHIPPED_PROFILE = Path(str(files("providers.issuers.profiles") / "sandbox.yaml"))

_CONNECTIONS = """\
connections:
  sandbox: {{provider: {provider}, url: "{issuer}", limits: {limits}, credentials: {{admin: "file:{admin}"}}}}
  aws:
    provider: aws-secrets-manager
    region: eu-west-1
    url: "{aws}"
    limits: {limits}
    credentials: {{access_key_id: "file:{key_id}", secret_access_key: "file:{secret_key}"}}
policies:
"""
_POLICY = """\
  - name: {name}
    issuer: {{connection: sandbox, token_name: {name}, expires_in: 90 days}}
    stores: [{{connection: aws, secret: {name}, field: token}}]
    schedule: never
    overlap: {{for: 0s}}
"""

KEY_ID, SECRET_KEY = "AKIATESTTESTTESTTEST", "any-secret-access-key-will-do-here"
RULES = Rules(max_active=None, page_size=1000)
"""The issuer's rules here: a benchmark is not to be stopped by a quota."""

A_DAY = timedelta(days=1)

NO_QUOTA, SHIPPED = "sandbox-without-quota", "sandbox"
"""The two profiles: without a quota, Rotator need not count the issuer's tokens before it asks for another one."""


@dataclass(frozen=True)
class Edge:
    """Where Rotator reaches the two services, and what it is told of their limits."""

    issuer: str
    aws: str
    rate: str | None = None


@dataclass
class Installation:
    """What is rotated, and Rotator as it runs in a process: its application and one runner."""

    folder: Path
    sandbox: SandboxIssuer
    aws_url: str
    provider: str = NO_QUOTA
    edge: Edge | None = None
    """Unset: Rotator asks the servers themselves, as we do."""
    app: App = field(init=False)
    runner: Runner = field(init=False)
    aws: Any = field(init=False, repr=False)
    """A client of the tests' own, as a bare script would make one."""

    def open(self, names: Sequence[str]) -> None:
        """Write policies for these secrets, and put Rotator together."""
        policies = self.folder / "policies"
        policies.mkdir()
        if self.provider == NO_QUOTA:
            (policies / "profile.yaml").write_text(without_quota(SHIPPED_PROFILE.read_text()))
        edge = self.edge or Edge(self.sandbox.url, self.aws_url)
        text = _CONNECTIONS.format(
            provider=self.provider, issuer=edge.issuer, aws=edge.aws,
            limits=f"{{rate: {edge.rate}}}" if edge.rate else "{}",
            admin=self._credential("admin", self.sandbox.admin_token), key_id=self._credential("key-id", KEY_ID),
            secret_key=self._credential("secret-key", SECRET_KEY),
        )  # fmt: skip
        (policies / "policies.yaml").write_text(text + "".join(_POLICY.format(name=name) for name in names))
        self.aws = _aws_client(self.aws_url)
        settings = Settings(policies=policies, ledger=f"sqlite:///{self.folder}/ledger.db")
        self.app = App(settings, SystemClock())
        self.runner = self.app.runner()

    def close(self) -> None:
        self.app.close()

    def prepare(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Make tokens by hand, a day old, and store them. Gives each one's ``id`` and ``token``."""
        self.sandbox.advance(-A_DAY)
        made = {name: self.sandbox.issue(name) for name in names}
        self.sandbox.advance(A_DAY)
        for name, token in made.items():
            document = json.dumps({"user": name, "token": token["token"], "note": "not ours"})
            self.aws.create_secret(Name=name, SecretString=document)
        return {name: {"id": token["id"], "token": token["token"]} for name, token in made.items()}

    def adopt(self, names: Sequence[str]) -> None:
        """Have Rotator take over the tokens that were made by hand."""
        for name in names:
            policy = self.app.policies.named(SecretName(name))
            assert policy is not None
            adoption.adopt(self.runner.tools, policy, None)

    def rotate(self, names: Sequence[str], workers: int = 1) -> None:
        """Rotate as ``rotate now --overlap 0`` does; every old token must end proven dead."""
        policies = [self.app.policies.named(SecretName(name)) for name in names]
        orders = [Order(policy, Cause.ASKED, overlap=Overlap(for_=timedelta())) for policy in policies if policy]
        assert len(orders) == len(names)
        for report in rotate_all(self.runner, orders, workers):
            assert report.outcome is Outcome.ROTATED, report

    def _credential(self, name: str, value: str) -> Path:
        file = CANARY.may_hold_values(self.folder / name)
        file.touch(0o600)
        file.write_text(value)
        return file


@contextmanager
def installation(
    folder: Path,
    sandbox: SandboxIssuer,
    aws_url: str,
    names: Sequence[str],
    provider: str = NO_QUOTA,
    edge: Edge | None = None,
) -> Iterator[Installation]:
    """Give an installation with policies for these secrets. Nothing is prepared yet."""
    made = Installation(folder, sandbox, aws_url, provider, edge)
    made.open(names)
    try:
        yield made
    finally:
        made.close()


def without_quota(profile: str) -> str:
    """Give the shipped profile under another name, for an issuer that sets no limit."""
    renamed = profile.replace("name: sandbox\n", f"name: {NO_QUOTA}\n", 1)
    unlimited = "".join(line for line in renamed.splitlines(keepends=True) if "max_active" not in line)
    assert len(unlimited) < len(renamed), "the shipped profile has another shape now"
    return unlimited.partition("example: |")[0]


def _aws_client(url: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "secretsmanager", endpoint_url=url, region_name="eu-west-1", aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}, proxies={}, max_pool_connections=10),
    )  # fmt: skip
