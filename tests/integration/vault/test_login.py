"""Signing in: once, again when the token has died, and never with what the policy did not name."""

from __future__ import annotations

import logging
import secrets
import threading
from pathlib import Path

import pytest

from providers.stores.vault.plugin import PLUGIN, Auth, VaultConfig, VaultPlace
from providers.stores.vault.store import VaultStore
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.testing.store_contract import fresh, held, publish, refusal_of, version_of
from tests.fakes.fault_proxy import FaultProxy, answer, first, lose_answer
from tests.integration.vault.setting import Credentials, Documents, Tokens, opened, policy_for
from tests.servers.openbao import OpenBao


@pytest.fixture
def approle(openbao: OpenBao, policy: str) -> Credentials:
    """An AppRole of this test's own, whose tokens carry the policy."""
    if "approle/" not in openbao.request("GET", "sys/auth")["data"]:
        openbao.request("POST", "sys/auth/approle", {"type": "approle"})
    role = f"auth/approle/role/{policy}"
    openbao.request("POST", role, {"token_policies": [policy], "token_ttl": "10m"})
    return Credentials(
        role_id=openbao.request("GET", f"{role}/role-id")["data"]["role_id"],
        secret_id=openbao.request("POST", f"{role}/secret-id")["data"]["secret_id"],
    )


@pytest.fixture
def tokens(openbao: OpenBao, policy: str) -> Tokens:
    return Tokens(openbao, policy)


def test_an_approle_signs_in_once_for_many_calls(
    proxy: FaultProxy, approle: Credentials, place: VaultPlace, outside: Documents
) -> None:
    store = opened(proxy.url, outside.mount, approle, auth={"method": "approle"})
    value = fresh()
    store.preflight(place)
    publish(store, place, value)
    assert outside.field() == value.reveal()
    assert len(proxy.sent("POST", "/auth/approle/login")) == 1


def test_all_stores_of_a_connection_share_one_login(
    proxy: FaultProxy, approle: Credentials, place: VaultPlace, outside: Documents
) -> None:
    config = VaultConfig(
        url=proxy.url,
        mount=outside.mount,
        auth=Auth(method="approle"),
        credentials={"role_id": "env:ROLE", "secret_id": "env:SECRET"},
    )
    for _ in range(2):
        assert held(PLUGIN.open(config, approle).current(place)) == "tok_first_of_all"
    assert len(proxy.sent("POST", "/auth/approle/login")) == 1


def test_when_the_token_of_an_approle_has_died_it_signs_in_again_and_the_write_is_made(
    proxy: FaultProxy, approle: Credentials, place: VaultPlace, outside: Documents, tokens: Tokens
) -> None:
    store = opened(proxy.url, outside.mount, approle, auth={"method": "approle"})
    expected = version_of(store.current(place))
    assert tokens.revoke() == 1
    proxy.fail("POST", "/data/", first(tokens.revoke))
    value = fresh()
    assert store.write(place, value, expected, "rotation-1") == "2"
    assert outside.field() == value.reveal()
    assert len(proxy.sent("POST", "/auth/approle/login")) == 3


