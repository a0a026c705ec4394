"""What each fault comes to: which family of error, and what is true in the vault afterwards."""

from __future__ import annotations

import json
import socket
from datetime import timedelta
from typing import Any

import pytest

from providers.stores.azure_key_vault.plugin import AzurePlace
from providers.stores.azure_key_vault.store import KeyVaultStore
from providers.stores.azure_key_vault.versions import KEY_TAG
from rotator.domain.errors import Ambiguous, Conflict, NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.limits import Limits
from rotator.domain.model import Version
from rotator.flow.budget import ConnectionBudget
from rotator.ledger.ledger import Ledger
from rotator.testing.store_contract import fresh, held, publish, refusal_of, version_of
from tests.fakes.azure_key_vault import KeyVault
from tests.fakes.fault_proxy import (
    Fault,
    FaultProxy,
    answer,
    answer_after,
    delay,
    fault_proxy,
    first,
    lose_answer,
    refuse,
    truncate,
)
from tests.integration.azure_key_vault.setting import Azure, SomebodyElse
from tests.integration.redirects import is_taken_for_what_it_may_be

SECRET = r"^/secrets/app-token/?\?"
LIST = r"/versions\?"


def azure_says(code: str, inner: str | None = None) -> bytes:
    error: dict[str, Any] = {"code": code, "message": "in words of Azure's own"}
    return json.dumps({"error": error | ({"innererror": {"code": inner}} if inner else {})}).encode()


def expected_at(store: KeyVaultStore, place: AzurePlace) -> Version | None:
    return version_of(store.current(place))


# --- a write whose answer was lost ---

LOST = [
    pytest.param(lose_answer(), id="the answer is lost"),
    pytest.param(truncate(20), id="the answer is cut short"),
    pytest.param(answer_after(200, {"Content-Type": "text/html"}, b"<html>"), id="the answer is somebody else's page"),
    pytest.param(answer_after(200, {"Content-Type": "application/json"}, b"{}"), id="the answer says nothing"),
    pytest.param(answer_after(200, {"Content-Type": "application/json"}, b'{"id": 7}'), id="the answer is no secret"),
    pytest.param(answer_after(500, {}, azure_says("InternalServerError")), id="the vault says 500"),
    pytest.param(answer_after(502), id="a gateway says 502"),
    pytest.param(answer_after(503, {"Retry-After": "1"}), id="a gateway says 503 and when to come back"),
    pytest.param(answer_after(504), id="a gateway says 504"),
    pytest.param(answer_after(408), id="a gateway says 408"),
]


@pytest.mark.parametrize("fault", LOST)
def test_a_write_whose_answer_was_lost_is_ambiguous_and_found_done_when_repeated(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace, outside: SomebodyElse, proxy: FaultProxy, fault: Fault
) -> None:
    expected, value = expected_at(store, place), fresh()
    vault.calls.clear()
    proxy.fail("PUT", SECRET, fault)
    assert type(refusal_of(lambda: store.write(place, value, expected, "rotation-1"))) is Ambiguous
    assert outside.field() == value.reveal()
    found = store.written(place, "rotation-1")
    assert held(found) == value.reveal()
    assert store.write(place, value, expected, "rotation-1") == version_of(found)
    assert vault.calls.count("set") == 1


def test_a_lost_write_is_found_by_its_tag_when_somebody_has_written_since(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace, outside: SomebodyElse, proxy: FaultProxy
) -> None:
    expected, value = expected_at(store, place), fresh()
    proxy.fail("PUT", SECRET, lose_answer())
    refusal_of(lambda: store.write(place, value, expected, "rotation-1"))
    vault.now = lambda: 4_000_000_000
    outside.put("set-by-hand")
    assert held(store.written(place, "rotation-1")) == value.reveal()
    assert type(refusal_of(lambda: store.write(place, value, expected, "rotation-1"))) is Conflict
    assert outside.field() == "set-by-hand"


def test_a_write_that_never_arrived_is_made_when_repeated(
    store: KeyVaultStore, place: AzurePlace, outside: SomebodyElse, proxy: FaultProxy
) -> None:
    expected, value = expected_at(store, place), fresh()
    proxy.fail("PUT", SECRET, refuse())
    assert type(refusal_of(lambda: store.write(place, value, expected, "rotation-1"))) is Ambiguous
    assert outside.field() == "start"
    assert store.write(place, value, expected, "rotation-1") != expected
    assert outside.field() == value.reveal()


