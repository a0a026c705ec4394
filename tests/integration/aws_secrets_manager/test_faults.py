"""What each fault comes to: which family of error, and what is true in AWS afterwards."""

from __future__ import annotations

import pytest

from providers.stores.aws_secrets_manager.plugin import AwsPlace
from providers.stores.aws_secrets_manager.store import SecretsManagerStore
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from rotator.testing.store_contract import fresh, held, publish, version_of
from tests.fakes.secrets_manager import Secret, SecretsManager, secrets_manager
from tests.integration.aws_secrets_manager.setting import store_at

NOT_AUTHORIZED = (
    "User: arn:aws:sts::123456789012:assumed-role/kms-and-secrets/rotator is not authorized to perform: "
    "secretsmanager:PutSecretValue on resource: prod/kms-proxy because no identity-based policy allows it"
)


@pytest.mark.parametrize(
    ("code", "message", "status", "family", "says"),
    [
        ("AccessDeniedException", "User is not authorized", 400, Permanent, "Allow secretsmanager:PutSecretValue"),
        ("AccessDeniedException", NOT_AUTHORIZED, 400, Permanent, "Allow secretsmanager:PutSecretValue"),
        ("AccessDeniedException", "Access to KMS is not allowed", 400, Permanent, "kms:Decrypt"),
        ("EncryptionFailure", "", 400, Permanent, "kms:GenerateDataKey"),
        ("ExpiredTokenException", "", 400, NeedsOperator, "Renew"),
        ("UnrecognizedClientException", "", 400, NeedsOperator, "credentials"),
        ("ThrottlingException", "Rate exceeded", 400, Temporary, "throttles"),
        ("LimitExceededException", "", 400, Permanent, "too many versions"),
        ("InvalidRequestException", "was marked for deletion", 400, Permanent, "restore-secret"),
        ("InternalServiceError", "", 500, Ambiguous, "failed"),
        ("SomethingNew", "", 400, Permanent, "SomethingNew"),
    ],
)
def test_each_refusal_of_aws_says_what_to_do(
    fake: SecretsManager, secret: Secret, place: AwsPlace, store: SecretsManagerStore,
    monkeypatch: pytest.MonkeyPatch, code: str, message: str, status: int, family: type, says: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("time.sleep", lambda _: None)  # botocore's own pauses between its three tries
    expected = version_of(store.current(place))
    fake.refuse("PutSecretValue", code, message, status=status, times=3)
    with pytest.raises(family, match=says) as caught:
        store.write(place, fresh(), expected, "rotation-1")
    assert type(caught.value) is family or issubclass(type(caught.value), Permanent)
    assert list(secret.contents) == ["v" * 36]


@pytest.mark.parametrize(
    ("code", "message"),
    [("AccessDeniedException", "Access to KMS is not allowed"), ("DecryptionFailure", "The key is disabled")],
)
def test_a_key_that_may_not_be_used_is_told_from_a_secret_that_may_not_be_read(
    fake: SecretsManager, secret: Secret, place: AwsPlace, store: SecretsManagerStore, code: str, message: str
) -> None:
    fake.refuse("GetSecretValue", code, message)
    with pytest.raises(Permanent, match="KMS key may not be used") as caught:
        store.preflight(place)
    assert "secretsmanager:" not in str(caught.value)


def test_a_read_that_aws_fails_may_simply_be_tried_again(
    fake: SecretsManager, secret: Secret, place: AwsPlace, store: SecretsManagerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    fake.refuse("GetSecretValue", "InternalServiceError", status=500, times=3)
    with pytest.raises(Temporary) as caught:
        store.current(place)
    assert not isinstance(caught.value, Ambiguous)


@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_a_lost_answer_is_asked_for_again_and_nothing_is_done_twice(
    fake: SecretsManager, secret: Secret, place: AwsPlace, store: SecretsManagerStore,
    monkeypatch: pytest.MonkeyPatch, operation: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("time.sleep", lambda _: None)
    value = fresh()
    fake.lose_answer(operation)
    version = publish(store, place, value)
    assert secret.labels == {"AWSCURRENT": version, "AWSPREVIOUS": "v" * 36}
    assert len(secret.contents) == 2


def test_a_write_whose_every_answer_was_lost_is_found_by_its_key(
    fake: SecretsManager, secret: Secret, place: AwsPlace, store: SecretsManagerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    expected, value = version_of(store.current(place)), fresh()
    fake.lose_answer("PutSecretValue", times=3)
    with pytest.raises(Ambiguous):
        store.write(place, value, expected, "rotation-1")
    assert held(store.written(place, "rotation-1")) == value.reveal()
    assert store.write(place, value, expected, "rotation-1") == version_of(store.written(place, "rotation-1"))


def test_a_version_that_aws_finds_only_a_moment_later_is_waited_for(
    fake: SecretsManager, secret: Secret, place: AwsPlace, store: SecretsManagerStore
) -> None:
    value = fresh()
    version = publish(store, place, value)
    fake.refuse("GetSecretValue", "ResourceNotFoundException", times=2)
    assert held(store.read(place, version)) == value.reveal()


def test_an_address_that_nobody_answers_at_is_temporary(place: AwsPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with secrets_manager() as gone:
        url = gone.url
    with pytest.raises(Temporary, match="did not answer"):
        store_at(url).current(place)
