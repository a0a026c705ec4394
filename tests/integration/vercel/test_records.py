"""Which of several records of one name a place is, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from providers.stores.vercel.plugin import VercelPlace
from providers.stores.vercel.store import VercelStore
from rotator.domain.errors import Conflict, Permanent, Temporary
from rotator.domain.model import Version
from rotator.testing.access import DictionaryAccess
from rotator.testing.store_contract import fresh, held, publish, refusal_of, version_of
from tests.fakes.fault_proxy import FaultProxy, first
from tests.fakes.vercel import TEAM, Vercel
from tests.fakes.vercel_account import Project
from tests.integration.vercel.setting import VAR, AtTheRecord, opened, place_of


@pytest.mark.parametrize(
    ("means", "holds"),
    [
        ({"targets": ("production",)}, "tok_first_of_all"),
        ({"targets": ("preview",)}, "tok_of_previews"),
        ({"targets": ("preview",), "git_branch": "feature-x"}, "tok_of_one_branch"),
        ({"targets": (), "custom_environment": "staging"}, "tok_of_staging"),
        ({"targets": (), "custom_environment": "env_stage1"}, "tok_of_staging"),
        ({"targets": ("preview",), "git_branch": "feature-y"}, None),
        ({"targets": ("development",)}, None),
        ({"var": "OTHER"}, "somebody_elses"),
    ],
)
def test_a_place_is_the_record_for_exactly_what_it_names(
    store: VercelStore, outside: AtTheRecord, means: dict[str, Any], holds: str | None
) -> None:
    assert held(store.current(place_of(**means))) == holds


@pytest.mark.parametrize(
    "means",
    [
        {"targets": ("preview",)},
        {"targets": ("preview",), "git_branch": "feature-x"},
        {"targets": (), "custom_environment": "staging"},
    ],
)
def test_only_the_record_that_is_meant_changes(
    store: VercelStore, project: Project, outside: AtTheRecord, means: dict[str, Any]
) -> None:
    before = [(env.id, env.value) for env in project.envs]
    value = fresh()
    publish(store, place_of(**means), value)
    changed = [(env.id, env.value) for env in project.envs if (env.id, env.value) not in before]
    assert [text for _, text in changed] == [value.reveal()]


def test_a_project_and_a_team_may_be_named_by_their_ids(
    proxy: FaultProxy, access: DictionaryAccess, project: Project, outside: AtTheRecord
) -> None:
    assert held(opened(proxy.url, access, team=TEAM).current(place_of(project=project.id))) == "tok_first_of_all"


def test_a_list_that_comes_in_pages_is_read_to_its_end(
    store: VercelStore, service: Vercel, place: VercelPlace, project: Project
) -> None:
    service.page = 2
    for number in range(5):
        service.account.add(project, f"MORE_{number}", "x", ["production"])
    assert held(store.current(place)) == "tok_first_of_all"


@pytest.mark.parametrize(
    ("theirs", "means"),
    [
        (["production", "preview"], ("production",)),
        (["production"], ("production", "preview")),
        (["production", "preview", "development"], ("production", "preview")),
    ],
)
def test_a_record_that_is_for_more_or_for_less_is_refused_by_its_name(
    store: VercelStore, service: Vercel, project: Project, theirs: list[str], means: tuple[str, ...]
) -> None:
    env = service.account.add(project, "SHARED", "tok_shared", theirs)
    place = place_of(var="SHARED", targets=means, create=True)
    for call in (
        lambda: store.current(place),
        lambda: store.preflight(place),
        lambda: store.write(place, fresh(), None, "rotation-1"),
    ):
        refusal = refusal_of(call)
        assert isinstance(refusal, Permanent)
        assert env.id in str(refusal)
        assert ", ".join(sorted(theirs)) in str(refusal)
    assert (env.value, len(project.envs)) == ("tok_shared", 5)


def test_two_records_that_fit_alike_are_refused_by_their_names(
    store: VercelStore, service: Vercel, project: Project, place: VercelPlace, outside: AtTheRecord
) -> None:
    twin = service.account.add(project, VAR, "tok_twin", ["production"])
    refusal = refusal_of(lambda: store.preflight(place))
    assert isinstance(refusal, Permanent)
    assert twin.id in str(refusal)
    assert outside.env.id in str(refusal)


def test_a_custom_environment_that_is_not_there_is_told_with_those_that_are(
    store: VercelStore, outside: AtTheRecord
) -> None:
    refusal = refusal_of(lambda: store.current(place_of(targets=(), custom_environment="stagging")))
    assert isinstance(refusal, Permanent)
    assert "`staging`" in str(refusal)


def test_a_record_for_a_branch_or_a_custom_environment_can_be_made(store: VercelStore, project: Project) -> None:
    for means in (
        {"targets": ("preview",), "git_branch": "feature-y"},
        {"targets": ("development",)},
        {"var": "NEW", "targets": (), "custom_environment": "staging"},
    ):
        place, value = place_of(**means, create=True, type="encrypted"), fresh()
        publish(store, place, value)
        assert held(store.current(place)) == value.reveal()
    branch, development, staging = project.envs[-3:]
    assert (branch.target, branch.git_branch) == (["preview"], "feature-y")
    assert (development.target, development.git_branch) == (["development"], None)
    assert (staging.target, staging.custom_environments) == ([], ["env_stage1"])


# --- what is told of it ---


@pytest.mark.parametrize(
    ("kind", "readable"),
    [
        ({"type": "encrypted"}, True),
        ({"type": "plain"}, True),
        ({"type": "encrypted", "visibility": "config"}, True),
        ({"type": "sensitive"}, False),
        ({"type": "secret"}, False),
        ({"type": "encrypted", "visibility": "secret"}, False),
    ],
)
def test_a_record_tells_by_its_type_and_visibility_whether_it_can_be_read(
    store: VercelStore, service: Vercel, project: Project, kind: dict[str, str], readable: bool
) -> None:
    service.account.add(project, "MINE", "tok_mine", ["production"], **kind)
    place = place_of(var="MINE")
    assert store.traits(place).readable is readable
    assert held(store.current(place)) == ("tok_mine" if readable else None)


def test_its_traits_are_asked_for_once_and_corrected_by_every_look(
    store: VercelStore, outside: AtTheRecord, place: VercelPlace, service: Vercel
) -> None:
    assert store.traits(place).readable
    asked = len(service.seen)
    assert store.traits(place).readable
    assert len(service.seen) == asked
    outside.env.type = "sensitive"  # somebody made it anew
    store.current(place)
    assert not store.traits(place).readable


def test_a_record_that_policy_made_sensitive_is_not_taken_for_readable(
    store: VercelStore, service: Vercel, project: Project
) -> None:
    service.account.policies["sensitiveEnvironmentVariablePolicy"] = "on"
    place = place_of(var="NEW", create=True, type="encrypted")
    assert store.traits(place).readable
    publish(store, place, fresh())
    assert not store.traits(place).readable


def test_a_version_is_the_record_and_the_time_of_its_last_change(
    store: VercelStore, outside: AtTheRecord, place: VercelPlace
) -> None:
    assert version_of(store.current(place)) == Version(f"{outside.env.id}@{outside.env.updated_at}")
    assert publish(store, place, fresh()) == Version(f"{outside.env.id}@{outside.env.updated_at}")


def test_the_version_of_a_record_that_nobody_reads_tells_when_somebody_set_it_after_us(
    store: VercelStore, outside: AtTheRecord, place: VercelPlace
) -> None:
    outside.env.type = "sensitive"
    version = publish(store, place, fresh())
    assert version_of(store.current(place)) == version
    outside.put("set-by-hand")
    assert version_of(store.current(place)) not in (None, version)


def test_a_record_that_was_removed_and_made_anew_is_another(
    store: VercelStore, service: Vercel, project: Project, outside: AtTheRecord, place: VercelPlace
) -> None:
    expected = version_of(store.current(place))
    project.envs.remove(outside.env)
    anew = service.account.add(project, VAR, "tok_anew", ["production"])
    with pytest.raises(Conflict):
        store.write(place, fresh(), expected, "rotation-1")
    assert anew.value == "tok_anew"


def test_a_record_that_is_removed_before_our_write_arrives_is_not_made_again(
    store: VercelStore, project: Project, outside: AtTheRecord, place: VercelPlace, proxy: FaultProxy
) -> None:
    expected = version_of(store.current(place))
    proxy.fail("PATCH", "/env/", first(lambda: project.envs.remove(outside.env)))
    assert type(refusal_of(lambda: store.write(place, fresh(), expected, "rotation-1"))) is Conflict
    assert outside.env not in project.envs


def test_a_record_that_is_removed_between_two_looks_is_looked_for_again_later(
    store: VercelStore, project: Project, outside: AtTheRecord, place: VercelPlace, proxy: FaultProxy
) -> None:
    proxy.fail("GET", f"/env/{outside.env.id}", first(lambda: project.envs.remove(outside.env)))
    assert type(refusal_of(lambda: store.current(place))) is Temporary
    assert store.current(place) is None


def test_a_record_that_is_made_before_ours_is_left_alone(
    store: VercelStore, service: Vercel, project: Project, proxy: FaultProxy
) -> None:
    place = place_of(var="NEW", create=True)
    proxy.fail("POST", "/env", first(lambda: service.account.add(project, "NEW", "theirs", ["production"])))
    assert type(refusal_of(lambda: store.write(place, fresh(), None, "rotation-1"))) is Conflict
    assert [env.value for env in project.envs if env.key == "NEW"] == ["theirs"]
