"""Where a place is in GitHub's API, and which permission opens it.

A scope is what shares one public key: a repository, an environment or an organisation, for one kind of secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from providers.stores.github_actions.plugin import GitHubPlace, Kind


@dataclass(frozen=True)
class Scope:
    """One list of secrets with its own public key."""

    path: str
    named: str
    """In words, for people."""
    permission: str
    """What GitHub's settings call the permission that a token needs here."""


def scope_of(place: GitHubPlace) -> Scope:
    if place.organization is not None:
        path = f"/orgs/{place.organization}/{place.kind}/secrets"
        return Scope(path, f"the organisation {place.organization}", _OF_AN_ORGANISATION[place.kind])
    repository = f"/repos/{place.repository}"
    if place.environment is not None:
        # A name may hold a slash or a space, and is one part of the path all the same.
        path = f"{repository}/environments/{quote(place.environment, safe='')}/secrets"
        return Scope(path, f"the environment `{place.environment}` of {place.repository}", _OF_AN_ENVIRONMENT)
    return Scope(f"{repository}/{place.kind}/secrets", f"{place.repository}", _OF_A_REPOSITORY[place.kind])


def path_of(place: GitHubPlace) -> str:
    return f"{scope_of(place).path}/{place.secret}"


def name_of(place: GitHubPlace) -> str:
    """Name the secret in words that follow "the", for people."""
    kind = "" if place.kind is Kind.ACTIONS else f"{place.kind.capitalize()} "
    return f"{kind}secret `{place.secret}` of {scope_of(place).named}"


_OF_A_REPOSITORY: Final = {
    Kind.ACTIONS: "the repository permission `Secrets`",
    Kind.DEPENDABOT: "the repository permission `Dependabot secrets`",
    Kind.CODESPACES: "the repository permission `Codespaces secrets`",
}
_OF_AN_ENVIRONMENT: Final = "the repository permission `Environments`"
_OF_AN_ORGANISATION: Final = {
    Kind.ACTIONS: "the organization permission `Secrets`",
    Kind.DEPENDABOT: "the organization permission `Organization dependabot secrets`",
    Kind.CODESPACES: "the organization permission `Organization codespaces secrets`",
}
