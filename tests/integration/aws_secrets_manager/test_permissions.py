"""The permissions that we ship are enough (see the contract), and the one that is missing is named: moto's IAM."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from providers.stores.aws_secrets_manager.plugin import PLUGIN, AwsPlace
from providers.stores.aws_secrets_manager.store import SecretsManagerStore
from rotator.domain.errors import Permanent
from rotator.testing.store_contract import fresh, publish, version_of
from tests.integration.aws_iam.setting import Account
from tests.integration.aws_secrets_manager.setting import access_with, least_privilege, store_at


def without(account: Account, action: str) -> SecretsManagerStore:
    rest = [allowed for allowed in least_privilege() if allowed != f"secretsmanager:{action}"]
    assert len(rest) == len(least_privilege()) - 1
    return store_at(account.url, access_with(*account.manager(rest)))


@pytest.fixture
def existing(host: Any) -> AwsPlace:
    name = f"prod/{uuid4()}"
    host.create_secret(Name=name, SecretString='{"token": "start"}')
    return AwsPlace(secret=name, field="token")


def test_the_plugin_names_what_the_file_allows() -> None:
    named = [line.partition(",")[0] for line in PLUGIN.permissions if line.startswith("secretsmanager:")]
    assert named == least_privilege()


@pytest.mark.parametrize("action", ["DescribeSecret", "GetSecretValue"])
def test_without_a_right_to_read_nothing_is_begun(account: Account, existing: AwsPlace, action: str) -> None:
    with pytest.raises(Permanent, match=f"Allow secretsmanager:{action}") as caught:
        without(account, action).preflight(existing)
    assert existing.secret in str(caught.value)


def test_without_the_right_to_write_nothing_is_written(account: Account, host: Any, existing: AwsPlace) -> None:
    store = without(account, "PutSecretValue")
    expected = version_of(store.preflight(existing))
    with pytest.raises(Permanent, match="Allow secretsmanager:PutSecretValue"):
        store.write(existing, fresh(), expected, "rotation-1")
    assert host.describe_secret(SecretId=existing.secret)["VersionIdsToStages"] == {expected: ["AWSCURRENT"]}


def test_without_the_right_to_move_labels_consumers_read_what_they_read(
    account: Account, host: Any, existing: AwsPlace
) -> None:
    with pytest.raises(Permanent, match="Allow secretsmanager:UpdateSecretVersionStage"):
        publish(without(account, "UpdateSecretVersionStage"), existing, fresh())
    assert "start" in host.get_secret_value(SecretId=existing.secret, VersionStage="AWSCURRENT")["SecretString"]


def test_without_the_right_to_create_nothing_is_created(account: Account) -> None:
    place = AwsPlace(secret=f"new/{uuid4()}", create=True)
    with pytest.raises(Permanent, match="Allow secretsmanager:CreateSecret"):
        without(account, "CreateSecret").write(place, fresh(), None, "rotation-1")
