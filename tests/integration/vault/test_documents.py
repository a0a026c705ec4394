"""What the vault store does to a mount and to a document, beyond the contract."""

from __future__ import annotations

import httpx
import pytest

from providers.stores.vault.kv import V1_TRAITS, V2_TRAITS
from providers.stores.vault.plugin import VaultPlace
from providers.stores.vault.store import VaultStore
from rotator.domain.errors import Conflict, NeedsOperator, Permanent
from rotator.domain.model import Version
from rotator.testing.store_contract import fresh, held, publish, refusal_of, version_of
from tests.integration.vault.setting import SIBLINGS, Credentials, Documents, opened
from tests.servers.openbao import OpenBao


@pytest.mark.parametrize(
    ("options", "traits"), [({"version": "2"}, V2_TRAITS), ({"version": "1"}, V1_TRAITS), ({}, V1_TRAITS)]
)
def test_a_mount_is_asked_for_its_version(
    openbao: OpenBao, access: Credentials, options: dict[str, str], traits: object
) -> None:
    mount = openbao.mount_kv() + "-asked/below"
    openbao.request("POST", f"sys/mounts/{mount}", {"type": "kv", "options": options})
    assert opened(openbao.url, mount, access).traits(VaultPlace(path="a", field="b")) == traits


def test_a_mount_that_becomes_another_engine_while_we_run_gets_nothing_misplaced(
    openbao: OpenBao, store: VaultStore, place: VaultPlace, outside: Documents
) -> None:
    publish(store, place, fresh())
    openbao.request("DELETE", f"sys/mounts/{outside.mount}")
    openbao.request("POST", f"sys/mounts/{outside.mount}", {"type": "kv", "options": {"version": "1"}})
    value = fresh()
    store.write(place, value, None, "rotation-1")
    assert openbao.request("GET", f"{outside.mount}/{place.path}")["data"] == {"token": value.reveal()}


@pytest.mark.parametrize(
    ("mount", "says"),
    [
        ("nowhere", "shows no mount `nowhere`"),
        ("cubbyhole", "not a key-value mount"),
        ("secret/deeper", "not a key-value mount"),
    ],
)
def test_a_wrong_mount_is_named(openbao: OpenBao, access: Credentials, mount: str, says: str) -> None:
    store = opened(openbao.url, "secret", access)
    refusal = refusal_of(lambda: store.preflight(VaultPlace(mount=mount, path="a", field="b")))
    assert isinstance(refusal, Permanent)
    assert says in str(refusal)


def test_a_place_may_name_a_mount_of_its_own(openbao: OpenBao, access: Credentials, outside: Documents) -> None:
    store = opened(openbao.url, "secret", access)
    value = fresh()
    publish(store, VaultPlace(mount=f"/{outside.mount}/", path="/prod/app", field="token"), value)
    assert outside.field() == value.reveal()