def test_threads_that_find_the_token_dead_sign_in_once_between_them(
    proxy: FaultProxy, approle: Credentials, place: VaultPlace, outside: Documents, tokens: Tokens
) -> None:
    store = opened(proxy.url, outside.mount, approle, auth={"method": "approle"})
    store.current(place)
    tokens.revoke()
    readers = [threading.Thread(target=store.current, args=(place,)) for _ in range(6)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(proxy.sent("POST", "/auth/approle/login")) == 2


@pytest.mark.parametrize("wrong", ["role_id", "secret_id"])
def test_a_wrong_approle_credential_waits_for_a_person(
    openbao: OpenBao, approle: Credentials, place: VaultPlace, outside: Documents, wrong: str
) -> None:
    approle.values[wrong] = "00000000-not-a-credential"
    refusal = refusal_of(
        lambda: opened(openbao.url, outside.mount, approle, auth={"method": "approle"}).preflight(place)
    )
    assert type(refusal) is NeedsOperator
    assert "`role_id` and `secret_id`" in str(refusal)


def test_a_refused_login_is_not_repeated_at_once_for_every_destination(
    proxy: FaultProxy, approle: Credentials, place: VaultPlace, outside: Documents
) -> None:
    right, approle.values["secret_id"] = approle.values["secret_id"], "00000000-not-a-credential"
    store = opened(proxy.url, outside.mount, approle, auth={"method": "approle"})
    for _ in range(6):
        assert type(refusal_of(lambda: store.preflight(place))) is NeedsOperator
    assert len(proxy.sent("POST", "/auth/approle/login")) == 1
    approle.values["secret_id"] = right
    approle.time.move(seconds=10)
    assert held(store.current(place)) == "tok_first_of_all"


def test_a_login_that_the_server_has_no_time_for_is_temporary(
    proxy: FaultProxy, approle: Credentials, place: VaultPlace, outside: Documents
) -> None:
    store = opened(proxy.url, outside.mount, approle, auth={"method": "approle"})
    proxy.fail("POST", "/auth/approle/login", answer(429, {"Retry-After": "3"}, b'{"errors": ["rate limit"]}'))
    proxy.fail("POST", "/auth/approle/login", lose_answer())
    assert type(refusal_of(lambda: store.current(place))) is Temporary
    assert type(refusal_of(lambda: store.current(place))) is Temporary
    assert held(store.current(place)) == "tok_first_of_all"


def test_an_auth_mount_that_is_not_there_is_a_login_refused(
    openbao: OpenBao, approle: Credentials, place: VaultPlace, outside: Documents
) -> None:
    store = opened(openbao.url, outside.mount, approle, auth={"method": "approle", "mount": "nowhere"})
    refusal = refusal_of(lambda: store.current(place))
    assert type(refusal) is NeedsOperator
    assert "refused the approle login (403)" in str(refusal)


def test_a_dead_token_waits_for_a_person_and_a_new_one_is_taken_up(
    openbao: OpenBao, access: Credentials, place: VaultPlace, outside: Documents, policy: str
) -> None:
    access.values["token"] = openbao.token(policy)["client_token"]
    store = opened(openbao.url, outside.mount, access)
    assert held(store.current(place)) == "tok_first_of_all"
    openbao.request("POST", "auth/token/revoke", {"token": access.values["token"]})
    for _ in range(2):
        refusal = refusal_of(lambda: store.current(place))
        assert type(refusal) is NeedsOperator
        assert "token" in str(refusal)
    access.values["token"] = openbao.token(policy)["client_token"]
    assert held(store.current(place)) == "tok_first_of_all"


# --- renewed before it ends ---


def half_over(access: Credentials) -> None:
    """Let half of ten minutes pass, and a little."""
    access.time.move(minutes=5, seconds=1)


@pytest.fixture
def handed(openbao: OpenBao, policy: str) -> Credentials:
    """A periodic token that somebody made for us."""
    return Credentials(token=openbao.token(policy, period="10m")["client_token"])


def test_a_token_that_was_handed_to_us_is_renewed_in_the_second_half_of_its_life(
    proxy: FaultProxy, handed: Credentials, place: VaultPlace, outside: Documents
) -> None:
    store = opened(proxy.url, outside.mount, handed)
    for renewals in (0, 1, 2):
        store.current(place)
        store.current(place)
        assert len(proxy.sent("POST", "/auth/token/renew-self")) == renewals
        half_over(handed)


def test_a_token_that_lives_for_ever_or_may_not_be_renewed_is_left_alone(
    openbao: OpenBao, proxy: FaultProxy, place: VaultPlace, outside: Documents, policy: str
) -> None:
    fixed = openbao.token(policy, ttl="10m", renewable=False)["client_token"]
    for token in (openbao.root_token, fixed):
        access = Credentials(token=token)
        store = opened(proxy.url, outside.mount, access)
        store.current(place)
        half_over(access)
        store.current(place)
    assert proxy.sent("POST", "/auth/token/renew-self") == []


def test_a_renewal_that_is_refused_is_no_failure_and_not_tried_again(
    proxy: FaultProxy, handed: Credentials, place: VaultPlace, outside: Documents
) -> None:
    store = opened(proxy.url, outside.mount, handed)
    store.current(place)
    half_over(handed)
    proxy.fail("POST", "/auth/token/renew-self", answer(403, {}, b'{"errors": ["permission denied"]}'))
    store.current(place)
    half_over(handed)
    assert held(store.current(place)) == "tok_first_of_all"
    assert len(proxy.sent("POST", "/auth/token/renew-self")) == 1


def test_a_renewal_whose_answer_was_lost_is_tried_again(
    proxy: FaultProxy, handed: Credentials, place: VaultPlace, outside: Documents
) -> None:
    store = opened(proxy.url, outside.mount, handed)
    store.current(place)
    half_over(handed)
    proxy.fail("POST", "/auth/token/renew-self", lose_answer())
    assert type(refusal_of(lambda: store.current(place))) is Temporary
    assert held(store.current(place)) == "tok_first_of_all"


def test_threads_that_find_the_token_half_over_renew_it_once_between_them(
    proxy: FaultProxy, approle: Credentials, place: VaultPlace, outside: Documents
) -> None:
    store = opened(proxy.url, outside.mount, approle, auth={"method": "approle"})
    store.current(place)
    half_over(approle)
    readers = [threading.Thread(target=store.current, args=(place,)) for _ in range(6)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(proxy.sent("POST", "/auth/token/renew-self")) == 1
    assert len(proxy.sent("POST", "/auth/approle/login")) == 1


def test_a_login_whose_every_token_is_refused_is_not_repeated_for_ever(
    openbao: OpenBao, proxy: FaultProxy, approle: Credentials, place: VaultPlace, outside: Documents, policy: str
) -> None:
    role = {"token_policies": ["not-written-yet"], "token_no_default_policy": True}
    openbao.request("POST", f"auth/approle/role/{policy}", role)
    store = opened(proxy.url, outside.mount, approle, auth={"method": "approle"})
    assert isinstance(refusal_of(lambda: store.current(place)), Permanent)
    assert len(proxy.sent("POST", "/auth/approle/login")) == 2


# --- namespaces ---


def test_one_may_sign_in_above_the_namespace_of_the_documents(
    openbao: OpenBao, approle: Credentials, policy: str
) -> None:
    child = f"team-{secrets.token_hex(4)}"
    openbao.request("POST", f"sys/namespaces/{child}")
    openbao.request("POST", f"{child}/sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
    rules = policy_for(f"{child}/kv").replace("sys/capabilities-self", f"{child}/sys/capabilities-self")
    role = {"token_policies": [openbao.policy(rules)], "token_no_default_policy": True}
    openbao.request("POST", f"auth/approle/role/{policy}", role)
    store = opened(openbao.url, "kv", approle, namespace=child, auth={"method": "approle", "namespace": "root"})
    place, value = VaultPlace(path="prod/app", field="token"), fresh()
    store.preflight(place)
    publish(store, place, value)
    assert openbao.request("GET", f"{child}/kv/data/prod/app")["data"]["data"] == {"token": value.reveal()}


# --- keeping quiet ---


@pytest.mark.parametrize("token", ["s.with-a-line-break\n", "s.with\nanother: header", "s.schlüssel-鍵"])
def test_what_cannot_be_a_token_is_said_without_showing_it(
    openbao: OpenBao, place: VaultPlace, outside: Documents, token: str
) -> None:
    refusal = refusal_of(lambda: opened(openbao.url, outside.mount, Credentials(token=token)).current(place))
    assert isinstance(refusal, NeedsOperator)
    assert refusal.__cause__ is None
    assert "s.with" not in str(refusal)


def test_the_tokens_of_the_environment_are_not_used(
    openbao: OpenBao, place: VaultPlace, outside: Documents, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", openbao.root_token)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    store = opened(openbao.url, outside.mount, Credentials(token="s.of-nobody"))
    assert isinstance(refusal_of(lambda: store.current(place)), NeedsOperator)


def test_logs_at_their_loudest_hold_no_value(
    store: VaultStore, place: VaultPlace, openbao: OpenBao, caplog: pytest.LogCaptureFixture
) -> None:
    for loudest in (None, "urllib3", "hvac"):  # other providers in this process may have silenced them
        caplog.set_level(logging.DEBUG, logger=loudest)
    value = fresh()
    publish(store, place, value)
    assert caplog.records
    for secret in (value.reveal(), openbao.root_token, "tok_first_of_all"):
        assert secret not in caplog.text
