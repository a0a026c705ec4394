"""Real destinations of a secret, each beside values of others, which must stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from providers.stores.env_file.disk import unfinished
from tests.canary import CANARY
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao

_BESIDE = ["# payments", "PORT=8080", "LOG=info"]


class Destination(Protocol):
    """One place in a store: what the policies say of it, and what its consumers read."""

    connection: str
    place: str

    @property
    def environment(self) -> Mapping[str, str]: ...

    def put_by_hand(self, value: str) -> None: ...

    def read(self) -> str:
        """Give the value that consumers read. AssertionError when something beside it has changed."""
        ...

    def is_tidy(self) -> bool:
        """Tell whether nothing is left half done."""
        ...


class EnvFile:
    environment: Mapping[str, str] = {}
    connection = "app-env: {provider: env-file}"

    def __init__(self, folder: Path) -> None:
        self._file = CANARY.may_hold_values(folder / "app.env")
        self.place = f"{{connection: app-env, file: {self._file}, var: PAYMENTS_TOKEN}}"

    def put_by_hand(self, value: str) -> None:
        first, *others = _BESIDE
        self._file.write_text("\n".join([first, f"PAYMENTS_TOKEN='{value}'", *others]) + "\n")
        self._file.chmod(0o600)

    def read(self) -> str:
        lines = self._file.read_text().splitlines()
        [ours] = [line for line in lines if line.startswith("PAYMENTS_TOKEN=")]
        assert [line for line in lines if line is not ours] == _BESIDE
        return ours.partition("=")[2].strip("'\"")

    def is_tidy(self) -> bool:
        return not unfinished(self._file).exists()


class Bao:
    """One field of a document, which may hold tokens of neighbours in others."""

    def __init__(
        self, server: OpenBao, mount: str, path: str, field: str = "token", neighbours: Sequence[str] = ()
    ) -> None:
        self._server, self._mount, self._path = server, mount, path
        self._field, self._fields = field, {"user", field, *neighbours}
        self.environment = {"BAO_ADMIN": server.root_token}
        self.connection = (
            f'bao: {{provider: vault, url: "{server.url}", mount: "{mount}", credentials: {{token: "env:BAO_ADMIN"}}}}'
        )
        self.place = f"{{connection: bao, path: {path}, field: {field}}}"

    def put_by_hand(self, value: str) -> None:
        there = self._server.answer("GET", f"{self._mount}/data/{self._path}")
        before = there.json()["data"]["data"] if there.is_success else {}
        document = {"data": {**before, "user": "payments", self._field: value}}
        self._server.request("POST", f"{self._mount}/data/{self._path}", document)

    def read(self) -> str:
        document = self._document()
        assert document.keys() == self._fields
        assert document["user"] == "payments"
        return document[self._field]

    def earlier(self) -> list[str]:
        """Give what stands in our field in the earlier versions that somebody could go back to."""
        versions = self._server.request("GET", f"{self._mount}/metadata/{self._path}")["data"]["versions"]
        kept = sorted(int(number) for number, version in versions.items() if not version["destroyed"])[:-1]
        return [held for number in kept if (held := self._document(number).get(self._field))]

    def _document(self, version: int = 0) -> dict[str, str]:
        at = f"{self._mount}/data/{self._path}?version={version}"
        document: dict[str, str] = self._server.request("GET", at)["data"]["data"]
        return document

    def is_tidy(self) -> bool:
        return True


class SecretsManager:
    def __init__(self, moto: Moto, name: str) -> None:
        self._client = moto.client("secretsmanager")
        self._name = name
        self.environment = {
            "AWS_ACCESS_KEY_ID": moto.access_key_id,
            "AWS_SECRET_ACCESS_KEY": moto.secret_access_key,
        }
        self.connection = f'aws: {{provider: aws-secrets-manager, region: "{moto.region}", url: "{moto.url}"}}'
        self.place = f"{{connection: aws, secret: {name}, field: token}}"

    def put_by_hand(self, value: str) -> None:
        document = json.dumps({"user": "payments", "token": value})
        self._client.create_secret(Name=self._name, SecretString=document)

    def read(self) -> str:
        current = self._client.get_secret_value(SecretId=self._name, VersionStage="AWSCURRENT")
        document = json.loads(current["SecretString"])
        assert document.keys() == {"user", "token"}
        assert document["user"] == "payments"
        return str(document["token"])

    def is_tidy(self) -> bool:
        described = self._client.describe_secret(SecretId=self._name)
        return not any("AWSPENDING" in stages for stages in described["VersionIdsToStages"].values())
