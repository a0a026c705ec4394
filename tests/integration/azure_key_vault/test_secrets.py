"""What becomes of a secret: attributes, expiry, lives and deaths, permissions; and what is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.stores.azure_key_vault.plugin import AzurePlace
from providers.stores.azure_key_vault.store import KeyVaultStore
from providers.stores.azure_key_vault.versions import KEY_TAG
from rotator.domain.errors import NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.testing.store_contract import fresh, held, publish, refusal_of, version_of
from tests.fakes.azure_key_vault import KeyVault, Version
from tests.integration.azure_key_vault.setting import TAGS, Azure, SomebodyElse

PERMISSIONS = Path(__file__).parents[3] / "deploy" / "permissions" / "azure-key-vault.json"


def newest(vault: KeyVault, name: str = "app-token") -> Version:
    return vault.secrets[name].versions[-1]


# --- attributes ---


def test_a_new_version_has_the_tags_content_type_and_start_of_the_one_before(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace
) -> None:
    before = newest(vault)
    publish(store, place, fresh())
    after = newest(vault)
    assert after is not before
    assert after.tags == {**TAGS, KEY_TAG: "rotation-1#token"}
    assert after.content_type == before.content_type == "application/json"
    assert after.attributes["nbf"] == before.attributes["nbf"]
    assert "exp" not in after.attributes


def test_every_earlier_version_stays_enabled_and_as_it_is(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace
) -> None:
    before = repr(vault.secrets["app-token"].versions)
    first = version_of(store.current(place))
    assert first
    store.restore(place, first, publish(store, place, fresh()))
    assert repr(vault.secrets["app-token"].versions[:1]) == before
    assert all(version.attributes["enabled"] for version in vault.secrets["app-token"].versions)
    assert set(vault.calls) == {"set", "get", "list_versions"}


@pytest.mark.parametrize(
    ("expires_in", "days_before", "days_after"),
    [(None, None, None), (None, 90, 90), ("30 days", 90, 30), ("30 days", None, 30), ("never", 90, None)],
)
def test_when_the_new_version_expires(
    azure: Azure, vault: KeyVault, expires_in: str | None, days_before: int | None, days_after: int | None
) -> None:
    access = azure.access()
    attributes = {"exp": vault.now() + days_before * 86400} if days_before else {}
    vault.add("app-token", "start", attributes=attributes)
    place = AzurePlace(secret="app-token", expires_in=expires_in)
    publish(azure.store(access), place, fresh())
    expected = access.clock.now() + timedelta(days=days_after) if days_after else None
    expiry = newest(vault).attributes.get("exp")
    assert (datetime.fromtimestamp(expiry, UTC) if expiry else None) == expected


def test_what_was_restored_is_marked_as_that(store: KeyVaultStore, vault: KeyVault, place: AzurePlace) -> None:
    before = version_of(store.current(place))
    assert before
    store.restore(place, before, publish(store, place, fresh()))
    assert (newest(vault).tags or {})[KEY_TAG] == f"restored {before}"


def test_a_field_that_a_version_did_not_have_cannot_be_restored(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace, outside: SomebodyElse
) -> None:
    without = outside.replace('{"port": 1}')
    assert without
    expected = version_of(store.current(place))
    version = store.write(place, fresh(), expected, "rotation-1")
    assert type(refusal_of(lambda: store.restore(place, without, version))) is Permanent


# --- what cannot be written ---


def refused_early(store: KeyVaultStore, place: AzurePlace, vault: KeyVault) -> RotatorError:
    """Give the refusal of preflight, and see that a write is refused alike, and nothing was set."""
    vault.calls.clear()
    refusal = refusal_of(lambda: store.preflight(place))
    vault_refuses = refusal_of(lambda: store.write(place, fresh(), _current_or_none(store, place), "rotation-1"))
    assert type(vault_refuses) is type(refusal)
    assert "set" not in vault.calls
    return refusal


def _current_or_none(store: KeyVaultStore, place: AzurePlace) -> Any:
    try:
        return version_of(store.current(place))
    except RotatorError:
        return None


def test_a_disabled_secret_waits_for_a_person(store: KeyVaultStore, vault: KeyVault, place: AzurePlace) -> None:
    newest(vault).attributes["enabled"] = False
    refusal = refused_early(store, place, vault)
    assert type(refusal) is NeedsOperator
    assert "SecretDisabled" in str(refusal)
    assert type(refusal_of(lambda: store.current(place))) is NeedsOperator


def test_an_earlier_version_that_was_disabled_is_not_to_be_had(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace
) -> None:
    before = version_of(store.current(place))
    assert before
    version = publish(store, place, fresh())
    vault.secrets["app-token"].versions[0].attributes["enabled"] = False
    assert store.read(place, before) is None
    assert "disabled" in str(refusal_of(lambda: store.restore(place, before, version)))


@pytest.mark.parametrize("create", [True, False])
def test_a_deleted_secret_waits_for_a_person_and_is_neither_recovered_nor_purged(
    azure: Azure, store: KeyVaultStore, vault: KeyVault, place: AzurePlace, create: bool
) -> None:
    azure.client().begin_delete_secret("app-token")
    place = place.model_copy(update={"create": create})
    refusal = refused_early(store, place, vault)
    assert type(refusal) is NeedsOperator
    assert "az keyvault secret recover" in str(refusal)
    assert store.current(place) is None
    assert set(vault.calls) == {"get", "get_deleted", "list_versions"}
    assert vault.secrets["app-token"].deleted


@pytest.mark.parametrize(
    ("busy", "family"), [("ObjectIsBeingDeleted", NeedsOperator), ("ObjectIsBeingRecovered", Temporary)]
)
def test_a_secret_on_its_way_out_or_back_is_not_written(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace, busy: str, family: type[RotatorError]
) -> None:
    vault.secrets["app-token"].busy = busy
    place = place.model_copy(update={"create": True})
    refusal = refusal_of(lambda: store.write(place, fresh(), None, "rotation-1"))
    assert type(refusal) is family
    assert busy in str(refusal)


def test_a_secret_of_a_certificate_is_left_to_it(store: KeyVaultStore, vault: KeyVault) -> None:
    vault.add("tls", "MIIKUQIBAzCCChcGCSqGSIb3", managed=True)
    assert "belongs to a certificate" in str(refused_early(store, AzurePlace(secret="tls"), vault))


def test_a_secret_without_room_for_our_tag_is_refused(store: KeyVaultStore, vault: KeyVault) -> None:
    vault.add("full", "start", tags={f"tag-{number}": "" for number in range(15)})
    assert KEY_TAG in str(refused_early(store, AzurePlace(secret="full"), vault))


@pytest.mark.parametrize("text", ["no json", "[1]", '{"token": 7}'])
def test_a_secret_without_a_place_for_our_field_is_refused_and_not_quoted(
    store: KeyVaultStore, vault: KeyVault, text: str
) -> None:
    vault.add("odd", text)
    refusal = refusal_of(lambda: store.preflight(AzurePlace(secret="odd", field="token")))
    assert type(refusal) is Permanent
    assert text not in str(refusal)


def test_a_value_that_is_too_large_is_not_sent(store: KeyVaultStore, vault: KeyVault, place: AzurePlace) -> None:
    vault.calls.clear()
    expected = version_of(store.current(place))
    refusal = refusal_of(lambda: store.write(place, SecretValue("x" * 25_600), expected, "rotation-1"))
    assert type(refusal) is Permanent
    assert "25 KB" in str(refusal)
    assert "set" not in vault.calls


# --- put away ---


def test_a_dead_token_that_a_change_of_another_field_carried_on_is_put_away_too(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace
) -> None:
    neighbour, old = place.model_copy(update={"field": "url"}), held(store.current(place))
    publish(store, neighbour, fresh())  # it carries the old value on into another version
    publish(store, place, fresh())
    publish(store, neighbour, fresh())  # and this one the new value
    store.put_away(place, lambda earlier: held(earlier) == old)
    assert [each.attributes["enabled"] for each in vault.find("app-token").versions] == [False, False, True, True]


def test_what_was_put_away_is_not_looked_at_again(store: KeyVaultStore, vault: KeyVault, place: AzurePlace) -> None:
    publish(store, place, fresh())
    store.put_away(place, lambda _earlier: True)
    vault.calls.clear()
    store.put_away(place, lambda _earlier: True)
    assert vault.calls == ["list_versions", "get"]


def test_an_earlier_version_of_another_shape_holds_nothing_dead(
    store: KeyVaultStore, azure: Azure, vault: KeyVault
) -> None:
    for text in ("no JSON", '{"token": "start"}'):
        azure.client().set_secret("grown", text)
    place = AzurePlace(secret="grown", field="token")
    publish(store, place, fresh())
    store.put_away(place, lambda earlier: held(earlier) is None)
    assert all(each.attributes["enabled"] for each in vault.find("grown").versions)


# --- permissions ---


@pytest.fixture
def role() -> set[str]:
    [permissions] = json.loads(PERMISSIONS.read_text())["properties"]["permissions"]
    assert permissions["actions"] == permissions["notActions"] == permissions["notDataActions"] == []
    return set(permissions["dataActions"])


def use_everything(store: KeyVaultStore, place: AzurePlace) -> None:
    """Do all that the store does."""
    store.preflight(place)
    before = version_of(store.current(place))
    assert before
    value = fresh()
    version = publish(store, place, value)
    assert held(store.written(place, "rotation-1")) == value.reveal()
    store.restore(place, before, version)
    store.put_away(place, lambda earlier: earlier.version == version)
    assert store.read(place, version) is None
    new = AzurePlace(secret="new", create=True)
    store.preflight(new)
    publish(store, new, fresh())


def test_the_shipped_role_is_enough(store: KeyVaultStore, vault: KeyVault, place: AzurePlace, role: set[str]) -> None:
    vault.rights = role
    use_everything(store, place)


def test_the_documented_access_policy_is_enough(store: KeyVaultStore, vault: KeyVault, place: AzurePlace) -> None:
    vault.rbac, vault.rights = False, {"get", "list", "set"}
    use_everything(store, place)


@pytest.mark.parametrize("action", ["getSecret/action", "setSecret/action", "readMetadata/action", "update/action"])
def test_nothing_in_the_role_is_too_much_and_what_is_missing_is_named(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace, role: set[str], action: str
) -> None:
    missing = f"Microsoft.KeyVault/vaults/secrets/{action}"
    assert missing in role
    assert len(role) == 4
    vault.rights = role - {missing}
    refusal = refusal_of(lambda: use_everything(store, place))
    assert type(refusal) is Permanent
    assert missing in str(refusal)
    assert "role" in str(refusal)


@pytest.mark.parametrize("permission", ["get", "list", "set"])
def test_what_an_access_policy_lacks_is_named(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace, permission: str
) -> None:
    vault.rbac, vault.rights = False, {"get", "list", "set"} - {permission}
    refusal = refusal_of(lambda: use_everything(store, place))
    assert type(refusal) is Permanent
    assert f"the secret permission `{permission}`" in str(refusal)


def test_preflight_finds_what_is_missing_for_reading(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace, role: set[str]
) -> None:
    for action in ("getSecret/action", "readMetadata/action"):
        vault.rights = role - {f"Microsoft.KeyVault/vaults/secrets/{action}"}
        assert action in str(refusal_of(lambda: store.preflight(place)))


@pytest.mark.parametrize(
    ("inner", "says"),
    [
        ("ForbiddenByFirewall", "add its address under Networking"),
        ("ForbiddenByConnection", "private endpoint"),
        ("ForbiddenByPolicy", "`expires_in`"),
        ("SomethingNew", "SomethingNew"),
    ],
)
def test_each_closed_door_is_told_from_the_others(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace, inner: str, says: str
) -> None:
    vault.forbidden_by = inner
    calls: tuple[Callable[[], object], ...] = (
        lambda: store.current(place),
        lambda: store.preflight(place),
        lambda: store.write(place, fresh(), None, "rotation-1"),
    )
    for call in calls:
        refusal = refusal_of(call)
        assert type(refusal) is Permanent
        assert says in str(refusal)