def test_a_silent_vault_is_given_up_in_time(
    azure: Azure, place: AzurePlace, outside: SomebodyElse, proxy: FaultProxy
) -> None:
    store = azure.store(read=0.3)
    expected = expected_at(store, place)
    proxy.fail("PUT", SECRET, delay(30))
    assert type(refusal_of(lambda: store.write(place, fresh(), expected, "rotation-1"))) is Ambiguous
    proxy.fail("GET", SECRET, delay(30))
    assert type(refusal_of(lambda: store.current(place))) is Temporary


def test_when_the_list_fails_after_the_write_the_write_is_ambiguous_and_found_done(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace, outside: SomebodyElse, proxy: FaultProxy
) -> None:
    expected, value = expected_at(store, place), fresh()
    proxy.fail("PUT", SECRET, first(lambda: proxy.fail("GET", LIST, answer(500))))
    refusal = refusal_of(lambda: store.write(place, value, expected, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "was made" in str(refusal)
    assert store.write(place, value, expected, "rotation-1") == expected_at(store, place)
    assert vault.calls.count("set") == 2  # the place's own, and ours


# --- a write that was refused ---


@pytest.mark.parametrize(
    ("status", "header", "wait"),
    [
        (429, "7", timedelta(seconds=7)),
        (429, "Thu, 01 Jan 1970 00:00:00 GMT", timedelta()),
        (429, None, None),
        (503, "7", timedelta(seconds=7)),
    ],
)
def test_the_vault_says_when_to_come_back_and_is_asked_once(
    store: KeyVaultStore, place: AzurePlace, proxy: FaultProxy, status: int, header: str | None, wait: timedelta | None
) -> None:
    expected = expected_at(store, place)
    headers = {"Retry-After": header} if header else {}
    for method, call in (
        ("GET", lambda: store.current(place)),
        ("PUT", lambda: store.write(place, fresh(), expected, "rotation-1")),
    ):
        before = len(proxy.sent(method, SECRET))
        proxy.fail(method, SECRET, answer(status, headers, azure_says("Throttled")))
        refusal = refusal_of(call)
        assert isinstance(refusal, Temporary)
        assert refusal.retry_after == wait
        assert len(proxy.sent(method, SECRET)) == before + 1
        assert (type(refusal) is Ambiguous) == (method == "PUT" and status == 503)


def test_a_vault_that_asks_to_be_left_alone_is_not_taken_for_one_that_does_not_answer(
    azure: Azure, place: AzurePlace, proxy: FaultProxy
) -> None:
    access = azure.access()
    budget = ConnectionBudget("azure", Limits(), _no_ledger, access.clock, "here")
    access.budget = budget
    store = azure.store(access)
    for _ in range(9):
        proxy.fail("GET", SECRET, answer(429, {"Retry-After": "0"}, azure_says("Throttled")))
        refusal_of(lambda: store.current(place))
    assert (budget.throttles, budget.rests_until()) == (9, None)


def _no_ledger() -> Ledger:
    raise AssertionError("a connection without limits needs none")


@pytest.mark.parametrize(
    ("inner", "family", "says"),
    [
        ("ObjectIsDeletedButRecoverable", NeedsOperator, "az keyvault secret recover"),
        ("ObjectIsBeingDeleted", NeedsOperator, "is deleting it"),
        ("ObjectIsBeingRecovered", Temporary, "being recovered"),
        (None, Temporary, "Another change"),
    ],
)
def test_each_conflict_of_the_vault_has_its_family(
    store: KeyVaultStore,
    place: AzurePlace,
    proxy: FaultProxy,
    inner: str | None,
    family: type[RotatorError],
    says: str,
) -> None:
    expected = expected_at(store, place)
    proxy.fail("PUT", SECRET, answer(409, {"Content-Type": "application/json"}, azure_says("Conflict", inner)))
    refusal = refusal_of(lambda: store.write(place, fresh(), expected, "rotation-1"))
    assert type(refusal) is family
    assert says in str(refusal)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_nothing_goes_elsewhere(
    azure: Azure, store: KeyVaultStore, place: AzurePlace, proxy: FaultProxy, status: int
) -> None:
    expected = expected_at(store, place)
    with fault_proxy(azure.proxy.upstream) as elsewhere:
        for method, call in (
            ("PUT", lambda: store.write(place, fresh(), expected, "rotation-1")),
            ("GET", lambda: store.current(place)),
        ):
            proxy.fail(method, SECRET, answer(status, {"Location": f"{elsewhere.url}/secrets/app-token"}))
            refusal = refusal_of(call)
            assert is_taken_for_what_it_may_be(refusal, 0 if method == "GET" else status, "redirect")
        assert elsewhere.seen == []
    assert expected_at(store, place) == expected


def test_a_list_that_goes_on_elsewhere_is_refused_and_our_token_stays_here(
    azure: Azure, store: KeyVaultStore, vault: KeyVault, place: AzurePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, place, fresh())
    vault.page_size = 1
    monkeypatch.setattr(vault, "public_url", azure.direct)
    vault.calls.clear()
    refusal = refusal_of(lambda: store.preflight(place))
    assert type(refusal) is Permanent
    assert "goes on at another host" in str(refusal)
    assert vault.calls == ["list_versions"]


def test_a_list_goes_on_here_however_the_vault_writes_its_name(
    azure: Azure, store: KeyVaultStore, vault: KeyVault, place: AzurePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, place, fresh())
    vault.page_size = 1
    monkeypatch.setattr(vault, "public_url", azure.url.replace("localhost", "LocalHost"))
    vault.calls.clear()
    store.preflight(place)
    assert vault.calls == ["list_versions", "list_versions", "get"]


# --- reading ---


@pytest.mark.parametrize(
    ("fault", "family"),
    [
        (answer(500, {}, azure_says("InternalServerError")), Temporary),
        (answer(502), Temporary),
        (answer(504), Temporary),
        (lose_answer(), Temporary),
        (truncate(20), Temporary),
        (answer(404, {"Content-Type": "text/html"}, b"<html>nothing here</html>"), Permanent),
        (answer(404, {}, azure_says("VaultNotFound")), Permanent),
        (answer(200, {"Content-Type": "text/html"}, b"<html>please sign in</html>"), Permanent),
        (answer(200, {"Content-Type": "application/json"}, b'["tok_of_somebody_else"]'), Permanent),
        (answer(200, {"Content-Type": "application/json"}, b'{"value": "tok_of_somebody_else"}'), Permanent),
        (answer(200, {"Content-Type": "application/json"}, b'{"value": "tok_of_somebody_else'), Permanent),
        (answer(400, {}, azure_says("BadParameter")), Permanent),
        (answer(418, {}, b"tok_of_somebody_else"), Permanent),
        (answer(401, {}, azure_says("Unauthorized")), NeedsOperator),
    ],
)
def test_each_fault_while_reading_has_its_family_and_quotes_nothing(
    store: KeyVaultStore,
    place: AzurePlace,
    proxy: FaultProxy,
    known_values: Any,
    fault: Fault,
    family: type[RotatorError],
) -> None:
    known_values.add("tok_of_somebody_else")  # in no error, and in no error's cause
    store.current(place)
    proxy.fail("GET", SECRET, fault)
    assert type(refusal_of(lambda: store.current(place))) is family


def test_a_gateways_404_is_not_taken_for_a_secret_that_is_not_there(
    store: KeyVaultStore, vault: KeyVault, proxy: FaultProxy
) -> None:
    proxy.fail("*", "/secrets/", answer(404, {"Content-Type": "text/html"}, b"<html>"), times=None)
    new = AzurePlace(secret="not-there-yet", create=True)
    assert type(refusal_of(lambda: store.write(new, fresh(), None, "rotation-1"))) is Permanent
    assert vault.secrets == {}


def test_a_vault_that_is_not_there_is_temporary(azure: Azure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    store = azure.store(url=f"https://localhost:{port}")
    refusal = refusal_of(lambda: store.write(AzurePlace(secret="a"), fresh(), None, "rotation-1"))
    assert type(refusal) is Temporary
    assert "cannot be reached" in str(refusal)


# --- a wrong value stored with a 200 ---


def test_a_wrong_value_stored_with_a_200_is_seen_when_it_is_read_back(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace
) -> None:
    value = fresh()
    vault.mangle = lambda text: text.replace("tok_", "TOK_")
    publish(store, place, value)  # its answer shows the right value
    assert held(store.current(place)) != value.reveal()


def test_an_answer_that_shows_another_value_is_ambiguous(
    store: KeyVaultStore, place: AzurePlace, proxy: FaultProxy, azure: Azure
) -> None:
    expected = expected_at(store, place)
    other = {"id": f"{azure.url}/secrets/app-token/{'a' * 32}", "value": "something else", "attributes": {}}
    proxy.fail("PUT", SECRET, answer_after(200, {"Content-Type": "application/json"}, json.dumps(other).encode()))
    refusal = refusal_of(lambda: store.write(place, fresh(), expected, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "something else" in str(refusal)


# --- somebody else writing at the same moment ---


def test_another_field_that_was_changed_between_our_look_and_our_write_is_not_lost(
    store: KeyVaultStore, place: AzurePlace, outside: SomebodyElse, proxy: FaultProxy
) -> None:
    expected, value = expected_at(store, place), fresh()
    proxy.fail("PUT", SECRET, first(lambda: outside.replace('{"token": "start", "port": 2}')))
    version = store.write(place, value, expected, "rotation-1")
    assert outside._text() == json.dumps({"token": value.reveal(), "port": 2})
    assert version == expected_at(store, place)
    assert held(store.written(place, "rotation-1")) == value.reveal()


def test_a_change_that_came_just_after_our_write_and_knew_nothing_of_it_is_put_together_with_it(
    store: KeyVaultStore, place: AzurePlace, outside: SomebodyElse, proxy: FaultProxy
) -> None:
    expected, value = expected_at(store, place), fresh()
    late = first(lambda: outside.replace('{"token": "start", "port": 2}'))
    proxy.fail("PUT", SECRET, first(lambda: proxy.fail("GET", LIST, late)))
    assert store.write(place, value, expected, "rotation-1") == expected_at(store, place)
    assert outside._text() == json.dumps({"token": value.reveal(), "port": 2})


@pytest.mark.parametrize("field", ["token", None])
def test_a_person_hears_of_it_when_somebody_set_our_value_at_the_same_moment(
    store: KeyVaultStore, place: AzurePlace, outside: SomebodyElse, proxy: FaultProxy
) -> None:
    expected, value = expected_at(store, place), fresh()
    proxy.fail("PUT", SECRET, first(lambda: outside.put("set-by-hand")))
    refusal = refusal_of(lambda: store.write(place, value, expected, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "Somebody else set the secret `app-token` at the same moment" in str(refusal)
    assert "set-by-hand" not in str(refusal)
    assert outside.field() == value.reveal()
    assert store.write(place, value, expected, "rotation-1") == expected_at(store, place)


def test_our_own_lost_write_that_arrives_late_does_no_harm(
    store: KeyVaultStore, place: AzurePlace, outside: SomebodyElse, proxy: FaultProxy
) -> None:
    expected, value = expected_at(store, place), fresh()
    proxy.fail("PUT", SECRET, first(lambda: outside.put(value.reveal())))
    assert store.write(place, value, expected, "rotation-1") == expected_at(store, place)
    assert outside.field() == value.reveal()


# --- what the tag says ---


def test_each_field_of_one_secret_has_a_tag_of_its_own(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace
) -> None:
    other, one, two = AzurePlace(secret=place.secret, field="other"), fresh(), fresh()
    publish(store, place, one)
    publish(store, other, two)
    assert held(store.written(place, "rotation-1")) == one.reveal()
    assert held(store.written(other, "rotation-1")) == two.reveal()
    tags = [(version.tags or {}).get(KEY_TAG) for version in vault.secrets["app-token"].versions]
    assert tags == [None, "rotation-1#token", "rotation-1#other"]


def test_a_version_that_somebody_made_with_a_copy_of_our_tag_is_not_taken_for_ours(
    store: KeyVaultStore, vault: KeyVault, place: AzurePlace, outside: SomebodyElse
) -> None:
    value = fresh()
    publish(store, place, value)
    vault.now = lambda: 4_000_000_000
    outside.put("set-by-hand")
    assert held(store.written(place, "rotation-1")) == value.reveal()
