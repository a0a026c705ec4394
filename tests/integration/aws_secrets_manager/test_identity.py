"""Who we are to AWS: references, a profile, a role; and that none of it gets out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import pytest

from providers.aws.client import AwsConfig
from providers.stores.aws_secrets_manager.plugin import PLUGIN, AwsPlace
from providers.stores.aws_secrets_manager.store import SecretsManagerStore
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.testing.access import DictionaryAccess
from rotator.testing.store_contract import fresh, held, publish
from tests.fakes.secrets_manager import Secret, SecretsManager
from tests.integration.aws_iam.setting import Account, opened
from tests.integration.aws_secrets_manager.setting import access_with, least_privilege, store_at

WITH_A_CODE = """\
role_arn = {role}
source_profile = b
mfa_serial = {role}
[profile b]
aws_access_key_id = a
aws_secret_access_key = b
"""
ROLE = "arn:aws:iam::123456789012:role/rotator"


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """See that this machine has no identity. Give AWS's own settings, which are empty."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    settings = tmp_path / "config"
    settings.write_text("")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(settings))
    return settings


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    ("config", "says"),
    [({}, "no AWS credentials"), ({"profile": "unheard-of"}, "ProfileNotFound"), ({"role_arn": ROLE}, "NoCredentials")],
)
def test_no_credentials_at_all_is_for_a_person(
    fake: SecretsManager, place: AwsPlace, config: dict[str, Any], says: str
) -> None:
    with pytest.raises(NeedsOperator, match=says):
        store_at(fake.url, credentials={}, **config).current(place)
    connection = {"credentials": {}, **config}
    with pytest.raises(NeedsOperator, match=says):
        opened(fake.url, "bob", DictionaryAccess(), connection).tokens()


@pytest.mark.filterwarnings("ignore::getpass.GetPassWarning")
@pytest.mark.parametrize(
    "settings",
    [
        "credential_process = /nowhere/at-all",
        "credential_process = echo '{expired}'",
        "role_arn = {role}\nweb_identity_token_file = /nowhere/at-all",
        WITH_A_CODE,
    ],
)
def test_credentials_that_cannot_be_had_are_for_a_person(
    fake: SecretsManager, place: AwsPlace, nobody: Path, monkeypatch: pytest.MonkeyPatch, settings: str
) -> None:
    def nobody_types(*_: object) -> NoReturn:
        raise EOFError

    monkeypatch.setattr("getpass._raw_input", nobody_types)
    expired = {"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "2020-01-01T00:00:00Z"}
    nobody.write_text("[default]\n" + settings.format(expired=json.dumps(expired), role=ROLE))
    with pytest.raises(NeedsOperator, match="no AWS credentials"):
        store_at(fake.url, credentials={}).current(place)


@pytest.mark.parametrize(
    ("config", "says"),
    [({"url": "http://a_b.localhost"}, "Invalid endpoint"), ({"url": None, "region": "eu west"}, "region_name")],
)
def test_settings_of_which_no_client_can_be_made_are_told(place: AwsPlace, config: dict[str, Any], says: str) -> None:
    access = access_with("AKIA", "not-a-key")
    with pytest.raises(Permanent, match=says):
        SecretsManagerStore(AwsConfig(**{"region": "eu-west-1", **config}), access).current(place)
    with pytest.raises(Permanent, match=says):
        opened("", "bob", access, config).tokens()


def test_a_role_is_taken_on_with_the_credentials_that_were_given(
    account: Account, host: Any, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", account.url)
    access = access_with(*account.manager(["sts:AssumeRole"]))
    name, value = f"prod/{uuid4()}", fresh()
    host.create_secret(Name=name, SecretString="start")
    publish(store_at(account.url, access, role_arn=role, external_id="ours"), AwsPlace(secret=name), value)
    assert host.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"] == value.reveal()


def test_aws_is_told_who_asks(fake: SecretsManager, place: AwsPlace) -> None:
    with pytest.raises(Permanent):  # there is no such secret
        store_at(fake.url).preflight(place)
    assert {agent.partition("/")[0] for agent in fake.user_agents} == {"secrets-rotator"}


@pytest.mark.parametrize(("actions", "external_id"), [(["sts:AssumeRole"], "theirs"), (["iam:GetUser"], "ours")])
def test_a_role_that_cannot_be_taken_on_is_not_taken_for_a_missing_permission_on_the_secret(
    account: Account, role: str, place: AwsPlace, monkeypatch: pytest.MonkeyPatch, actions: list[str], external_id: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", account.url)
    store = store_at(account.url, access_with(*account.manager(actions)), role_arn=role, external_id=external_id)
    with pytest.raises(NeedsOperator, match="sts:AssumeRole"):
        store.preflight(place)


@pytest.fixture
def role(account: Account) -> str:
    """A role that may do what our permissions say, for those who know its external id."""
    iam, name = account.client("iam", *account.manager(["*"])), f"rotator-{uuid4().hex[:8]}"
    known = {"StringEquals": {"sts:ExternalId": "ours"}}
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole", "Condition": known}
    allowed = {"Effect": "Allow", "Action": least_privilege(), "Resource": "*"}
    trusts, allows = (json.dumps({"Version": "2012-10-17", "Statement": [each]}) for each in (trust, allowed))
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusts)
    iam.put_role_policy(RoleName=name, PolicyName="its", PolicyDocument=allows)
    return str(made["Role"]["Arn"])


def test_a_profile_is_read_from_awss_own_files(
    account: Account,
    host: Any,
    tmp_path: Path,
    may_hold_values: Callable[[Path], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key_id, secret_key = account.manager(least_privilege())
    file = may_hold_values(tmp_path / "credentials")
    file.write_text(f"[rotator]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret_key}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    name = f"prod/{uuid4()}"
    host.create_secret(Name=name, SecretString="start")
    store = store_at(account.url, credentials={}, profile="rotator")
    assert held(store.current(AwsPlace(secret=name))) == "start"


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": ""},
        {"profile": "a", "credentials": {"access_key_id": "env:A", "secret_access_key": "env:B"}},
        {"credentials": {"access_key_id": "env:A"}},
        {"external_id": "ours"},
    ],
)
def test_settings_that_contradict_each_other_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        AwsConfig(**{"region": "eu-west-1", **wrong})


def test_credentials_are_resolved_anew_for_each_request(fake: SecretsManager, secret: Secret, place: AwsPlace) -> None:
    access = DictionaryAccess({"access_key_id": "AKIA", "secret_access_key": "not-a-key"})
    store = store_at(fake.url, access)
    store.current(place)
    access._credentials.clear()
    with pytest.raises(NeedsOperator, match="no credential"):
        store.current(place)


def test_not_even_a_debug_log_holds_a_value(
    fake: SecretsManager, secret: Secret, place: AwsPlace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    value = fresh()
    publish(
        store_at(fake.url, DictionaryAccess({"access_key_id": "AKIA", "secret_access_key": "not-a-key"})), place, value
    )
    assert value.reveal() not in caplog.text
    assert "not-a-key" not in caplog.text


def test_the_plugin_opens_the_store() -> None:
    assert isinstance(PLUGIN.open(AwsConfig(region="eu-west-1"), DictionaryAccess()), SecretsManagerStore)
