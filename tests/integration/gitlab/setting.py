"""A project and a group at a fake GitLab, somebody else who sets their variables, and the store between."""

from __future__ import annotations

from typing import Any

from providers.stores.gitlab.plugin import PLUGIN, GitLabConfig, GitLabPlace
from providers.stores.gitlab.store import GitLabStore
from rotator.testing.access import DictionaryAccess
from tests.fakes.gitlab import GitLab, Owner, Token, Variable

TOKEN = "glpat-of_the_rotator_0"
KEY = "API_TOKEN"
FIRST = "tok_first_of_all"
PROJECT = {"project": "acme/web"}
GROUP = {"group": "acme/platform"}


def furnish(service: GitLab) -> None:
    """Make everything as on the first day: one key for several environments, in a project and in a group."""
    service.reset()
    service.tokens[TOKEN] = Token(roles={"acme/web": 40, "acme/platform": 50})
    for owner in (service.add("projects", "acme/web"), service.add("groups", "acme/platform")):
        for scope in ("*", "staging", "review/*"):
            owner.variables.append(Variable(KEY, f"tok_for_{scope}", environment_scope=scope))
        owner.variables.append(
            Variable(
                KEY,
                FIRST,
                variable_type="file",
                protected=True,
                raw=True,
                environment_scope="production",
                description="set by hand",
            )
        )
        owner.variables.append(Variable("OTHER", "somebody_elses", masked=True))


def owner_of(service: GitLab, place: GitLabPlace) -> Owner:
    return next(owner for owner in service.owners if owner.path == (place.project or place.group))


def access_to(token: str = TOKEN) -> DictionaryAccess:
    return DictionaryAccess({"token": token})


def opened(url: str, token: str = TOKEN) -> GitLabStore:
    """Open the store as a policy does."""
    store = PLUGIN.open(GitLabConfig(url=url, credentials={"token": "env:GITLAB_TOKEN"}), access_to(token))
    assert isinstance(store, GitLabStore)
    return store


def place_of(**settings: Any) -> GitLabPlace:
    where = {} if "group" in settings else PROJECT
    return GitLabPlace(**{**where, "var": KEY, "environment_scope": "production", **settings})


class AtTheVariable:
    """Somebody who looks into GitLab's own memory."""

    def __init__(self, service: GitLab, place: GitLabPlace) -> None:
        self.service, self.place, self.owner = service, place, owner_of(service, place)

    @property
    def variable(self) -> Variable:
        [found] = self.owner.named(self.place.var, self.place.environment_scope)
        return found

    def put(self, value: str) -> None:
        self.service.put(self.variable, value)

    def field(self) -> str | None:
        return self.variable.value

    def siblings(self) -> object:
        """Give every other variable of both owners, and all of ours but its value."""
        ours = {**vars(self.variable), "value": None, "changes": None}
        others = [each for owner in self.service.owners for each in owner.variables if each is not self.variable]
        return ours, [dict(vars(each)) for each in others]

    def footprint(self) -> object:
        return self.siblings(), self.variable.value, self.variable.changes
