"""The fake of GitLab is one that python-gitlab, which nobody here wrote, takes for GitLab; and both meet in it."""

from __future__ import annotations

from typing import Any

import gitlab
import pytest
from gitlab.exceptions import GitlabAuthenticationError, GitlabCreateError, GitlabGetError, GitlabUpdateError

from providers.stores.gitlab.plugin import GitLabPlace
from providers.stores.gitlab.store import GitLabStore
from rotator.domain.errors import Conflict
from rotator.testing.store_contract import fresh, held, publish, refusal_of, version_of
from tests.fakes.gitlab import GitLab, Token, Variable
from tests.integration.gitlab.setting import FIRST, GROUP, KEY, PROJECT, TOKEN, AtTheVariable, place_of


@pytest.fixture
def client(service: GitLab) -> gitlab.Gitlab:
    return gitlab.Gitlab(service.url, private_token=TOKEN, retry_transient_errors=False)


class ThroughPythonGitlab:
    """One variable, as python-gitlab goes there."""

    def __init__(self, client: gitlab.Gitlab, place: GitLabPlace) -> None:
        owner: Any = client.projects.get(place.project) if place.project else client.groups.get(place.group or "")
        self.variables = owner.variables
        self.filter = {"environment_scope": place.environment_scope}

    def get(self) -> Any:
        return self.variables.get(KEY, filter=self.filter)

    def set(self, value: str) -> None:
        found = self.get()
        found.value, found.filter = value, self.filter
        found.save()


@pytest.fixture(params=[PROJECT, GROUP], ids=["project", "group"])
def place(request: pytest.FixtureRequest) -> GitLabPlace:
    return place_of(**request.param)


@pytest.fixture
def theirs(client: gitlab.Gitlab, place: GitLabPlace) -> ThroughPythonGitlab:
    return ThroughPythonGitlab(client, place)


# --- python-gitlab and our store --------------------------------------------------------------------------------------


def test_what_the_client_sets_the_store_reads(
    store: GitLabStore, place: GitLabPlace, theirs: ThroughPythonGitlab
) -> None:
    before, value = store.current(place), fresh()
    theirs.set(value.reveal())
    after = store.current(place)
    assert held(after) == value.reveal()
    assert version_of(after) != version_of(before)
    assert after is not None
    assert before is not None
    assert after.attributes == before.attributes


def test_what_the_store_sets_the_client_reads_with_all_else_as_it_was(
    store: GitLabStore, place: GitLabPlace, theirs: ThroughPythonGitlab
) -> None:
    before, value = theirs.get().attributes, fresh()
    publish(store, place, value)
    assert theirs.get().attributes == {**before, "value": value.reveal()}


def test_what_the_client_sets_after_our_look_is_not_overwritten(
    store: GitLabStore, place: GitLabPlace, theirs: ThroughPythonGitlab
) -> None:
    expected = version_of(store.current(place))
    theirs.set("set-by-hand")
    assert type(refusal_of(lambda: store.write(place, fresh(), expected, "rotation-1"))) is Conflict
    assert theirs.get().value == "set-by-hand"


def test_a_hidden_variable_that_the_client_made_is_write_only_and_stays_hidden(
    service: GitLab, store: GitLabStore, place: GitLabPlace, theirs: ThroughPythonGitlab
) -> None:
    theirs.variables.delete(KEY, filter=theirs.filter)
    assert store.current(place) is None
    settings = {"masked_and_hidden": True, "raw": True, "description": "hidden by hand"}
    theirs.variables.create({"key": KEY, "value": FIRST, **theirs.filter, **settings})
    assert not store.traits(place).readable
    value = fresh()
    publish(store, place, value)
    shown = theirs.get()
    assert (shown.value, shown.hidden, shown.masked, shown.description) == (None, True, True, "hidden by hand")
    assert AtTheVariable(service, place).field() == value.reveal()


def test_what_the_store_makes_the_client_lists(
    store: GitLabStore, place: GitLabPlace, theirs: ThroughPythonGitlab
) -> None:
    new, value = place.model_copy(update={"environment_scope": "new/*", "create": True}), fresh()
    publish(store, new, value)
    [made] = [each for each in theirs.variables.list(get_all=True) if each.environment_scope == "new/*"]
    assert (
        made.attributes.items()
        >= {
            "key": KEY,
            "value": value.reveal(),
            "variable_type": "env_var",
            "protected": True,
            "masked": True,
            "hidden": False,
            "raw": True,
        }.items()
    )


