"""The Secrets Manager store against moto's server, and against a fake of AWS where moto differs from it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from functools import cache
from typing import Any
from uuid import uuid4

import pytest

from providers.aws import AwsConfig, make_session
from providers.stores.aws_secrets_manager.store import PLUGIN, AwsPlace, SecretsManagerStore
from rotator.domain.errors import Ambiguous, Conflict, NeedsOperator, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from tests.contract.access import DictionaryAccess
from tests.contract.store_contract import (
    ComparesAndSets,
    CreatesPlaces,
    KeepsVersions,
    Stages,
    StoreContract,
    fresh,
    held,
    publish,
    version_of,
)
from tests.fakes.secrets_manager import Secret, SecretsManager, secrets_manager
from tests.servers.moto import Moto

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


@pytest.fixture(scope="module")
def fake_server() -> Iterator[SecretsManager]:
    with secrets_manager() as service:
        yield service


@pytest.fixture
def fake(fake_server: SecretsManager) -> SecretsManager:
    fake_server.reset()
    return fake_server


@cache
def same_access(url: str) -> DictionaryAccess:
    """Give one access for each server: boto3 takes 0.2 s to make a client."""
    return DictionaryAccess({"access_key_id": "AKIA", "secret_access_key": "not-a-key"})


@cache
def client_of(server: Moto) -> Any:
    return server.client("secretsmanager")


def access_to(moto: Moto) -> DictionaryAccess:
    return DictionaryAccess({"access_key_id": moto.access_key_id, "secret_access_key": moto.secret_access_key})


def store_at(url: str, access: DictionaryAccess | None = None, **config: Any) -> SecretsManagerStore:
    references = {"access_key_id": "env:KEY_ID", "secret_access_key": "env:SECRET_KEY"}
    settings = {"region": "eu-west-1", "url": url, "credentials": references, **config}
    return SecretsManagerStore(AwsConfig(**settings), access or (DictionaryAccess() if config else same_access(url)))


class SecretsManagerContract(ComparesAndSets, Stages, KeepsVersions, CreatesPlaces, StoreContract):
    field: str | None = "token"

    @pytest.fixture
    def service(self, moto: Moto) -> Moto:
        return moto

    @pytest.fixture
    def store(self, service: Any) -> SecretsManagerStore:
        return store_at(service.url)

    @pytest.fixture
    def client(self, service: Any) -> Any:
        return client_of(Moto(service.url))

    @pytest.fixture
    def place(self, client: Any) -> AwsPlace:
        name = f"prod/{uuid4()}"
        document = DOCUMENT if self.field else "start"
        client.create_secret(Name=name, SecretString=document, ClientRequestToken=str(uuid4()))
        return AwsPlace(secret=name, field=self.field)

    @pytest.fixture
    def missing_place(self) -> AwsPlace:
        return AwsPlace(secret=f"none/{uuid4()}", field=self.field)

    @pytest.fixture
    def new_place(self) -> AwsPlace:
        return AwsPlace(secret=f"new/{uuid4()}", field=self.field, create=True)

    @pytest.fixture
    def outside(self, client: Any, place: AwsPlace) -> AtTheSecret:
        return AtTheSecret(client, place.secret, place.field)


class TestAFieldOnMoto(SecretsManagerContract):
    pass


class TestAWholeSecretOnMoto(SecretsManagerContract):
    field = None


class TestAFieldOnTheFake(SecretsManagerContract):
    @pytest.fixture
    def service(self, fake: SecretsManager) -> SecretsManager:
        return fake


class TestAWholeSecretOnTheFake(TestAFieldOnTheFake):
    field = None


# --- what AWS does and moto does not ---


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


def test_the_label_of_a_rotation_under_way_is_taken_off(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace
) -> None:
    version = publish(store, place, fresh())
    assert secret.labels == {"AWSCURRENT": version, "AWSPREVIOUS": "v" * 36}


def test_the_first_version_of_an_empty_secret_is_current_at_once(
    store: SecretsManagerStore, fake: SecretsManager, place: AwsPlace
) -> None:
    fake.secrets["prod/app"] = Secret("prod/app")
    assert store.preflight(place) is None
    version = publish(store, place, SecretValue("tok_first"))
    assert fake.secrets["prod/app"].labels == {"AWSCURRENT": version}
    assert held(store.current(place)) == "tok_first"


def test_a_neighbour_that_changed_before_the_promotion_is_not_undone_by_writing_again(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace
) -> None:
    expected, value = version_of(store.current(place)), fresh()
    staged = store.write(place, value, expected, "rotation-1")
    secret.contents["w" * 36] = {"SecretString": DOCUMENT.replace("a.example", "b.example")}
    secret.move("AWSCURRENT", "w" * 36)
    with pytest.raises(Conflict):
        store.promote(place, staged, expected)
    assert publish(store, place, value) != staged
    document = json.loads(secret.contents[secret.labels["AWSCURRENT"]]["SecretString"])
    assert (document["url"], document["token"]) == ("https://b.example", value.reveal())
    assert "AWSPENDING" not in secret.labels


def test_restoring_keeps_what_neighbours_became_since(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace
) -> None:
    before = store.current(place)
    assert before is not None
    version = publish(store, place, fresh())
    text = secret.contents[version]["SecretString"].replace("a.example", "b.example")
    secret.contents["w" * 36] = {"SecretString": text}
    secret.move("AWSCURRENT", "w" * 36)
    store.restore(place, before.version, "w" * 36)
    document = json.loads(secret.contents[secret.labels["AWSCURRENT"]]["SecretString"])
    assert (document["url"], document["token"]) == ("https://b.example", "start")


def test_a_rotation_of_ours_in_a_neighbouring_field_is_waited_for(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace
) -> None:
    neighbour = AwsPlace(secret="prod/app", field="other_token")
    expected = version_of(store.current(place))
    store.write(neighbour, fresh(), expected, "rotation-2")
    for refused in (lambda: store.preflight(place), lambda: store.write(place, fresh(), expected, "rotation-1")):
        with pytest.raises(Temporary, match="under way"):
            refused()


def test_the_same_key_never_puts_another_value_over_the_first(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace
) -> None:
    expected, first = version_of(store.current(place)), fresh()
    version = store.write(place, first, expected, "rotation-1")
    with pytest.raises(Conflict):
        store.write(place, fresh(), expected, "rotation-1")
    assert held(store.read(place, version)) == first.reveal()


@pytest.mark.parametrize(
    ("extra", "family", "says"),
    [
        ({"RotationEnabled": True}, Permanent, "cancel-rotate-secret"),
        ({"OwningService": "rds"}, Permanent, "managed by rds"),
        ({"DeletedDate": 1.0}, Permanent, "restore-secret"),
        ({"PrimaryRegion": "us-east-1"}, Permanent, "region: us-east-1"),
    ],
)
def test_a_secret_that_somebody_else_has_a_say_in_is_refused(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace, extra: dict[str, Any], family: type, says: str
) -> None:
    expected = version_of(store.current(place))
    secret.extra |= extra
    for refused in (lambda: store.preflight(place), lambda: store.write(place, fresh(), expected, "rotation-1")):
        with pytest.raises(family, match=says):
            refused()
    assert list(secret.contents) == ["v" * 36]


def test_a_pending_label_on_an_empty_version_is_somebody_elses_rotation(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace
) -> None:
    secret.labels["AWSPENDING"] = str(uuid4())
    with pytest.raises(NeedsOperator, match="remove-from-version-id"):
        store.preflight(place)


@pytest.mark.parametrize(
    ("text", "says"),
    [("plain", "not a JSON object"), ('["list"]', "not a JSON object"), ('{"token": 1}', "something else than text")],
)
def test_a_document_without_room_for_the_field_is_refused(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace, text: str, says: str
) -> None:
    secret.contents["v" * 36] = {"SecretString": text}
    for refused in (lambda: store.preflight(place), lambda: store.write(place, fresh(), None, "rotation-1")):
        with pytest.raises(Permanent, match=says):
            refused()


def test_bytes_are_refused(store: SecretsManagerStore, secret: Secret, place: AwsPlace) -> None:
    secret.contents["v" * 36] = {"SecretBinary": "AAAA"}
    with pytest.raises(Permanent, match="SecretBinary"):
        store.preflight(place)


def test_a_document_that_would_grow_too_large_is_refused(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace
) -> None:
    with pytest.raises(Permanent, match="65,536"):
        publish(store, place, SecretValue("x" * 65_500))


def test_a_field_that_is_not_there_yet_is_added(store: SecretsManagerStore, secret: Secret) -> None:
    place = AwsPlace(secret="prod/app", field="second")
    assert held(store.preflight(place)) is None
    version = publish(store, place, SecretValue("tok_second"))
    assert secret.contents[version]["SecretString"] == DOCUMENT[:-1] + ', "second": "tok_second"}'


# --- what goes wrong on the way ---


@pytest.mark.parametrize(
    ("code", "message", "status", "family", "says"),
    [
        ("AccessDeniedException", "User is not authorized", 400, Permanent, "Allow secretsmanager:PutSecretValue"),
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


# --- who we are, and keeping quiet ---


def test_no_credentials_at_all_is_for_a_person(
    fake: SecretsManager, place: AwsPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(NeedsOperator, match="no AWS credentials"):
        store_at(fake.url, credentials={}).current(place)
    with pytest.raises(NeedsOperator, match="ProfileNotFound"):
        store_at(fake.url, credentials={}, profile="unheard-of").current(place)


def test_a_role_is_taken_on_with_the_credentials_that_were_given(moto: Moto) -> None:
    from botocore.credentials import AssumeRoleCredentialFetcher

    config = AwsConfig(
        region=moto.region,
        url=moto.url,
        role_arn="arn:aws:iam::123456789012:role/rotator",
        external_id="ours",
        credentials={"access_key_id": "env:KEY_ID", "secret_access_key": "env:SECRET_KEY"},
    )
    fetch = make_session(config, access_to(moto)).get_credentials()._refresh_using
    assert isinstance(fetch.__self__, AssumeRoleCredentialFetcher)
    assert fetch.__self__._assume_kwargs == {
        "RoleArn": config.role_arn,
        "ExternalId": "ours",
        "RoleSessionName": fetch.__self__._assume_kwargs["RoleSessionName"],
    }


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


def test_the_plugin_opens_the_store(moto: Moto) -> None:
    assert isinstance(PLUGIN.open(AwsConfig(region=moto.region), access_to(moto)), SecretsManagerStore)
