"""What the tests of the issuer stand on: an account that checks permissions, a user of each test's own, an issuer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from providers.issuers.aws_iam.issuer import AccessKeyIssuer
from providers.issuers.aws_iam.plugin import PLUGIN
from rotator.domain.contracts import IssueRequest
from rotator.domain.durations import Duration
from rotator.domain.model import TokenName
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from tests.canary import CANARY
from tests.servers.moto import Moto

_POLICY = Path(__file__).parents[3] / "deploy" / "permissions" / "aws-iam-access-key.json"
_REFERENCES = {"access_key_id": "env:KEY_ID", "secret_access_key": "env:SECRET_KEY"}


def least_privilege() -> list[str]:
    """Give the actions that the permissions we ship allow."""
    [statement] = json.loads(_POLICY.read_text())["Statement"]
    actions: list[str] = statement["Action"]
    return actions


def access_with(key_id: str, secret: str) -> DictionaryAccess:
    """Give an access whose clock tells the right time, and only moves when somebody waits."""
    access = DictionaryAccess({"access_key_id": key_id, "secret_access_key": secret})
    access.clock = MovingClock(datetime.now(UTC))
    return access


def opened(
    url: str, user: str, access: DictionaryAccess, connection: Mapping[str, Any] | None = None, **options: Any
) -> AccessKeyIssuer:
    settings = {"region": "eu-west-1", "url": url, "credentials": _REFERENCES, "propagation": 0, **(connection or {})}
    config = PLUGIN.config.model_validate(settings)
    issuer = PLUGIN.open(config, PLUGIN.options.model_validate({"user": user, **options}), access)
    assert isinstance(issuer, AccessKeyIssuer)
    return issuer


def request(lifetime: str | None = None) -> IssueRequest:
    return IssueRequest(TokenName("unused"), Duration.parse(lifetime) if lifetime else None, datetime.now(UTC))


class Account:
    """moto with IAM's checks on: signatures count, and policies (their actions; moto does not look at resources)."""

    def __init__(self, moto: Moto) -> None:
        self.moto = moto
        self.url = moto.url
        self._admin = moto.client("iam")
        self._admin = self.client("iam", *self.manager(["*"]))

    def client(self, service: str, key_id: str, secret: str) -> Any:
        return Moto(self.url, access_key_id=key_id, secret_access_key=secret).client(service)

    def new_user(self) -> str:
        name = f"app-{uuid4().hex[:8]}"
        self._admin.create_user(UserName=name, Path="/apps/")
        return name

    def manager(self, actions: list[str]) -> tuple[str, str]:
        """Make a user that may do this; give its key."""
        name = self.new_user()
        allowed = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self._admin.put_user_policy(UserName=name, PolicyName="its", PolicyDocument=document)
        key = self._admin.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], CANARY.add(key["SecretAccessKey"], for_session=True)

    def keys_of(self, user: str) -> dict[str, str]:
        """Give the user's keys, and whether each is Active."""
        listed = self._admin.list_access_keys(UserName=user)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in listed}


@contextmanager
def checking(moto: Moto) -> Iterator[Account]:
    """Have moto check who asks, for as long as the block lasts."""
    made = Account(moto)
    _checks_after(moto, "0")
    try:
        yield made
    finally:
        _checks_after(moto, "inf")


def _checks_after(moto: Moto, calls: str) -> None:
    httpx.post(f"{moto.url}/moto-api/reset-auth", content=calls, trust_env=False).raise_for_status()
