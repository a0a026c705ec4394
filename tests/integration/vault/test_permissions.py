"""The shipped policy is enough for all that the store does, and nothing in it is too much."""

from __future__ import annotations

import pytest

from providers.stores.vault.plugin import VaultPlace
from providers.stores.vault.store import VaultStore
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.testing.store_contract import (
    ComparesAndSets,
    CreatesPlaces,
    KeepsVersions,
    StoreContract,
    fresh,
    held,
    publish,
    refusal_of,
)
from tests.integration.vault.setting import AtOneDocument, Credentials, Documents, opened, policy_for
from tests.servers.openbao import OpenBao


def policy_without(text: str, path: str, capability: str) -> str:
    """Take one capability of one path out of a policy."""
    before, found, after = text.partition(f'path "{path}"')
    assert found
    rules, brace, rest = after.partition("}")
    assert f'"{capability}"' in rules
    rules = rules.replace(f'"{capability}", ', "").replace(f', "{capability}"', "").replace(f'"{capability}"', '"deny"')
    return before + found + rules + brace + rest


class TestLeastPrivilege(AtOneDocument, ComparesAndSets, KeepsVersions, CreatesPlaces, StoreContract):
    """A token with the shipped policy, and not even Vault's ``default`` one, can do all that the store does."""

    @pytest.fixture
    def store(self, openbao: OpenBao, mount: str, policy: str) -> VaultStore:
        token = openbao.token(policy, no_default_policy=True)["client_token"]
        return opened(openbao.url, mount, Credentials(token=token))

    @pytest.mark.parametrize(
        ("capability", "path"), [("read", "prod/app"), ("update", "prod/app"), ("create", "prod/not-there-yet")]
    )
    def test_preflight_names_the_capability_that_is_missing(
        self, openbao: OpenBao, outside: Documents, capability: str, path: str
    ) -> None:
        below = f"{outside.mount}/data/prod/*"
        rules = policy_for(outside.mount)
        token = openbao.token(openbao.policy(policy_without(rules, below, capability)), no_default_policy=True)
        store = opened(openbao.url, outside.mount, Credentials(token=token["client_token"]))
        refusal = refusal_of(lambda: store.preflight(VaultPlace(path=path, field="token")))
        assert type(refusal) is Permanent
        assert f"lacks `{capability}` on `{outside.mount}/data/{path}`" in str(refusal)

    def test_what_is_put_away_is_destroyed_for_good(self, store: VaultStore, place: VaultPlace) -> None:
        before = store.current(place)
        assert before is not None
        publish(store, place, fresh())
        store.put_away(place, lambda _earlier: True)
        assert store.read(place, before.version) is None
        assert isinstance(refusal_of(lambda: store.restore(place, before.version, None)), Permanent)

    def test_destroying_is_named_where_it_is_not_allowed(self, openbao: OpenBao, outside: Documents) -> None:
        rules = policy_without(policy_for(outside.mount), f"{outside.mount}/destroy/prod/*", "update")
        token = openbao.token(openbao.policy(rules), no_default_policy=True)["client_token"]
        store, place = (
            opened(openbao.url, outside.mount, Credentials(token=token)),
            VaultPlace(path="prod/app", field="token"),
        )
        publish(store, place, fresh())
        refusal = refusal_of(lambda: store.put_away(place, lambda _earlier: True))
        assert f"`update` on `{outside.mount}/destroy/prod/app`" in str(refusal)

    def test_a_policy_for_another_path_is_told_from_a_dead_token(self, store: VaultStore, outside: Documents) -> None:
        refusal = refusal_of(lambda: store.current(VaultPlace(path="other/app", field="token")))
        assert type(refusal) is Permanent
        assert f"`read` on `{outside.mount}/data/other/app`" in str(refusal)

    def test_a_token_that_may_not_ask_is_still_refused_before_anything_is_touched(
        self, openbao: OpenBao, outside: Documents
    ) -> None:
        bare = openbao.policy(f'path "{outside.mount}/data/prod/*" {{ capabilities = ["update"] }}')
        token = openbao.token(bare, no_default_policy=True)["client_token"]
        store = opened(openbao.url, outside.mount, Credentials(token=token))
        refusal = refusal_of(lambda: store.preflight(VaultPlace(path="prod/app", field="token")))
        assert isinstance(refusal, NeedsOperator)
        assert "may not even look itself up" in str(refusal)


def test_for_a_kv_v1_mount_the_policy_goes_without_data(openbao: OpenBao) -> None:
    mount = openbao.mount_kv(version=1)
    policy = openbao.policy(policy_for(mount).replace(f"{mount}/data/", f"{mount}/"))
    token = openbao.token(policy, no_default_policy=True)["client_token"]
    store, place = opened(openbao.url, mount, Credentials(token=token)), VaultPlace(path="prod/app", field="token")
    assert store.preflight(place) is None
    first, second = fresh(), fresh()
    publish(store, place, first)
    publish(store, place, second)
    assert held(store.preflight(place)) == second.reveal()
