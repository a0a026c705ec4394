"""The GitHub store keeps the contract of a write-only store, in every scope, on a fake that opens the sealed boxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from providers.stores.github_actions.plugin import GitHubPlace
from providers.stores.github_actions.store import GitHubStore
from rotator.domain.errors import Ambiguous, Conflict, Permanent, Temporary
from rotator.domain.model import Version
from rotator.domain.secret_value import SecretValue
from rotator.testing.store_contract import (
    CreatesPlaces,
    KeepsNoVersions,
    StoreContract,
    fresh,
    publish,
    refusal_of,
    version_of,
)
from tests.fakes.github_actions import GitHubService, github_service
from tests.integration.github_actions_setting import furnish, opened


@pytest.fixture(scope="module")
def running() -> Iterator[GitHubService]:
    with github_service() as service:
        yield service


@pytest.fixture
def github(running: GitHubService) -> GitHubService:
    furnish(running)
    return running


class AtTheSecret:
    """Somebody who looks into GitHub's own memory."""

    def __init__(self, github: GitHubService, scope: str, name: str = "API_TOKEN") -> None:
        self._github, self._scope, self._name = github, scope, name

    @property
    def _secrets(self) -> dict[str, Any]:
        return self._github.scopes[self._scope].secrets

    def put(self, value: str) -> None:
        known = self._secrets[self._name]
        self._github.put(self._scope, self._name, value, known.visibility, known.selected)

    def field(self) -> str | None:
        return self._secrets[self._name].value if self._name in self._secrets else None

    def siblings(self) -> object:
        """Give every other secret of every scope, and who may read ours."""
        others = {
            (path, name): (secret.value, secret.updated_at)
            for path, scope in self._github.scopes.items()
            for name, secret in scope.secrets.items()
            if (path, name) != (self._scope, self._name)
        }
        ours = self._secrets[self._name]
        return others, ours.created_at, ours.visibility, ours.selected

    def footprint(self) -> object:
        return self.siblings(), self._secrets[self._name].updated_at


class WriteOnlyContract(KeepsNoVersions, CreatesPlaces, StoreContract):
    """Reads nothing back: what the contract says of values is looked at from outside."""

    scope: str
    where: ClassVar[dict[str, Any]]
    to_create: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def store(self, github: GitHubService) -> GitHubStore:
        return opened(github.url)

    @pytest.fixture
    def place(self) -> GitHubPlace:
        return GitHubPlace(**self.where, secret="API_TOKEN")

    @pytest.fixture
    def missing_place(self) -> GitHubPlace:
        return GitHubPlace(**self.where, secret="NOWHERE")

    @pytest.fixture
    def new_place(self) -> GitHubPlace:
        return GitHubPlace(**self.where, secret="NEW_TOKEN", create=True, **self.to_create)

    @pytest.fixture
    def outside(self, github: GitHubService) -> AtTheSecret:
        return AtTheSecret(github, self.scope)

    def test_a_value_that_is_already_there_is_not_written_again(  # type: ignore[override]
        self, store: GitHubStore, place: GitHubPlace, outside: AtTheSecret
    ) -> None:
        """What is there cannot be known: it is set to the same value once more."""
        value = fresh()
        outside.put(value.reveal())
        before = outside.siblings()
        publish(store, place, value)
        assert (outside.field(), outside.siblings()) == (value.reveal(), before)

    def test_a_place_that_we_may_create_is_created(  # type: ignore[override]
        self, github: GitHubService, store: GitHubStore, new_place: GitHubPlace
    ) -> None:
        value = fresh()
        assert store.preflight(new_place) is None
        version = publish(store, new_place, value)
        assert AtTheSecret(github, self.scope, "NEW_TOKEN").field() == value.reveal()
        assert store.write(new_place, value, None, "rotation-1") == version

    def test_a_place_that_somebody_made_first_is_left_to_them(  # type: ignore[override]
        self, github: GitHubService, store: GitHubStore, new_place: GitHubPlace
    ) -> None:
        theirs = fresh()
        publish(store, new_place, theirs, "theirs")
        with pytest.raises(Conflict):
            store.write(new_place, fresh(), None, "ours")
        assert AtTheSecret(github, self.scope, "NEW_TOKEN").field() == theirs.reveal()

    def test_what_somebody_else_set_since_we_looked_is_not_overwritten(
        self, store: GitHubStore, place: GitHubPlace, outside: AtTheSecret
    ) -> None:
        stale = version_of(store.current(place))
        outside.put("set-by-hand")
        before = outside.footprint()
        for expected in (stale, None):
            with pytest.raises(Conflict, match="somebody else"):
                store.write(place, fresh(), expected, "rotation-1")
        assert (outside.field(), outside.footprint()) == ("set-by-hand", before)


