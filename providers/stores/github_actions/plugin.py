"""GitHub's secrets, as a store: what a policy file may say of them, and the plug-in.

The work is in ``store`` (the contract), ``scope`` (where a place is in GitHub's API, and who may write there),
``session`` (the calls), ``failures`` (errors) and ``sealing`` (the sealed box). This module imports no SDK.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from providers.http.config import HttpConfig
from rotator.domain.contracts import Access, Credential, Place, Store, StorePlugin, everything_but

_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_OWNER: Final = r"[A-Za-z0-9][A-Za-z0-9_-]*"
_WEBSITES: Final = {"github.com", "www.github.com"}


class Kind(StrEnum):
    """Who reads the secret. Each kind has its own endpoints, keys and secrets, even under the same name."""

    ACTIONS = "actions"
    DEPENDABOT = "dependabot"
    CODESPACES = "codespaces"


class Visibility(StrEnum):
    """Which repositories of an organisation may read its secret."""

    ALL = "all"
    PRIVATE = "private"
    SELECTED = "selected"


class GitHubConfig(HttpConfig):
    """A connection to GitHub with one token."""

    url: str = "https://api.github.com"
    """The API's address. GitHub Enterprise Server: ``https://HOST/api/v3``."""

    @field_validator("url")
    @classmethod
    def _is_the_api(cls, url: str) -> str:
        if urlsplit(url).hostname in _WEBSITES:
            raise ValueError("this is GitHub's website; its API is at https://api.github.com")
        return url


class GitHubPlace(Place):
    """One secret of a repository, of one of its environments, or of an organisation."""

    repository: str | None = Field(default=None, pattern=rf"^{_OWNER}/[A-Za-z0-9._-]+$")
    """As GitHub shows it: ``owner/name``."""
    environment: str | None = Field(default=None, min_length=1, max_length=255)
    """A deployment environment of the repository."""
    organization: str | None = Field(default=None, pattern=rf"^{_OWNER}$")
    secret: str
    """The secret's name. GitHub keeps it in upper case."""
    kind: Kind = Kind.ACTIONS
    create: bool = False
    """Make the secret where there is none. A name with a typing error is then a new secret that nobody reads."""
    visibility: Visibility | None = None
    """For a secret that we make for an organisation. One that is there keeps its own."""
    selected_repository_ids: tuple[int, ...] = ()
    """With ``visibility: selected``: the numbers of the repositories that may read it."""

    @field_validator("secret")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        upper = name.upper()
        if not _NAME.fullmatch(upper):
            raise ValueError("a secret's name has letters, digits and `_`, and does not begin with a digit")
        if upper.startswith("GITHUB_"):
            raise ValueError("GitHub keeps names that begin with GITHUB_ for itself; choose another")
        return upper

    @field_validator("repository", "environment")
    @classmethod
    def _is_no_step_in_a_path(cls, name: str | None) -> str | None:
        if name is not None and name.rpartition("/")[2] in (".", ".."):
            raise ValueError("this is no name: an address cannot hold it")
        return name

    @model_validator(mode="after")
    def _is_in_one_scope(self) -> Self:
        if (self.repository is None) == (self.organization is None):
            raise ValueError("name either `repository` or `organization`")
        if self.environment is not None and self.repository is None:
            raise ValueError("an `environment` is part of a `repository`; name that too")
        if self.environment is not None and self.kind is not Kind.ACTIONS:
            raise ValueError(f"an environment has no {self.kind} secrets; leave `kind` out")
        return self

    @model_validator(mode="after")
    def _says_who_may_read_what_we_make(self) -> Self:
        makes_for_all = self.organization is not None and self.create
        if makes_for_all and self.visibility is None:
            raise ValueError("to create a secret for an organization, say its `visibility`: all, private or selected")
        if self.visibility is not None and not makes_for_all:
            raise ValueError("`visibility` is for an `organization` with `create: true`; a secret keeps what it has")
        if (self.visibility is Visibility.SELECTED) != bool(self.selected_repository_ids):
            raise ValueError("`selected_repository_ids` go with `visibility: selected`, and it needs at least one")
        return self


def _open(config: Any, access: Access) -> Store[Any]:
    from providers.stores.github_actions.session import GitHub
    from providers.stores.github_actions.store import GitHubStore

    return access.shared("github-store", lambda: GitHubStore(GitHub(config, access), access.clock))


_EXAMPLE: Final = """\
connections:
  github-acme:
    provider: github-actions
    credentials: {token: env:GITHUB_TOKEN_FOR_SECRETS}

  hub:
    provider: jupyterhub
    url: https://hub.example.com
    credentials: {token: env:JUPYTERHUB_ADMIN_TOKEN}

policies:
  - name: hub-reports
    issuer: {connection: hub, user: reports, token_name: reports}
    stores:
      - {connection: github-acme, repository: acme/reports, environment: production, secret: HUB_TOKEN}
    schedule: {every: 90 days}
    overlap: {for: 24h}
"""

PLUGIN: Final = StorePlugin(
    name="github-actions",
    summary="GitHub: a secret of a repository, an environment or an organisation (Actions, Dependabot, Codespaces)",
    config=GitHubConfig,
    place=GitHubPlace,
    open=_open,
    where=everything_but("create", "visibility", "selected_repository_ids"),
    write_only=True,
    needs=("nacl",),
    credentials=(Credential("token", "a fine-grained personal access token, or a GitHub App's installation token"),),
    permissions=(
        "repository: `Secrets`, `Dependabot secrets` or `Codespaces secrets`, read and write",
        "environment: `Environments`, read and write",
        "organization: `Secrets`, `Organization dependabot secrets` or `Organization codespaces secrets`, also both",
    ),
    example=_EXAMPLE,
    tested="a fake that opens the sealed boxes, proven with PyGithub 2.10; GitHub itself was not at hand",
)
