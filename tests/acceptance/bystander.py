"""One token in use, adopted, with servers around it that can be spoilt: what a failed command must leave as it was."""

from __future__ import annotations

import json
import secrets
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.acceptance.command import Desk
from tests.canary import CANARY
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao, running_openbao
from tests.servers.sandbox import SandboxIssuer, sandbox_in_this_process

_POLICY: Final = """\
connections:
  sandbox: {{provider: sandbox, url: "{issuer}", credentials: {{admin: "env:SANDBOX_ADMIN"}}}}
  bao: {{provider: vault, url: "{bao}", mount: "{mount}", credentials: {{token: "env:BAO_TOKEN"}}}}
  aws: {{provider: aws-secrets-manager, region: "{region}", url: "{aws}"}}
  app-env: {{provider: env-file}}
policies:
  - name: app
    issuer: {{connection: sandbox, token_name: app, expires_in: 90 days}}
    stores:
      - {{connection: bao, path: app, field: token}}
      - {{connection: aws, secret: "{secret}", field: token}}
      - {{connection: app-env, file: "{env_file}", var: APP_TOKEN}}
    schedule: {{every: 30 days}}
"""


@dataclass
class Bystander:
    """What is looked at before and after. ``nobody`` is an address at which no server listens."""

    desk: Desk
    sandbox: SandboxIssuer
    bao: OpenBao
    sealed: OpenBao
    moto: Moto
    mount: str
    secret: str
    nobody: str

    @property
    def env_file(self) -> Path:
        return self.desk.folder / "env" / "app.env"

    def prepare(self) -> None:
        value = self.sandbox.issue("by hand")["token"]
        CANARY.add(value, for_session=True)
        self.env_file.parent.mkdir()
        self.env_file.write_text(f"APP_TOKEN={value}\nPORT=80\n")
        self.env_file.chmod(0o600)
        self.bao.request("POST", f"{self.mount}/data/app", {"data": {"user": "app", "token": value}})
        document = json.dumps({"user": "app", "token": value})
        self.moto.client("secretsmanager").create_secret(Name=self.secret, SecretString=document)
        self.desk.write_policy(self.policy())
        self.desk.rotate("adopt", "app")

    def policy(self) -> str:
        return _POLICY.format(
            issuer=self.sandbox.url, bao=self.bao.url, mount=self.mount, region=self.moto.region, aws=self.moto.url,
            secret=self.secret, env_file=self.env_file,
        )  # fmt: skip

    def places(self) -> dict[str, str]:
        """Give what a table may name: addresses and names that are known only now."""
        return {
            "issuer": self.sandbox.url, "bao": self.bao.url, "aws": self.moto.url, "nobody": self.nobody,
            "sealed": self.sealed.url, "secret": self.secret, "env": str(self.env_file), "mount": self.mount,
            "folder": str(self.desk.folder),
        }  # fmt: skip

    def with_desk(self, **changes: object) -> Desk:
        return replace(self.desk, **changes)

    def everything(self) -> Mapping[str, object]:
        """Give all that may not be touched: issuer, destinations, ledger."""
        client = self.moto.client("secretsmanager")
        versions = client.describe_secret(SecretId=self.secret)["VersionIdsToStages"]
        return {
            "issuer": sorted((token["id"], token["name"]) for token in self.sandbox.tokens()),
            "OpenBao": self.bao.request("GET", f"{self.mount}/data/app")["data"],
            "AWS": (versions, client.get_secret_value(SecretId=self.secret)["SecretString"]),
            "env file": (self.env_file.read_bytes(), self.env_file.stat().st_mode),
            "ledger": self._ledger(),
        }

    def _ledger(self) -> list[str]:
        with closing(sqlite3.connect(f"file:{self.desk.ledger_file}?mode=ro", uri=True)) as connection:
            return list(connection.iterdump())


@contextmanager
def bystander(folder: Path, openbao: OpenBao, moto: Moto) -> Iterator[Bystander]:
    (folder / "sealed").mkdir()
    (folder / "desk").mkdir()
    with ExitStack() as servers:
        held = servers.enter_context(socket.socket())
        held.bind(("127.0.0.1", 0))  # nobody listens, and as long as it is held, nobody else will
        closed_port = held.getsockname()[1]
        sandbox = servers.enter_context(sandbox_in_this_process())
        sealed = servers.enter_context(running_openbao(folder / "sealed"))
        sealed.request("PUT", "sys/seal")
        for value in (sandbox.admin_token, sandbox.control_token, sealed.root_token):
            CANARY.add(value, for_session=True)
        environment = {
            "SANDBOX_ADMIN": sandbox.admin_token,
            "BAO_TOKEN": openbao.root_token,
            "AWS_ACCESS_KEY_ID": moto.access_key_id,
            "AWS_SECRET_ACCESS_KEY": moto.secret_access_key,
        }
        made = Bystander(
            desk=Desk(folder / "desk", environment), sandbox=sandbox, bao=openbao, sealed=sealed, moto=moto,
            mount=openbao.mount_kv(), secret=f"app-{secrets.token_hex(4)}", nobody=f"http://127.0.0.1:{closed_port}",
        )  # fmt: skip
        made.prepare()
        yield made
