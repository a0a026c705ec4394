"""What Vercel refuses, and what we refuse before: each with its reason, and what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.stores.vercel.plugin import VercelPlace
from providers.stores.vercel.store import VercelStore
from rotator.domain.errors import NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.testing.access import DictionaryAccess
from rotator.testing.store_contract import fresh, refusal_of, version_of
from tests.fakes.fault_proxy import FaultProxy, answer
from tests.fakes.vercel import SLUG, STRANGER, TEAM, Grant, Vercel
from tests.fakes.vercel_account import Project
from tests.integration.vercel.setting import AtTheRecord, access_to, opened, place_of


def error(code: str, **more: Any) -> bytes:
    return json.dumps({"error": {"code": code, "message": "tok_of_somebody_else", **more}}).encode()


# --- token, team, project and role, told apart ---


def test_a_dead_token_is_told_from_a_lack_of_permission(proxy: FaultProxy, outside: AtTheRecord) -> None:
    refusal = refusal_of(lambda: opened(proxy.url, access_to(proxy.url, token="vcp_revoked")).current(place_of()))
    assert type(refusal) is NeedsOperator
    assert "does not know the connection's token" in str(refusal)


@pytest.mark.parametrize(("status", "more"), [(401, {}), (403, {"invalidToken": True})])
def test_a_dead_token_is_found_out_where_the_refusal_does_not_say(
    store: VercelStore, place: VercelPlace, proxy: FaultProxy, status: int, more: dict[str, Any]
) -> None:
    proxy.fail("GET", "/env", answer(404, {}, error("not_found")))
    proxy.fail("GET", "/v2/user", answer(status, {}, error("forbidden", **more)))
    assert type(refusal_of(lambda: store.current(place))) is NeedsOperator


def test_a_team_that_is_not_open_to_the_token_is_named(proxy: FaultProxy, outside: AtTheRecord) -> None:
    refusal = refusal_of(lambda: opened(proxy.url, access_to(proxy.url, token=STRANGER)).current(place_of()))
    assert type(refusal) is Permanent
    assert "team `acme` is not open to it" in str(refusal)


def test_a_token_for_another_project_is_not_taken_for_dead(
    service: Vercel, proxy: FaultProxy, outside: AtTheRecord
) -> None:
    service.tokens["vcp_for_another"] = Grant(frozenset({SLUG}), "prj_another")
    refusal = refusal_of(lambda: opened(proxy.url, access_to(proxy.url, token="vcp_for_another")).current(place_of()))
    assert type(refusal) is Permanent
    assert "one other project" in str(refusal)


@pytest.mark.parametrize("team", ["acmee", "team_other"])
def test_a_team_that_does_not_exist_is_named(
    proxy: FaultProxy, access: DictionaryAccess, outside: AtTheRecord, team: str
) -> None:
    refusal = refusal_of(lambda: opened(proxy.url, access, team=team).current(place_of()))
    assert f"team `{team}`" in str(refusal)


def test_a_project_that_the_team_does_not_have_is_told_from_a_wrong_team(
    store: VercelStore, outside: AtTheRecord
) -> None:
    refusal = refusal_of(lambda: store.current(place_of(project="sites")))
    assert type(refusal) is Permanent
    assert "project `sites`" in str(refusal)
    assert "not in team `acme`" in str(refusal)


def test_a_team_that_was_forgotten_is_asked_for(
    proxy: FaultProxy, access: DictionaryAccess, outside: AtTheRecord
) -> None:
    refusal = refusal_of(lambda: opened(proxy.url, access, team=None).current(place_of()))
    assert "no `team` is given" in str(refusal)


def test_a_role_that_may_not_write_is_told_while_writing(
    store: VercelStore, place: VercelPlace, proxy: FaultProxy, outside: AtTheRecord
) -> None:
    expected = version_of(store.current(place))
    proxy.fail("PATCH", "/env/", answer(403, {}, error("forbidden")))
    refusal = refusal_of(lambda: store.write(place, fresh(), expected, "rotation-1"))
    assert type(refusal) is Permanent
    assert "`projectEnvVarsProduction: update`" in str(refusal)
    assert "tok_of_somebody_else" not in str(refusal)


@pytest.mark.parametrize(
    ("kind", "action", "means"),
    [
        ("projectEnvVarsProduction", "update", {}),
        ("projectEnvVarsProduction", "create", {"var": "NEW", "create": True}),
        ("projectEnvVars", "update", {"targets": ("preview",)}),
        ("deployment", "create", {"redeploy": True}),
    ],
)
def test_a_permission_that_is_missing_is_named_before_anything_is_touched(
    store: VercelStore, project: Project, outside: AtTheRecord, kind: str, action: str, means: dict[str, Any]
) -> None:
    store.preflight(place_of(**means))
    project.permissions[kind].remove(action)
    refusal = refusal_of(lambda: store.preflight(place_of(**means)))
    assert type(refusal) is Permanent
    assert f"`{kind}: {action}`" in str(refusal)


# --- policies and records ---


def test_a_secret_of_production_and_others_is_refused_where_the_team_keeps_them_apart(
    store: VercelStore, service: Vercel, project: Project
) -> None:
    place = place_of(var="NEW", targets=("production", "preview"), create=True)
    store.preflight(place)
    service.account.policies["disjunctiveProductionSecretPolicy"] = "on"
    for call in (lambda: store.preflight(place), lambda: store.write(place, fresh(), None, "rotation-1")):
        refusal = refusal_of(call)
        assert type(refusal) is Permanent
        assert "disjunctiveProductionSecretPolicy" in str(refusal)


def test_a_refusal_that_a_policy_may_explain_names_the_policy(
    store: VercelStore, service: Vercel, proxy: FaultProxy, project: Project
) -> None:
    service.account.policies["sensitiveEnvironmentVariablePolicy"] = "on"
    proxy.fail("POST", "/env", answer(400, {}, error("BAD_REQUEST")))
    place = place_of(var="NEW", create=True, type="encrypted")
    refusal = refusal_of(lambda: store.write(place, fresh(), None, "rotation-1"))
    assert "sensitiveEnvironmentVariablePolicy" in str(refusal)
    assert "tok_of_somebody_else" not in str(refusal)


def test_what_an_integration_keeps_is_refused(store: VercelStore, outside: AtTheRecord, place: VercelPlace) -> None:
    outside.env.integration = "icfg_1"
    assert "kept by an integration" in str(refusal_of(lambda: store.preflight(place)))
    refusal = refusal_of(lambda: store.write(place, fresh(), outside.version, "rotation-1"))
    assert type(refusal) is Permanent
    assert outside.field() == "tok_first_of_all"


def test_what_is_vercels_own_is_refused(store: VercelStore, outside: AtTheRecord, place: VercelPlace) -> None:
    outside.env.type = "system"
    assert "Vercel's own" in str(refusal_of(lambda: store.preflight(place)))


def test_a_record_that_vercel_cannot_decrypt_is_no_value(
    store: VercelStore, outside: AtTheRecord, place: VercelPlace
) -> None:
    outside.env.undecryptable = True
    refusal = refusal_of(lambda: store.current(place))
    assert type(refusal) is Permanent
    assert "without its value" in str(refusal)


def test_a_value_that_is_too_long_is_not_sent(
    store: VercelStore, outside: AtTheRecord, place: VercelPlace, service: Vercel
) -> None:
    before = len(service.seen)
    with pytest.raises(Permanent, match="64 KB"):
        store.write(place, SecretValue("x" * (64 * 1024 + 1)), outside.version, "rotation-1")
    assert len(service.seen) == before


# --- codes ---


@pytest.mark.parametrize(
    ("status", "code", "family", "says"),
    [
        (400, "VALUE_INVALID_LENGTH", Permanent, "64 KB"),
        (400, "invalid_value", Permanent, "does not take this value"),
        (400, "RESERVED_ENV_VARIABLE", Permanent, "keeps this name for itself"),
        (400, "max_envs_exceeded", Permanent, "as many variables as it may have"),
        (402, "payment_required", Permanent, "plan"),
        (403, "challenge_required", NeedsOperator, "sign in anew"),
        (409, "something_new", Permanent, "SOMETHING_NEW"),
        (410, "gone", Permanent, "GONE"),
    ],
)
def test_each_code_is_explained_in_whatever_case_it_comes(
    store: VercelStore,
    place: VercelPlace,
    outside: AtTheRecord,
    proxy: FaultProxy,
    status: int,
    code: str,
    family: type[RotatorError],
    says: str,
) -> None:
    proxy.fail("PATCH", "/env/", answer(status, {}, error(code)))
    refusal = refusal_of(lambda: store.write(place, fresh(), outside.version, "rotation-1"))
    assert type(refusal) is family
    assert says in str(refusal)
    assert "tok_of_somebody_else" not in str(refusal)


def test_a_team_with_single_sign_on_is_explained(store: VercelStore, place: VercelPlace, proxy: FaultProxy) -> None:
    proxy.fail("GET", "/env", answer(403, {}, error("forbidden", saml=True, teamId=TEAM)))
    assert "single sign-on" in str(refusal_of(lambda: store.current(place)))


@pytest.mark.parametrize(
    ("code", "family"), [("ENV_CONFLICT", Temporary), ("env_already_exists", Temporary), ("KEY_RESERVED", Permanent)]
)
def test_what_a_201_names_under_failed_was_not_made(
    store: VercelStore, proxy: FaultProxy, project: Project, code: str, family: type[RotatorError]
) -> None:
    """A twin that a conflict speaks of, and that no list shows, is looked for again later."""
    body = json.dumps({"created": [], "failed": [{"error": {"code": code, "message": "tok_x", "key": "NEW"}}]})
    proxy.fail("POST", "/env", answer(201, {}, body.encode()))
    refusal = refusal_of(lambda: store.write(place_of(var="NEW", create=True), fresh(), None, "rotation-1"))
    assert type(refusal) is family
    assert "`NEW`" in str(refusal)
    assert "tok_x" not in str(refusal)
    assert not any(env.key == "NEW" for env in project.envs)
