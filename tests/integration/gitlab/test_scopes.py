"""Which of several variables of one key is meant, and what is kept of it; GitLabs that do not tell them apart."""

from __future__ import annotations

from typing import Any

import pytest

from providers.stores.gitlab.plugin import GitLabPlace
from providers.stores.gitlab.store import GitLabStore
from rotator.domain.errors import Ambiguous, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.testing.store_contract import fresh, held, publish, refusal_of, version_of
from tests.fakes.fault_proxy import FaultProxy, first
from tests.fakes.gitlab import GitLab, Variable
from tests.integration.gitlab.setting import GROUP, KEY, PROJECT, AtTheVariable, opened, owner_of, place_of

BOTH = pytest.mark.parametrize("where", [PROJECT, GROUP], ids=["project", "group"])


@BOTH
@pytest.mark.parametrize("scope", ["*", "staging", "review/*", "production"])
def test_the_variable_of_the_very_scope_is_read_and_set_and_no_other(
    service: GitLab, store: GitLabStore, where: dict[str, Any], scope: str
) -> None:
    place = place_of(**where, environment_scope=scope)
    outside, value = AtTheVariable(service, place), fresh()
    assert held(store.current(place)) == outside.field()
    before = outside.siblings()
    publish(store, place, value)
    assert outside.field() == value.reveal()
    assert outside.siblings() == before


@BOTH
def test_a_key_alone_is_refused_where_it_names_several_variables(
    service: GitLab, store: GitLabStore, where: dict[str, Any]
) -> None:
    place = place_of(**where, environment_scope=None)
    for call in (
        lambda: store.preflight(place),
        lambda: store.current(place),
        lambda: store.write(place, fresh(), None, "rotation-1"),
        lambda: store.traits(place),
    ):
        refusal = refusal_of(call)
        assert isinstance(refusal, Permanent)
        assert "several environment scopes" in str(refusal)
        assert "`environment_scope`" in refusal.remedy


@BOTH
@pytest.mark.parametrize("scope", ["*", "production"])
def test_a_key_alone_is_enough_where_it_names_one(
    service: GitLab, store: GitLabStore, where: dict[str, Any], scope: str
) -> None:
    place, value = place_of(**where, var="ALONE", environment_scope=None), fresh()
    owner_of(service, place).variables.append(Variable("ALONE", "tok_alone", environment_scope=scope, raw=True))
    publish(store, place, value)
    assert AtTheVariable(service, place).field() == value.reveal()
    assert AtTheVariable(service, place).variable.environment_scope == scope


def test_a_scope_that_only_covers_the_environment_is_not_the_variable_that_is_meant(store: GitLabStore) -> None:
    refusal = refusal_of(lambda: store.preflight(place_of(environment_scope="review/feature-x")))
    assert isinstance(refusal, Permanent)
    assert "There is no `API_TOKEN` of project `acme/web` (review/feature-x)" in str(refusal)


def test_a_project_is_found_by_its_id_too(service: GitLab, store: GitLabStore) -> None:
    value = fresh()
    publish(store, place_of(project=str(service.owners[0].id)), value)
    assert AtTheVariable(service, place_of()).field() == value.reveal()


@pytest.mark.parametrize("extra", ["", "/api/v4"])
def test_an_instance_of_ones_own_is_named_by_its_address_or_by_that_of_its_api(service: GitLab, extra: str) -> None:
    assert held(opened(service.url + extra).current(place_of())) == "tok_first_of_all"


def test_no_other_variable_is_ever_asked_for(service: GitLab, store: GitLabStore) -> None:
    store.preflight(place_of())
    publish(store, place_of(), fresh())
    assert {path for _, path in service.calls} == {
        f"/projects/acme%2Fweb/variables/{KEY}",
        "/personal_access_tokens/self",
    }


# --- what is made -----------------------------------------------------------------------------------------------------


def test_what_we_create_is_as_the_policy_says_and_else_masked_protected_and_raw(
    service: GitLab, store: GitLabStore
) -> None:
    plain = place_of(var="NEW", environment_scope=None, create=True)
    said = place_of(var="NEW", environment_scope="dev", create=True, visibility="visible", protected=False)
    for place in (plain, said):
        publish(store, place, fresh())
    made = [
        AtTheVariable(service, place).variable for place in (plain.model_copy(update={"environment_scope": "*"}), said)
    ]
    shown = [(each.environment_scope, each.masked, each.hidden, each.protected, each.raw) for each in made]
    assert shown == [("*", True, False, True, True), ("dev", False, False, False, True)]


def test_a_full_project_is_refused_by_name(service: GitLab, store: GitLabStore) -> None:
    service.owners[0].most = len(service.owners[0].variables)
    place = place_of(var="NEW", create=True)
    refusal = refusal_of(lambda: store.write(place, fresh(), None, "rotation-1"))
    assert isinstance(refusal, Permanent)
    assert "as many variables as it may have" in refusal.remedy
    assert store.current(place) is None