class TestARepository(WriteOnlyContract):
    scope = "/repos/acme/web/actions"
    where: ClassVar[dict[str, Any]] = {"repository": "acme/web"}


class TestDependabotsSecretsOfARepository(WriteOnlyContract):
    scope = "/repos/acme/web/dependabot"
    where: ClassVar[dict[str, Any]] = {"repository": "acme/web", "kind": "dependabot"}


class TestAnEnvironmentWhoseNameAnAddressCannotHold(WriteOnlyContract):
    scope = "/repos/acme/web/environments/prod/eu west"
    where: ClassVar[dict[str, Any]] = {"repository": "acme/web", "environment": "prod/eu west"}


class TestAnOrganisation(WriteOnlyContract):
    scope = "/orgs/acme/actions"
    where: ClassVar[dict[str, Any]] = {"organization": "acme"}
    to_create: ClassVar[dict[str, Any]] = {"visibility": "selected", "selected_repository_ids": (5, 6)}

    def test_a_secret_that_we_create_is_for_whom_the_policy_says(
        self, github: GitHubService, store: GitHubStore, new_place: GitHubPlace
    ) -> None:
        publish(store, new_place, fresh())
        made = github.scopes[self.scope].secrets["NEW_TOKEN"]
        assert (made.visibility, made.selected) == ("selected", [5, 6])

    def test_more_repositories_than_fit_on_a_page_keep_their_access(
        self, github: GitHubService, store: GitHubStore, place: GitHubPlace
    ) -> None:
        many = list(range(1, 251))
        github.put(self.scope, "API_TOKEN", "tok_first_of_all", "selected", many)
        publish(store, place, fresh())
        assert github.scopes[self.scope].secrets["API_TOKEN"].selected == many

    @pytest.mark.parametrize("visibility", ["all", "private", "selected"])
    def test_who_may_read_a_secret_that_is_there_stays_so_whatever_the_policy_would_create(
        self, github: GitHubService, store: GitHubStore, visibility: str
    ) -> None:
        github.put(self.scope, "API_TOKEN", "tok_first_of_all", visibility)
        other = "private" if visibility == "all" else "all"
        place = GitHubPlace(organization="acme", secret="API_TOKEN", create=True, visibility=other)
        publish(store, place, fresh())
        kept = github.scopes[self.scope].secrets["API_TOKEN"]
        assert (kept.visibility, kept.selected) == (visibility, [])


class TestDependabotsSecretsOfAnOrganisation(WriteOnlyContract):
    scope = "/orgs/acme/dependabot"
    where: ClassVar[dict[str, Any]] = {"organization": "acme", "kind": "dependabot"}
    to_create: ClassVar[dict[str, Any]] = {"visibility": "private"}


class TestCodespacesSecretsOfAnOrganisation(WriteOnlyContract):
    scope = "/orgs/acme/codespaces"
    where: ClassVar[dict[str, Any]] = {"organization": "acme", "kind": "codespaces"}
    to_create: ClassVar[dict[str, Any]] = {"visibility": "all"}


# --- what it tells, and what it looks at ------------------------------------------------------------------------------

PLACE = GitHubPlace(repository="acme/web", secret="API_TOKEN")
SCOPE = "/repos/acme/web/actions"


def test_the_key_of_the_very_scope_is_fetched_just_before_each_write(github: GitHubService) -> None:
    publish(
        opened(github.url), GitHubPlace(repository="acme/web", environment="production", secret="API_TOKEN"), fresh()
    )
    secrets = "/repos/acme/web/environments/production/secrets"
    at = github.calls.index(("PUT", f"{secrets}/API_TOKEN"))
    assert github.calls[at - 1] == ("GET", f"{secrets}/public-key")


