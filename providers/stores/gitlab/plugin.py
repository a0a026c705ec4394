"""GitLab's CI/CD variables, as a store: what a policy file may say of them, and the plug-in.

The work is in ``store`` (the contract), ``variable`` (what GitLab tells of a variable, and what one can hold),
``variables`` (the calls), ``session`` (the connection) and ``failures`` (errors). There is no SDK: the API is REST.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, field_validator, model_validator

from providers.http.config import HttpConfig
from rotator.domain.contracts import Access, Credential, Place, Store, StorePlugin, everything_but

URL: Final = "https://gitlab.com"
API: Final = "/api/v4"
_SEGMENT: Final = r"[A-Za-z0-9_.][A-Za-z0-9_.-]*"


class NewVisibility(StrEnum):
    """Who sees the value of a variable that we create."""

    VISIBLE = "visible"
    MASKED = "masked"
    """Jobs' logs do not show it. The value must be of 8 characters and more, without blanks and line breaks."""
    HIDDEN = "hidden"
    """Masked, and nobody reads it back, we neither. It can never be shown again."""


def _spelled(pattern: str, otherwise: str) -> AfterValidator:
    """Refuse what GitLab would refuse, or what would lead to another address."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(otherwise)
        return text

    return AfterValidator(check)


def _as_text(written: object) -> object:
    """YAML reads an id as a number."""
    return str(written) if isinstance(written, int) and not isinstance(written, bool) else written


_PathOrId: Final = (BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "integer"]}))
Project = Annotated[
    str,
    *_PathOrId,
    _spelled(rf"[0-9]+|{_SEGMENT}(/{_SEGMENT})+", "not a project; write its whole path, such as acme/web, or its id"),
]
Group = Annotated[
    str,
    *_PathOrId,
    _spelled(rf"{_SEGMENT}(/{_SEGMENT})*", "not a group; write its whole path, such as acme/platform, or its id"),
]
Variable = Annotated[
    str, _spelled(r"[A-Za-z0-9_]{1,255}", "not a variable's key; GitLab takes letters, digits and `_`, up to 255")
]
Scope = Annotated[
    str,
    _spelled(
        r"(?! )[A-Za-z0-9_/${}. *-]{1,255}(?<! )",
        "not an environment's name or pattern; write for example production, review/* or `*`",
    ),
]


class GitLabConfig(HttpConfig):
    """A connection to GitLab.com, or to an instance of your own, with one token."""

    url: str = URL
    """The instance's address. Its API is looked for below ``/api/v4``."""

    @field_validator("url")
    @classmethod
    def _is_the_instance(cls, url: str) -> str:
        """Take the address of the API too: it is what jobs know as ``CI_API_V4_URL``."""
        return url.removesuffix(API)


class GitLabPlace(Place):
    """One variable of a project or a group. Variables of one key differ by their environment scope."""

    project: Project | None = None
    group: Group | None = None
    var: Variable
    environment_scope: Scope | None = None
    """The variable's own scope, as GitLab shows it; ``*`` is that for all environments.

    Without one, the key must have one variable only. A variable that we create is then for all environments.
    """
    create: bool = False
    """Make the variable where there is none. A key with a typing error is then a new variable that no job reads."""
    visibility: NewVisibility | None = None
    """Of a variable that we create; ``masked`` unless said. One that is there keeps its own."""
    protected: bool | None = None
    """Whether only jobs of protected branches and tags get a variable that we create; they do unless said."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.project is None) == (self.group is None):
            raise ValueError("name either `project` or `group`")
        if not self.create and (self.visibility is not None or self.protected is not None):
            raise ValueError("`visibility` and `protected` go with `create: true`; a variable keeps what it has")
        return self


def _open(config: Any, access: Access) -> Store[Any]:
    from providers.stores.gitlab.session import Session
    from providers.stores.gitlab.store import GitLabStore

    return access.shared("gitlab-store", lambda: GitLabStore(Session(config, access)))


_EXAMPLE: Final = """\
connections:
  gitlab-acme:
    provider: gitlab
    url: https://gitlab.acme.example
    credentials: {token: env:GITLAB_ROTATOR_TOKEN}

  hub:
    provider: jupyterhub
    url: https://hub.example.com
    credentials: {token: env:JUPYTERHUB_ADMIN_TOKEN}

policies:
  - name: hub-reports
    issuer: {connection: hub, user: reports, token_name: reports}
    stores:
      - {connection: gitlab-acme, project: acme/reports, var: HUB_TOKEN, environment_scope: production}
    schedule: {every: 90 days}
    overlap: {for: 24h}
"""

PLUGIN: Final = StorePlugin(
    name="gitlab",
    summary="GitLab: a CI/CD variable of a project or a group, for one environment scope",
    config=GitLabConfig,
    place=GitLabPlace,
    open=_open,
    where=everything_but("create", "visibility", "protected", part="var"),
    credentials=(Credential("token", "a project, group or personal access token with the scope `api`"),),
    permissions=(
        "project: the role Maintainer, and the scope `api`",
        "group: the role Owner, and the scope `api`",
        "Ultimate: instead of either role, a custom one with `admin_cicd_variables`",
    ),
    example=_EXAMPLE,
    tested="a fake that is written after GitLab's source, proven with python-gitlab 8.6; GitLab itself was not at hand",
)