# --- python-gitlab and the fake alone ---------------------------------------------------------------------------------


def test_the_client_finds_several_variables_of_a_key_to_be_a_conflict(theirs: ThroughPythonGitlab) -> None:
    with pytest.raises(GitlabGetError, match=r"filter\[environment_scope\]") as caught:
        theirs.variables.get(KEY)
    assert caught.value.response_code == 409


def test_the_client_pages_through_a_long_list(theirs: ThroughPythonGitlab) -> None:
    for number in range(45):
        theirs.variables.create({"key": f"MANY_{number}", "value": "v"})
    assert len(theirs.variables.list(get_all=True)) == 50
    assert len(theirs.variables.list(page=3, per_page=20)) == 10


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"key": KEY, "value": "x", "environment_scope": "staging"}, "has already been taken"),
        ({"key": "MASKED", "value": "short", "masked": True}, "is invalid"),
        ({"key": "MASKED", "value": "with#and!0", "masked": True}, "is invalid"),
        ({"key": "NOT-A-KEY", "value": "x"}, "can contain only letters"),
        ({"key": "ODD", "value": "x", "variable_type": "odd"}, "variable_type"),
    ],
)
def test_the_client_is_told_why_a_variable_is_not_made(
    theirs: ThroughPythonGitlab, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(GitlabCreateError, match=says) as caught:
        theirs.variables.create(settings)
    assert caught.value.response_code == 400


def test_the_client_cannot_unmask_what_is_hidden(
    service: GitLab, place: GitLabPlace, theirs: ThroughPythonGitlab
) -> None:
    variable = AtTheVariable(service, place).variable
    variable.hidden = variable.masked = True
    found = theirs.get()
    found.masked, found.filter = False, theirs.filter
    with pytest.raises(GitlabUpdateError, match="visibility setting"):
        found.save()


def test_the_client_is_told_what_its_token_lacks(service: GitLab) -> None:
    def asking_with(token: str) -> Any:
        return gitlab.Gitlab(service.url, private_token=token).projects.get("acme/web", lazy=True).variables

    service.tokens["glpat-developer"] = Token(roles={"acme/web": 30})
    service.tokens["glpat-reader"] = Token(scopes=["read_api"], roles={"acme/web": 40})
    service.tokens["glpat-stranger"] = Token(roles={})
    with pytest.raises(GitlabAuthenticationError):
        asking_with("glpat-nobodys").get(KEY)
    for token, status in (("glpat-developer", 403), ("glpat-stranger", 404)):
        with pytest.raises(GitlabGetError) as caught:
            asking_with(token).get("OTHER")
        assert caught.value.response_code == status
    assert asking_with("glpat-reader").get("OTHER").value == "somebody_elses"
    with pytest.raises(GitlabUpdateError, match="insufficient_scope"):
        asking_with("glpat-reader").update("OTHER", {"value": "x"})


def test_the_client_reads_the_scopes_of_its_own_token(client: gitlab.Gitlab) -> None:
    assert client.personal_access_tokens.get("self").scopes == ["api"]


def test_a_put_to_a_group_whose_filter_finds_nothing_sets_another_variable_of_the_key(
    service: GitLab, client: gitlab.Gitlab
) -> None:
    """As GitLab's source has it (lib/api/group_variables.rb); in a project it is a 404."""
    nowhere = {"value": "set-by-accident", "filter": {"environment_scope": "nowhere"}}
    group, project = client.groups.get("acme/platform", lazy=True), client.projects.get("acme/web", lazy=True)
    group.variables.update(KEY, nowhere)
    with pytest.raises(GitlabUpdateError, match="404 Variable Not Found"):
        project.variables.update(KEY, nowhere)
    changed: list[Variable] = [
        each for owner in service.owners for each in owner.variables if each.value == "set-by-accident"
    ]
    assert [each.environment_scope for each in changed] == ["*"]
