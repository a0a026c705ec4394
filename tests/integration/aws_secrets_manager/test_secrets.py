"""What the store does to a secret, beyond the contract: as AWS documents it, where moto differs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from providers.stores.aws_secrets_manager.plugin import AwsPlace
from providers.stores.aws_secrets_manager.store import SecretsManagerStore
from rotator.domain.errors import Conflict, NeedsOperator, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.testing.moving_clock import MovingClock
from rotator.testing.store_contract import fresh, held, publish, version_of
from tests.fakes.secrets_manager import Secret, SecretsManager
from tests.integration.aws_iam.setting import Account
from tests.integration.aws_secrets_manager.setting import DOCUMENT, access_with, least_privilege, store_at


def test_the_label_of_a_rotation_under_way_is_taken_off(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace
) -> None:
    version = publish(store, place, fresh())
    assert secret.labels == {"AWSCURRENT": version, "AWSPREVIOUS": "v" * 36}


def test_what_is_put_away_has_no_label_that_a_rollback_would_look_for(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace
) -> None:
    version = publish(store, place, fresh())
    store.put_away(place, lambda _earlier: True)
    assert secret.labels == {"AWSCURRENT": version}


def test_a_dead_value_that_a_change_of_another_field_carried_on_is_put_away_too(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace
) -> None:
    neighbour, old = place.model_copy(update={"field": "url"}), held(store.current(place))
    publish(store, neighbour, fresh())
    version = publish(store, place, fresh())
    store.put_away(place, lambda earlier: held(earlier) == old)
    assert secret.labels == {"AWSCURRENT": version}
    newest = publish(store, neighbour, fresh())
    store.put_away(place, lambda earlier: held(earlier) == old)
    assert secret.labels == {"AWSCURRENT": newest, "AWSPREVIOUS": version}


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


def test_a_neighbour_that_changed_since_the_look_before_the_rotation_is_noticed_by_aws(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace
) -> None:
    seen, value = store.preflight(place), fresh()
    assert seen is not None
    secret.contents["w" * 36] = {"SecretString": DOCUMENT.replace("a.example", "b.example")}
    secret.move("AWSCURRENT", "w" * 36)
    staged = store.write(place, value, seen.version, "rotation-1")  # built upon what the look saw
    with pytest.raises(Conflict):
        store.promote(place, staged, seen.version)
    assert secret.labels["AWSCURRENT"] == "w" * 36
    assert publish(store, place, value) != staged
    document = json.loads(secret.contents[secret.labels["AWSCURRENT"]]["SecretString"])
    assert (document["url"], document["token"]) == ("https://b.example", value.reveal())


def with_a_clock(fake: SecretsManager) -> tuple[SecretsManagerStore, MovingClock]:
    access, clock = access_with("AKIA", "not-a-key"), MovingClock()
    access.clock = clock
    return store_at(fake.url, access), clock


@pytest.mark.parametrize("seconds", [-1, 10])
def test_a_look_that_is_no_longer_fresh_serves_no_write(
    fake: SecretsManager, secret: Secret, place: AwsPlace, seconds: int
) -> None:
    store, clock = with_a_clock(fake)
    seen = store.preflight(place)
    assert seen is not None
    secret.contents["w" * 36] = {"SecretString": DOCUMENT.replace("a.example", "b.example")}
    secret.move("AWSCURRENT", "w" * 36)
    clock.move(seconds=seconds)
    with pytest.raises(Conflict):
        store.write(place, fresh(), seen.version, "rotation-1")


def test_a_rotation_that_somebody_began_since_the_look_is_left_alone_once_that_is_ten_seconds_ago(
    fake: SecretsManager, secret: Secret, place: AwsPlace
) -> None:
    store, clock = with_a_clock(fake)
    seen = store.preflight(place)
    assert seen is not None
    secret.contents["w" * 36] = {"SecretString": DOCUMENT}
    secret.move("AWSPENDING", "w" * 36)
    clock.move(seconds=10)
    with pytest.raises(NeedsOperator):
        store.write(place, fresh(), seen.version, "rotation-1")
    assert secret.labels["AWSPENDING"] == "w" * 36


def test_a_look_serves_one_write(store: SecretsManagerStore, secret: Secret, place: AwsPlace) -> None:
    seen = store.preflight(place)
    assert seen is not None
    store.write(place, fresh(), seen.version, "rotation-1")
    secret.move("AWSPENDING", "w" * 36)
    secret.contents["w" * 36] = {"SecretString": DOCUMENT}
    with pytest.raises(NeedsOperator):
        store.write(place, fresh(), seen.version, "rotation-2")


def test_nothing_of_a_look_is_kept_when_whoever_looked_does_not_go_on(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace
) -> None:
    shown = store.preflight(place)
    assert shown is not None
    assert len(store._seen) == 1
    version = shown.version
    del shown
    assert len(store._seen) == 0
    secret.move("AWSPENDING", "w" * 36)
    secret.contents["w" * 36] = {"SecretString": DOCUMENT}
    with pytest.raises(NeedsOperator):  # so it looks for itself
        store.write(place, fresh(), version, "rotation-1")


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


THEIRS = "arn:aws:secretsmanager:eu-west-1:210987654321:secret:prod/app-AbCdEf"


@pytest.mark.parametrize(
    ("extra", "family", "says"),
    [
        ({"RotationEnabled": True}, Permanent, "cancel-rotate-secret"),
        ({"OwningService": "rds"}, Permanent, "managed by rds"),
        ({"DeletedDate": 1.0}, Permanent, "restore-secret"),
        ({"PrimaryRegion": "us-east-1"}, Permanent, "region: us-east-1"),
        ({"CrossAccountPrimary": {"PrimarySecretARN": THEIRS, "ReplicationStatus": "InSync"}}, Permanent, THEIRS),
        ({"ReplicationStatus": [{"Region": "us-east-1", "Status": "Failed"}]}, Permanent, "replicated to us-east-1"),
        ({"CrossAccountReplicas": [{"ReplicaSecretARN": THEIRS, "ReplicationStatus": "Failed"}]}, Permanent, THEIRS),
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


COPIES = {
    "a region": lambda status: {"ReplicationStatus": [{"Region": "us-east-1", "Status": status}]},
    "an account": lambda status: {"CrossAccountReplicas": [{"ReplicaSecretARN": THEIRS, "ReplicationStatus": status}]},
}


@pytest.mark.parametrize("copies", COPIES.values(), ids=COPIES)
def test_a_write_is_done_once_every_copy_of_the_secret_has_it(
    store: SecretsManagerStore, secret: Secret, place: AwsPlace, copies: Any
) -> None:
    secret.extra |= copies("InSync")
    store.preflight(place)
    version = publish(store, place, fresh())
    secret.extra |= copies("InProgress")
    with pytest.raises(Temporary, match="being replicated to"):
        store.settle(place, version)
    secret.extra |= copies("Failed")
    with pytest.raises(NeedsOperator, match="The old token was not revoked"):
        store.settle(place, version)
    for status in ("InSync", "Detached"):
        secret.extra |= copies(status)
        store.settle(place, version)


def test_a_secret_without_copies_is_not_asked_for_them_again(
    store: SecretsManagerStore, fake: SecretsManager, secret: Secret, place: AwsPlace
) -> None:
    store.preflight(place)
    version = publish(store, place, fresh())
    before = len(fake.calls)
    store.settle(place, version)
    assert len(fake.calls) == before


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


# --- what moto does as AWS does ---


@pytest.fixture
def name(host: Any) -> str:
    name = f"prod/{uuid4()}"
    host.create_secret(Name=name, SecretString="start")
    return name


def test_a_secret_that_is_scheduled_for_deletion_is_refused(host: Any, guest: SecretsManagerStore, name: str) -> None:
    host.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    with pytest.raises(Permanent, match="restore-secret"):
        guest.preflight(AwsPlace(secret=name))


def test_a_secret_that_aws_rotates_is_refused(host: Any, guest: SecretsManagerStore, name: str) -> None:
    host.rotate_secret(SecretId=name, RotationRules={"AutomaticallyAfterDays": 30}, RotateImmediately=False)
    with pytest.raises(Permanent, match="cancel-rotate-secret"):
        guest.preflight(AwsPlace(secret=name))


def test_a_replica_is_refused_and_its_primary_is_not(account: Account, host: Any, name: str) -> None:
    host.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{"Region": "us-east-1"}])
    access, value = access_with(*account.manager(least_privilege())), fresh()
    with pytest.raises(Permanent, match="region: eu-west-1"):
        store_at(account.url, access, region="us-east-1").preflight(AwsPlace(secret=name))
    publish(store_at(account.url, access_with(*account.manager(least_privilege()))), AwsPlace(secret=name), value)
    assert host.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"] == value.reveal()


def test_a_secret_is_created_with_the_key_that_the_policy_names(host: Any, guest: SecretsManagerStore) -> None:
    place, value = AwsPlace(secret=f"new/{uuid4()}", create=True, kms_key="alias/ours"), fresh()
    publish(guest, place, value)
    assert host.describe_secret(SecretId=place.secret)["KmsKeyId"] == "alias/ours"
    assert held(guest.current(place)) == value.reveal()


@pytest.mark.parametrize(("minutes_ago", "warnings"), [(9, 1), (11, 0)])
def test_writing_to_a_secret_again_so_soon_is_warned_about_and_done(
    fake: SecretsManager, secret: Secret, place: AwsPlace, minutes_ago: int, warnings: int
) -> None:
    access = access_with("AKIDEXAMPLE", "secret-key")
    secret.extra["LastChangedDate"] = (access.clock.now() - timedelta(minutes=minutes_ago)).timestamp()
    assert held(store_at(fake.url, access).preflight(place)) == "start"
    assert len(access.warnings) == warnings
    assert all("ten minutes" in warning for warning in access.warnings)
