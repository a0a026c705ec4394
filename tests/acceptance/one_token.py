"""One token of a JupyterHub user, made by hand, and the three places where its consumers read it: all real servers."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.command import Desk
from tests.canary import CANARY
from tests.servers.jupyterhub import JupyterHub
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao

NAME: Final = "reports-api"
VARIABLE: Final = "REPORTS_TOKEN"
_DAY: Final = 86_400

_POLICY: Final = """\
connections:
  hub: {{provider: jupyterhub, url: "{hub}", credentials: {{token: "env:HUB_TOKEN"}}}}
  bao: {{provider: vault, url: "{bao}", mount: "{mount}", credentials: {{token: "env:BAO_TOKEN"}}}}
  aws: {{provider: aws-secrets-manager, region: "{region}", url: "{aws}"}}
  app-env: {{provider: env-file}}
policies:
  - name: reports-api
    owner: data@example.com
    tags: [production]
    issuer: {{connection: hub, user: "{user}", token_name: reports-api, expires_in: 180 days}}
    stores:
      - {{connection: bao, path: prod/reports, field: token}}
      - {{connection: aws, secret: "{secret}", field: token}}
      - {{connection: app-env, file: "{env_file}", var: {variable}}}
    schedule: {{every: 90 days, before_expiry: 14 days}}
    overlap: {{for: {overlap}}}
"""


@dataclass
class OneToken:
    """A token in use, its issuer, its consumers' places, and the desk of the person who is to rotate it."""

    desk: Desk
    hub: JupyterHub
    bao: OpenBao
    moto: Moto
    user: str
    mount: str
    secret: str
    old: dict[str, Any] = field(default_factory=dict)
    """The token that was made by hand, as JupyterHub gave it. It expires in five days: its rotation is due."""

    @property
    def env_file(self) -> Path:
        return self.desk.folder / "app.env"

    @property
    def document(self) -> str:
        """The path of the document in OpenBao, for the API."""
        return f"{self.mount}/data/prod/reports"

    def prepare(self) -> None:
        self.old = self.hub.issue("made by hand", user=self.user, expires_in=5 * _DAY)
        value = self.old["token"]
        CANARY.may_hold_values(self.env_file).write_text(
            f"# read by reports\nPORT=8080\n{VARIABLE}={value}\nLOG=info\n"
        )
        self.env_file.chmod(0o640)
        self.bao.request("POST", self.document, {"data": {"user": "reports", "retries": 3, "token": value}})
        text = json.dumps({"user": "reports", "nested": {"a": [1, None]}, "token": value})
        self.moto.client("secretsmanager").create_secret(Name=self.secret, SecretString=text)
        self.write_policy()

    def replace_by_hand(self) -> dict[str, Any]:
        """Make another token, and put it in every place in the one's stead, as a person does at night."""
        made, before = self.hub.issue("made at night", user=self.user, expires_in=5 * _DAY), self.in_use()
        self.env_file.write_text(self.env_file.read_text().replace(before, made["token"]))
        in_bao = self.bao.request("GET", self.document)["data"]["data"]
        self.bao.request("POST", self.document, {"data": {**in_bao, "token": made["token"]}})
        secrets_manager = self.moto.client("secretsmanager")
        shown = secrets_manager.get_secret_value(SecretId=self.secret, VersionStage="AWSCURRENT")
        text = shown["SecretString"].replace(before, made["token"])
        put = secrets_manager.put_secret_value(SecretId=self.secret, SecretString=text, VersionStages=["BY_HAND"])
        secrets_manager.update_secret_version_stage(
            SecretId=self.secret, VersionStage="AWSCURRENT",
            MoveToVersionId=put["VersionId"], RemoveFromVersionId=shown["VersionId"],
        )  # fmt: skip
        return made

    def write_policy(self, overlap: str = "24h", bao: str | None = None) -> None:
        self.desk.write_policy(
            _POLICY.format(
                hub=self.hub.url, bao=bao or self.bao.url, mount=self.mount, region=self.moto.region,
                aws=self.moto.url, user=self.user, secret=self.secret, env_file=self.env_file, variable=VARIABLE,
                overlap=overlap,
            )
        )  # fmt: skip

    def held(self) -> dict[str, str]:
        """Give what consumers read at each place. All else there must be as it was, the file's mode too."""
        lines = self.env_file.read_text().splitlines()
        assert [line.partition("=")[0] for line in lines] == ["# read by reports", "PORT", VARIABLE, "LOG"]
        assert (lines[1], lines[3]) == ("PORT=8080", "LOG=info")
        assert self.env_file.stat().st_mode & 0o777 == 0o640
        in_bao = self.bao.request("GET", self.document)["data"]["data"]
        assert {name: in_bao[name] for name in in_bao if name != "token"} == {"user": "reports", "retries": 3}
        shown = self.moto.client("secretsmanager").get_secret_value(SecretId=self.secret, VersionStage="AWSCURRENT")
        in_aws = json.loads(shown["SecretString"])
        assert {name: in_aws[name] for name in in_aws if name != "token"} == {
            "user": "reports",
            "nested": {"a": [1, None]},
        }
        held = {"env file": lines[2].partition("=")[2].strip("'\""), "OpenBao": in_bao["token"], "AWS": in_aws["token"]}
        for value in held.values():
            CANARY.add(value)
        return held

    def in_use(self) -> str:
        """Give the one value that every place holds, and that JupyterHub accepts."""
        values = set(self.held().values())
        assert len(values) == 1, "the consumers' places hold different tokens"
        value = values.pop()
        assert self.hub.accepts(value), "JupyterHub refuses what the consumers read"
        return value

    def ids(self) -> set[str]:
        """Give the ids of the user's tokens that live."""
        return {token["id"] for token in self.hub.tokens(self.user)}

    def old_is_accepted(self) -> bool:
        return self.hub.accepts(self.old["token"])


@pytest.fixture
def token(tmp_path: Path, jupyterhub: JupyterHub, openbao: OpenBao, moto: Moto) -> OneToken:
    """A hand-made token in three places, with a policy, and nothing in the ledger yet."""
    desk = Desk(
        tmp_path,
        {
            "HUB_TOKEN": jupyterhub.admin_token,
            "BAO_TOKEN": openbao.root_token,
            "AWS_ACCESS_KEY_ID": moto.access_key_id,
            "AWS_SECRET_ACCESS_KEY": moto.secret_access_key,
        },
    )
    secret = f"reports-{secrets.token_hex(4)}"
    made = OneToken(desk, jupyterhub, openbao, moto, jupyterhub.new_user(), openbao.mount_kv(), secret)
    made.prepare()
    return made


@pytest.fixture
def adopted(token: OneToken) -> OneToken:
    """The same, and the ledger knows which token is in use."""
    token.desk.rotate("adopt", NAME)
    return token