def test_each_namespace_is_a_vault_of_its_own(openbao: OpenBao, access: Credentials) -> None:
    openbao.request("POST", "sys/namespaces/team-a")
    openbao.request("POST", "team-a/sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
    store = opened(openbao.url, "kv", access, namespace="team-a")
    value = fresh()
    publish(store, VaultPlace(path="app", field="token"), value)
    assert openbao.request("GET", "team-a/kv/data/app")["data"]["data"] == {"token": value.reveal()}


def test_settings_and_notes_on_the_document_are_left_alone(
    openbao: OpenBao, store: VaultStore, place: VaultPlace, outside: Documents
) -> None:
    settings = {
        "delete_version_after": "720h0m0s",
        "max_versions": 7,
        "cas_required": True,
        "custom_metadata": {"by": "us"},
    }
    openbao.request("POST", f"{outside.mount}/metadata/{place.path}", settings)
    publish(store, place, fresh())
    assert {
        name: openbao.request("GET", f"{outside.mount}/metadata/{place.path}")["data"][name] for name in settings
    } == settings


@pytest.mark.parametrize("value", [7, None, True, ["a"], {"a": "b"}])
def test_a_field_that_holds_no_text_is_refused(
    store: VaultStore, place: VaultPlace, outside: Documents, value: object
) -> None:
    outside.put(value)
    for call in (lambda: store.preflight(place), lambda: store.write(place, fresh(), Version("2"), "rotation-1")):
        assert "holds no text" in str(refusal_of(call))
    assert outside.field() == value


def test_a_field_that_is_not_there_yet_is_added(store: VaultStore, outside: Documents) -> None:
    place = VaultPlace(path=outside.path, field="another")
    before = store.preflight(place)
    assert before is not None
    assert (before.value, before.version) == (None, "1")
    value = fresh()
    publish(store, place, value)
    assert outside.fields() == {**SIBLINGS, "token": "tok_first_of_all", "another": value.reveal()}


def test_a_document_that_vault_deletes_by_itself_is_warned_about(
    openbao: OpenBao, store: VaultStore, place: VaultPlace, mount: str, access: Credentials
) -> None:
    store.preflight(place)
    assert access.warnings == []
    openbao.request("POST", f"{mount}/metadata/{place.path}", {"delete_version_after": "720h"})
    publish(store, place, fresh())
    assert store.preflight(place) is not None
    [warning] = access.warnings
    assert "delete_version_after" in warning


def test_numbers_beside_our_field_keep_how_they_are_written(openbao: OpenBao, access: Credentials) -> None:
    mount = openbao.mount_kv(version=1)
    at, headers = f"{openbao.url}/v1/{mount}/app", {"X-Vault-Token": openbao.root_token}
    numbers = '"big":1e2,"nested":{"price":1.10},"pi":3.14159265358979323846,"sum":12345678901234567890.5'
    httpx.put(at, headers=headers, content=f'{{{numbers},"token":"old"}}', trust_env=False).raise_for_status()
    store, place = opened(openbao.url, mount, access), VaultPlace(path="app", field="token")
    value = fresh()
    publish(store, place, value)
    assert held(store.current(place)) == value.reveal()
    assert f'{{{numbers},"token":"{value.reveal()}"}}' in httpx.get(at, headers=headers, trust_env=False).text


def test_going_back_to_before_our_field_was_there_takes_it_out_again(store: VaultStore, outside: Documents) -> None:
    place = VaultPlace(path=outside.path, field="another")
    version = publish(store, place, fresh())
    store.restore(place, Version("1"), version)
    assert outside.fields() == {**SIBLINGS, "token": "tok_first_of_all"}


def test_going_back_keeps_what_others_changed_since(store: VaultStore, place: VaultPlace, outside: Documents) -> None:
    publish(store, place, fresh())
    outside.replace({**outside.fields(), "username": "changed since"})
    store.restore(place, Version("1"), version_of(store.current(place)))
    assert outside.fields() == {**SIBLINGS, "username": "changed since", "token": "tok_first_of_all"}


def test_a_deleted_document_has_nothing_current_and_is_written_anew_where_we_may(
    store: VaultStore, place: VaultPlace, outside: Documents
) -> None:
    outside.delete()
    assert store.current(place) is None
    assert store.preflight(place) is None
    value = fresh()
    assert store.write(place, value, None, "rotation-1") == "2"
    assert outside.fields() == {"token": value.reveal()}


def test_a_destroyed_document_is_written_anew_where_we_may(
    openbao: OpenBao, store: VaultStore, place: VaultPlace, outside: Documents
) -> None:
    openbao.request("POST", f"{outside.mount}/destroy/{place.path}", {"versions": [1]})
    value = fresh()
    assert publish(store, place, value) == "2"
    assert outside.fields() == {"token": value.reveal()}


def test_a_deleted_document_that_is_not_ours_to_make_waits_for_a_person(
    store: VaultStore, place: VaultPlace, outside: Documents
) -> None:
    outside.delete()
    theirs = place.model_copy(update={"create": False})
    for call in (lambda: store.preflight(theirs), lambda: store.write(theirs, fresh(), None, "rotation-1")):
        refusal = refusal_of(call)
        assert isinstance(refusal, NeedsOperator)
        assert "deleted" in str(refusal)


def test_a_document_that_was_deleted_since_we_looked_is_a_conflict(
    store: VaultStore, place: VaultPlace, outside: Documents
) -> None:
    outside.delete()
    with pytest.raises(Conflict):
        store.write(place, fresh(), Version("1"), "rotation-1")


def test_a_version_that_was_deleted_is_not_to_be_had(store: VaultStore, place: VaultPlace, outside: Documents) -> None:
    version = publish(store, place, fresh())
    outside.bao.request("POST", f"{outside.mount}/delete/{place.path}", {"versions": [1]})
    assert store.read(place, Version("1")) is None
    assert isinstance(refusal_of(lambda: store.restore(place, Version("1"), version)), Permanent)


def test_a_dead_token_that_a_change_of_another_field_carried_on_is_put_away_too(
    store: VaultStore, place: VaultPlace
) -> None:
    neighbour, old = place.model_copy(update={"field": "a_neighbour"}), held(store.current(place))
    publish(store, neighbour, fresh())  # it carries the old value on into another version
    publish(store, place, fresh())
    publish(store, neighbour, fresh())  # and this one the new value
    store.put_away(place, lambda earlier: held(earlier) == old)
    assert [store.read(place, Version(number)) is not None for number in "1234"] == [False, False, True, True]


def test_earlier_versions_of_another_shape_hold_nothing_dead(
    store: VaultStore, place: VaultPlace, outside: Documents
) -> None:
    for shape in ({"token": {"nested": "here"}}, {"other": "field"}, {"token": ""}):
        outside.bao.request("POST", f"{outside.mount}/data/{place.path}", {"data": shape})
    outside.delete()
    publish(store, place, fresh())
    store.put_away(place, lambda earlier: held(earlier) is None)
    assert [store.read(place, Version(number)) is not None for number in "135"] == [True, True, True]


@pytest.mark.parametrize("version", ["0", "-1", "1.0", "²", ""])
def test_what_is_no_version_number_never_reads_the_newest(store: VaultStore, place: VaultPlace, version: str) -> None:
    assert store.read(place, Version(version)) is None
