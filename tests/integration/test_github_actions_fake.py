"""The fake of GitHub is one that PyGithub, which nobody here wrote, takes for GitHub; and both meet in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import github as pygithub
import httpx
import pytest
from github.Auth import Token
from nacl.encoding import Base64Encoder
from nacl.public import PublicKey, SealedBox

from providers.stores.github_actions.plugin import GitHubPlace
from providers.stores.github_actions.store import GitHubStore
from rotator.testing.store_contract import fresh, publish, version_of
from tests.fakes.github_actions import GitHubService, Scope, github_service
from tests.integration.github_actions_setting import TOKEN, furnish, opened

ENVIRONMENT = "prod/eu west"


@pytest.fixture(scope="module")
def running() -> Iterator[GitHubService]:
    with github_service() as service:
        yield service


@pytest.fixture
def github(running: GitHubService) -> GitHubService:
    furnish(running)
    return running


@pytest.fixture
def store(github: GitHubService) -> GitHubStore:
    return opened(github.url)


@pytest.fixture
def client(github: GitHubService) -> Iterator[pygithub.Github]:
    client = as_pygithub(github, TOKEN)
    yield client
    client.close()


def as_pygithub(github: GitHubService, token: str) -> pygithub.Github:
    return pygithub.Github(
        base_url=github.url, auth=Token(token), retry=None, seconds_between_requests=0, seconds_between_writes=0
    )


# --- PyGithub and our store ------------------------------------------------------------------------------------------

PLACES = [
    ({"repository": "acme/web"}, "/repos/acme/web/actions"),
    ({"repository": "acme/web", "kind": "dependabot"}, "/repos/acme/web/dependabot"),
    ({"repository": "acme/web", "environment": ENVIRONMENT}, f"/repos/acme/web/environments/{ENVIRONMENT}"),
    ({"organization": "acme"}, "/orgs/acme/actions"),
    ({"organization": "acme", "kind": "dependabot"}, "/orgs/acme/dependabot"),
]


class ThroughPyGithub:
    """One scope, as PyGithub goes there."""

    def __init__(self, client: pygithub.Github, where: dict[str, str]) -> None:
        self._kind = {} if "environment" in where else {"secret_type": where.get("kind", "actions")}
        if "organization" in where:
            self._owner: Any = client.get_organization("acme")
        else:
            self._owner = client.get_repo("acme/web")
        if "environment" in where:
            self._owner = self._owner.get_environment(where["environment"])

    def set(self, name: str, value: str, **readers: Any) -> None:
        self._owner.create_secret(name, value, **self._kind, **readers)

    def find(self, name: str) -> Any:
        return self._owner.get_secret(name, **self._kind)

    def list(self) -> dict[str, Any]:
        return {secret.name: secret for secret in self._owner.get_secrets(**self._kind)}

    @property
    def readers(self) -> dict[str, Any]:
        return {"visibility": "private"} if hasattr(self._owner, "login") else {}


@pytest.mark.parametrize(("where", "path"), PLACES)
def test_what_pygithub_sets_our_store_sees_and_the_other_way_round(
    client: pygithub.Github, github: GitHubService, store: GitHubStore, where: dict[str, str], path: str
) -> None:
    theirs, scope = ThroughPyGithub(client, where), github.scopes[path]
    place = GitHubPlace(**where, secret="API_TOKEN")
    before = version_of(store.current(place))
    value = fresh()
    theirs.set("API_TOKEN", value.reveal(), **theirs.readers)
    assert scope.secrets["API_TOKEN"].value == value.reveal()
    seen = store.preflight(place)
    assert version_of(seen) != before
    assert version_of(seen) == theirs.find("API_TOKEN").updated_at.strftime("%Y-%m-%dT%H:%M:%SZ")

    value = fresh()
    version = publish(store, place, value)
    assert scope.secrets["API_TOKEN"].value == value.reveal()
    assert theirs.list()["API_TOKEN"].updated_at.strftime("%Y-%m-%dT%H:%M:%SZ") == version


def test_pygithub_finds_who_may_read_a_secret_as_it_was_before_we_wrote(
    client: pygithub.Github, store: GitHubStore
) -> None:
    publish(store, GitHubPlace(organization="acme", secret="API_TOKEN"), fresh())
    secret = client.get_organization("acme").get_secret("API_TOKEN")
    assert secret.visibility == "selected"
    assert [repository.id for repository in secret.selected_repositories] == [11, 22, 33]


@pytest.mark.parametrize("kind", ["actions", "dependabot"])
def test_repositories_that_pygithub_selects_stay_selected_when_we_write(
    client: pygithub.Github, github: GitHubService, store: GitHubStore, kind: str
) -> None:
    repository = client.get_repo("acme/web")
    client.get_organization("acme").create_secret("PICKED", "tok_by_pygithub", "selected", [repository], kind)
    publish(store, GitHubPlace(organization="acme", secret="PICKED", kind=kind), fresh())
    kept = github.scopes[f"/orgs/acme/{kind}"].secrets["PICKED"]
    assert (kept.visibility, kept.selected) == ("selected", [repository.id])


def test_a_secret_that_we_create_is_one_that_pygithub_can_delete(client: pygithub.Github, store: GitHubStore) -> None:
    place = GitHubPlace(repository="acme/web", secret="NEW_TOKEN", create=True)
    publish(store, place, fresh())
    client.get_repo("acme/web").get_secret("NEW_TOKEN").delete()
    assert store.current(place) is None


# --- the fake by itself, as PyGithub meets it -------------------------------------------------------------------------


def test_many_secrets_come_in_pages(client: pygithub.Github, github: GitHubService) -> None:
    for number in range(70):
        github.put("/repos/acme/web/actions", f"MANY_{number}", "tok")
    assert len(list(client.get_repo("acme/web").get_secrets())) == 72


def test_pygithub_knows_each_refusal_for_what_it_is(github: GitHubService) -> None:
    with pytest.raises(pygithub.BadCredentialsException):
        as_pygithub(github, "github_pat_unknown").get_repo("acme/web")
    with pytest.raises(pygithub.UnknownObjectException):
        as_pygithub(github, TOKEN).get_repo("acme/nowhere")
    github.tokens["github_pat_reader"] = {"secrets": "read"}
    with pytest.raises(pygithub.GithubException) as denied:
        as_pygithub(github, "github_pat_reader").get_repo("acme/web").create_secret("API_TOKEN", "tok_new")
    assert denied.value.status == 403
    assert (denied.value.headers or {})["x-accepted-github-permissions"] == "secrets=write"
    github.busy_for = 60
    with pytest.raises(pygithub.RateLimitExceededException):
        as_pygithub(github, TOKEN).get_repo("acme/web").create_secret("API_TOKEN", "tok_new")
    github.remaining = 0
    with pytest.raises(pygithub.RateLimitExceededException):
        as_pygithub(github, TOKEN).get_repo("acme/web")


@pytest.mark.parametrize("name", ["2TOKENS", "GITHUB_TOKEN", "A-B"])
def test_names_that_github_refuses_are_refused(client: pygithub.Github, name: str) -> None:
    with pytest.raises(pygithub.GithubException) as refused:
        client.get_repo("acme/web").create_secret(name, "tok_new")
    assert refused.value.status == 422


def test_names_are_kept_in_upper_case(client: pygithub.Github, github: GitHubService) -> None:
    client.get_repo("acme/web").create_secret("lower_case", "tok_new")
    assert "LOWER_CASE" in github.scopes["/repos/acme/web/actions"].secrets


# --- sealed boxes -----------------------------------------------------------------------------------------------------


def sealed_for(scope: Scope, text: str) -> dict[str, str]:
    box = SealedBox(PublicKey(scope.key.encode(), Base64Encoder)).encrypt(text.encode(), Base64Encoder)
    return {"encrypted_value": box.decode(), "key_id": scope.key_id}


def put(github: GitHubService, body: dict[str, Any], path: str = "/repos/acme/web/environments/production") -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.put(f"{github.url}{path}/secrets/API_TOKEN", json=body, headers=headers)


def test_a_box_that_is_sealed_for_its_scope_is_opened(github: GitHubService) -> None:
    scope = github.scopes["/repos/acme/web/environments/production"]
    assert put(github, sealed_for(scope, "tok_new")).status_code == 204
    assert scope.secrets["API_TOKEN"].value == "tok_new"


def test_a_box_that_is_sealed_for_the_repository_is_none_for_its_environment(github: GitHubService) -> None:
    wrong, right = github.scopes["/repos/acme/web/actions"], github.scopes["/repos/acme/web/environments/production"]
    for body in (sealed_for(wrong, "tok_new"), {**sealed_for(wrong, "tok_new"), "key_id": right.key_id}):
        answer = put(github, body)
        assert answer.status_code == 422
        assert "improperly encrypted" in answer.json()["message"]
    assert right.secrets["API_TOKEN"].value == "tok_first_of_all"


@pytest.mark.parametrize(
    "changed", [{"encrypted_value": "not/base64!"}, {"encrypted_value": "c2VjcmV0"}, {"key_id": None}]
)
def test_what_is_no_box_or_has_no_key_is_refused(github: GitHubService, changed: dict[str, Any]) -> None:
    scope = github.scopes["/repos/acme/web/environments/production"]
    assert put(github, {**sealed_for(scope, "tok_new"), **changed}).status_code == 422


def test_an_organisations_secret_needs_a_visibility_and_forgets_repositories_that_are_not_sent_again(
    github: GitHubService,
) -> None:
    scope = github.scopes["/orgs/acme/actions"]
    box = sealed_for(scope, "tok_new")
    assert put(github, box, "/orgs/acme/actions").status_code == 422
    assert put(github, {**box, "visibility": "selected"}, "/orgs/acme/actions").status_code == 204
    assert scope.secrets["API_TOKEN"].selected == []


def test_a_version_of_the_api_that_is_none_is_refused(github: GitHubService) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-GitHub-Api-Version": "2021-01-01"}
    assert httpx.get(f"{github.url}/repos/acme/web", headers=headers).status_code == 400
