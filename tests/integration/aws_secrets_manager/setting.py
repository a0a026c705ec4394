"""A secret in Secrets Manager, somebody else with the AWS API who reads and writes it, and the store between."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from providers.aws.client import AwsConfig
from providers.stores.aws_secrets_manager.store import SecretsManagerStore
from rotator.testing.access import DictionaryAccess
from tests.servers.moto import Moto

PERMISSIONS = Path(__file__).parents[3] / "deploy" / "permissions" / "aws-secrets-manager.json"

DOCUMENT = '{"url": "https://a.example",\n  "token": "start", "port": 1.10, "emoji": "\\ud83d\\udd11", "käse": null}'


class AtTheSecret:
    """Somebody else with the AWS API, who reads and writes the field by eye."""

    def __init__(self, client: Any, secret: str, field: str | None) -> None:
        self._client, self._secret, self._field = client, secret, field

    def _text(self) -> str:
        return str(self._client.get_secret_value(SecretId=self._secret, VersionStage="AWSCURRENT")["SecretString"])

    def _with(self, value: str) -> str:
        return json.dumps({**json.loads(self._text()), self._field: value}) if self._field else value

    def put(self, value: str) -> None:
        version = str(uuid4())
        current = self._stages("AWSCURRENT")
        self._client.put_secret_value(
            SecretId=self._secret, SecretString=self._with(value), ClientRequestToken=version, VersionStages=["BY_HAND"]
        )
        self._client.update_secret_version_stage(
            SecretId=self._secret, VersionStage="AWSCURRENT", MoveToVersionId=version, RemoveFromVersionId=current[0]
        )

    def stage(self, value: str) -> None:
        self._client.put_secret_value(
            SecretId=self._secret,
            SecretString=self._with(value),
            ClientRequestToken=str(uuid4()),
            VersionStages=["AWSPENDING"],
        )

    def field(self) -> str | None:
        text = self._text()
        return json.loads(text).get(self._field) if self._field else text

    def siblings(self) -> object:
        if not self._field:
            return None
        return self._text().replace(json.dumps(self.field(), ensure_ascii=False), "…", 1)

    def _stages(self, label: str) -> list[str]:
        stages = self._client.describe_secret(SecretId=self._secret)["VersionIdsToStages"]
        return [version for version, labels in stages.items() if label in labels]

    def footprint(self) -> object:
        stages = self._client.describe_secret(SecretId=self._secret)["VersionIdsToStages"]
        return {version: tuple(sorted(labels)) for version, labels in stages.items()}, self._text()


def least_privilege() -> list[str]:
    """Give the actions on secrets that the permissions we ship allow."""
    statements = json.loads(PERMISSIONS.read_text())["Statement"]
    allowed = [each["Action"] if isinstance(each["Action"], list) else [each["Action"]] for each in statements]
    return [action for actions in allowed for action in actions if action.startswith("secretsmanager:")]


@cache
def same_access(url: str) -> DictionaryAccess:
    """Give one access for each server: boto3 takes 0.2 s to make a client."""
    return DictionaryAccess({"access_key_id": "AKIA", "secret_access_key": "not-a-key"})


@cache
def client_of(url: str) -> Any:
    return Moto(url).client("secretsmanager")


def access_with(key_id: str, secret_key: str) -> DictionaryAccess:
    return DictionaryAccess({"access_key_id": key_id, "secret_access_key": secret_key})


def store_at(url: str, access: DictionaryAccess | None = None, **config: Any) -> SecretsManagerStore:
    references = {"access_key_id": "env:KEY_ID", "secret_access_key": "env:SECRET_KEY"}
    settings = {"region": "eu-west-1", "url": url, "credentials": references, **config}
    return SecretsManagerStore(AwsConfig(**settings), access or (DictionaryAccess() if config else same_access(url)))