# --- what it can hold -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["tok_$HOME", "tok_${HOME}_x", "ends-with-$", "%HOME%_tok"])
def test_a_value_that_jobs_would_expand_is_refused_before_it_is_sent(
    service: GitLab, store: GitLabStore, outside: AtTheVariable, text: str
) -> None:
    outside.variable.raw = False
    before, expected = outside.footprint(), version_of(store.current(place_of()))
    refusal = refusal_of(lambda: store.write(place_of(), SecretValue(text), expected, "rotation-1"))
    assert isinstance(refusal, Permanent)
    assert "Expand variable reference" in refusal.remedy
    assert text not in str(refusal)
    assert outside.footprint() == before
    assert "PUT" not in {method for method, _ in service.calls}


def test_a_value_without_references_is_set_in_a_variable_that_is_expanded(
    store: GitLabStore, outside: AtTheVariable
) -> None:
    outside.variable.raw = False
    publish(store, place_of(), SecretValue("tok_100%_pure"))
    assert outside.field() == "tok_100%_pure"


@pytest.mark.parametrize(
    ("raw", "text", "is_taken"),
    [
        (True, "tok-#!?-1", True),
        (True, "tok 12345", False),
        (True, "short_1", False),
        (False, "tok_123/+=@:.~-", True),
        (False, "tok-#!?-1", False),
    ],
)
def test_what_a_masked_variable_cannot_hold_is_refused_with_the_rule(
    store: GitLabStore, outside: AtTheVariable, raw: bool, text: str, is_taken: bool
) -> None:
    outside.variable.masked, outside.variable.raw = True, raw
    before, expected = outside.footprint(), version_of(store.current(place_of()))
    if is_taken:
        publish(store, place_of(), SecretValue(text))
        assert outside.field() == text
        return
    refusal = refusal_of(lambda: store.write(place_of(), SecretValue(text), expected, "rotation-1"))
    assert isinstance(refusal, Permanent)
    assert "one line of 8 characters and more without blanks" in refusal.remedy
    assert text not in str(refusal)
    assert outside.footprint() == before


def test_a_variable_without_a_value_has_none_and_can_be_set(store: GitLabStore, outside: AtTheVariable) -> None:
    outside.put("")
    value = fresh()
    assert held(store.preflight(place_of())) is None
    publish(store, place_of(), value)
    assert outside.field() == value.reveal()


def test_a_variable_that_became_hidden_is_no_longer_called_readable(store: GitLabStore, outside: AtTheVariable) -> None:
    assert store.traits(place_of()).readable
    outside.variable.hidden = outside.variable.masked = True
    store.current(place_of())
    assert not store.traits(place_of()).readable


def test_a_variable_that_is_yet_to_be_made_is_readable_unless_it_will_be_hidden(store: GitLabStore) -> None:
    place = place_of(var="NEW", create=True)
    assert store.traits(place).readable
    assert not store.traits(place_of(var="NEW", create=True, visibility="hidden")).readable


# --- groups -----------------------------------------------------------------------------------------------------------


def at_the_group(service: GitLab) -> tuple[GitLabPlace, AtTheVariable]:
    place = place_of(**GROUP)
    return place, AtTheVariable(service, place)


@pytest.mark.parametrize("is_the_first", [False, True])
def test_a_gitlab_that_ignores_the_scopes_of_groups_is_written_nothing(
    service: GitLab, store: GitLabStore, is_the_first: bool
) -> None:
    """Whichever variable it takes for the one that is meant: by accident it may be ours."""
    place, outside = at_the_group(service)
    expected = version_of(store.current(place))
    service.filters_groups = False
    if is_the_first:
        outside.owner.variables.sort(key=lambda each: each.environment_scope != "production")
    before = outside.footprint()
    for call in (lambda: store.preflight(place), lambda: store.write(place, fresh(), expected, "rotation-1")):
        refusal = refusal_of(call)
        assert isinstance(refusal, Permanent)
        assert "16.9" in refusal.remedy
    assert outside.footprint() == before


def test_another_variable_that_gitlab_set_because_ours_was_removed_is_named_for_a_person(
    service: GitLab, store: GitLabStore, proxy: FaultProxy
) -> None:
    place, outside = at_the_group(service)
    expected, value = version_of(store.current(place)), fresh()
    proxy.fail("PUT", KEY, first(lambda: outside.owner.variables.remove(outside.variable)))
    refusal = refusal_of(lambda: store.write(place, value, expected, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "set the one for `*`" in str(refusal)
    assert "its own value back" in refusal.remedy


def test_a_variable_that_a_tier_without_group_scopes_made_for_all_environments_is_not_taken_for_ours(
    service: GitLab, store: GitLabStore
) -> None:
    service.has_group_scopes = False
    place = place_of(**GROUP, var="NEW", create=True)
    refusal = refusal_of(lambda: store.write(place, fresh(), None, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "environment scopes for groups" in refusal.remedy
    again = refusal_of(lambda: store.write(place, fresh(), None, "rotation-1"))
    assert type(again) is Temporary
    assert "for other environments" in again.remedy
