"""The fake of AWS with one secret in it, and the store there; and moto's account, with its checks on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from providers.stores.aws_secrets_manager.plugin import AwsPlace
from providers.stores.aws_secrets_manager.store import SecretsManagerStore
from tests.fakes.secrets_manager import Secret, SecretsManager, secrets_manager
from tests.integration.aws_iam.setting import Account, checking
from tests.integration.aws_secrets_manager.setting import DOCUMENT, access_with, least_privilege, store_at
from tests.servers.moto import Moto


@pytest.fixture(scope="module")
def account(moto: Moto) -> Iterator[Account]:
    with checking(moto) as made:
        yield made


@pytest.fixture(scope="module")
def host(account: Account) -> Any:
    """The client of somebody in that account who may do anything."""
    return account.client("secretsmanager", *account.manager(["*"]))


@pytest.fixture(scope="module")
def guest(account: Account) -> SecretsManagerStore:
    """The store in that account, as somebody who may do what our permissions say, and no more."""
    return store_at(account.url, access_with(*account.manager(least_privilege())))


@pytest.fixture(scope="module")
def fake_server() -> Iterator[SecretsManager]:
    with secrets_manager() as service:
        yield service


@pytest.fixture
def fake(fake_server: SecretsManager) -> SecretsManager:
    fake_server.reset()
    return fake_server


@pytest.fixture
def store(fake: SecretsManager) -> SecretsManagerStore:
    return store_at(fake.url)


@pytest.fixture
def secret(fake: SecretsManager) -> Secret:
    fake.secrets["prod/app"] = Secret("prod/app", {"v" * 36: {"SecretString": DOCUMENT}}, {"AWSCURRENT": "v" * 36})
    return fake.secrets["prod/app"]


@pytest.fixture
def place() -> AwsPlace:
    return AwsPlace(secret="prod/app", field="token")
