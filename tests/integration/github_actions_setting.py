"""GitHub with one repository, its environments and its organisation, a secret in each, and the store before it."""

from __future__ import annotations

from providers.stores.github_actions.plugin import PLUGIN, GitHubConfig
from providers.stores.github_actions.store import GitHubStore
from rotator.domain.contracts import NO_BUDGET, Budget
from rotator.testing.access import DictionaryAccess
from tests.fakes.github_actions import GitHubService

TOKEN = "github_pat_of_the_rotator"
SELECTED = [11, 22, 33]


def furnish(github: GitHubService) -> None:
    """Make everything as on the first day."""
    github.reset()
    github.tokens[TOKEN] = None
    github.repository("acme/web", "prod/eu west", "production")
    github.organisation("acme")
    for scope in github.scopes:
        visibility = ("selected", SELECTED) if scope.startswith("/orgs") else (None, [])
        github.put(scope, "API_TOKEN", "tok_first_of_all", *visibility)
        github.put(scope, "OTHER", "tok_of_others", *visibility)


def opened(url: str, token: str = TOKEN, budget: Budget = NO_BUDGET) -> GitHubStore:
    """Open the store as a policy does."""
    config = GitHubConfig(url=url, credentials={"token": "env:GITHUB_TOKEN"})
    access = DictionaryAccess({"token": token})
    access.budget = budget
    store = PLUGIN.open(config, access)
    assert isinstance(store, GitHubStore)
    return store