def test_a_key_that_was_replaced_is_no_trouble_for_the_next_write(github: GitHubService) -> None:
    store, value = opened(github.url), fresh()
    publish(store, PLACE, fresh(), "rotation-1")
    github.repository("acme/web", "production")
    github.put(SCOPE, "API_TOKEN", "tok_after_the_keys_were_replaced")
    publish(store, PLACE, value, "rotation-2")
    assert github.scopes[SCOPE].secrets["API_TOKEN"].value == value.reveal()


def test_github_enterprise_server_is_reached_below_its_own_path(github: GitHubService) -> None:
    value = fresh()
    publish(opened(f"{github.url}/api/v3"), PLACE, value)
    assert github.scopes[SCOPE].secrets["API_TOKEN"].value == value.reveal()


def test_a_value_of_48_kilobytes_fits_and_a_larger_one_is_refused_before_anything_is_sent(
    github: GitHubService,
) -> None:
    store = opened(github.url)
    publish(store, PLACE, SecretValue("ü" * 24 * 1024))
    before = list(github.calls)
    with pytest.raises(Permanent, match="49153 bytes"):
        store.write(PLACE, SecretValue("x" + "ü" * 24 * 1024), None, "rotation-2")
    assert github.calls == before


@pytest.mark.parametrize(
    ("place", "named"),
    [
        (GitHubPlace(repository="acme/wbe", secret="API_TOKEN", create=True), "acme/wbe"),
        (GitHubPlace(repository="acme/web", environment="prd", secret="API_TOKEN", create=True), "environment `prd`"),
        (GitHubPlace(organization="acne", secret="API_TOKEN"), "organisation acne"),
    ],
)
def test_a_scope_that_does_not_exist_is_refused_by_name_not_taken_for_an_empty_one(
    github: GitHubService, place: GitHubPlace, named: str
) -> None:
    store = opened(github.url)
    for call in (lambda: store.current(place), lambda: store.preflight(place)):
        refusal = refusal_of(call)
        assert isinstance(refusal, Permanent)
        assert named in str(refusal)


def test_a_secret_of_the_same_name_elsewhere_is_not_ours(github: GitHubService) -> None:
    del github.scopes[SCOPE].secrets["API_TOKEN"]
    with pytest.raises(Permanent, match="There is no secret `API_TOKEN` of acme/web"):
        opened(github.url).preflight(PLACE)


def test_a_secret_that_was_deleted_since_is_a_conflict_and_not_made_again(github: GitHubService) -> None:
    store = opened(github.url)
    place = GitHubPlace(repository="acme/web", secret="API_TOKEN", create=True)
    expected = version_of(store.current(place))
    del github.scopes[SCOPE].secrets["API_TOKEN"]
    with pytest.raises(Conflict, match="not there"):
        store.write(place, fresh(), expected, "rotation-1")


# --- settling: nobody set it after us ---------------------------------------------------------------------------------


def test_what_nobody_set_after_us_is_settled(github: GitHubService) -> None:
    store = opened(github.url)
    store.settle(PLACE, publish(store, PLACE, fresh()))


def test_what_somebody_set_after_us_is_not_taken_for_ours(github: GitHubService) -> None:
    store = opened(github.url)
    version = publish(store, PLACE, fresh())
    github.put(SCOPE, "API_TOKEN", "set-by-hand")
    with pytest.raises(Conflict):
        store.settle(PLACE, version)
    del github.scopes[SCOPE].secrets["API_TOKEN"]
    with pytest.raises(Conflict, match="not there"):
        store.settle(PLACE, version)


def test_a_look_that_lags_behind_is_waited_for(github: GitHubService) -> None:
    with pytest.raises(Temporary, match="still shows"):
        opened(github.url).settle(PLACE, Version("2030-01-01T00:00:00Z"))


def test_a_write_within_the_second_of_the_one_before_is_not_believed_until_it_can_be_told_apart(
    github: GitHubService,
) -> None:
    store, value = opened(github.url), fresh()
    github.put(SCOPE, "API_TOKEN", "tok_of_this_second")
    github.between_writes *= 0
    expected = version_of(store.current(PLACE))
    with pytest.raises(Ambiguous, match="does not show it"):
        store.write(PLACE, value, expected, "rotation-1")
    github.now = github.now.replace(second=59)
    assert store.write(PLACE, value, expected, "rotation-1") != expected
