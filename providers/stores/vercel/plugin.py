"""Vercel's environment variables, as a store: what a policy file may say of them, and the plug-in.

The work is in ``store`` (the contract), ``record`` (which of several records of one name is meant), ``redeploy`` (when
consumers see a change), ``variables`` and ``deployments`` (the calls), ``session`` (who we are) and ``failures``
(errors). There is no SDK: the API is REST.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema, model_validator

from providers.http.config import HttpConfig
from rotator.domain.contracts import Access, Credential, Place, Store, StorePlugin, Where

URL: Final = "https://api.vercel.com"


class Target(StrEnum):
    """Vercel's own environments. Others are custom environments."""

    PRODUCTION = "production"
    PREVIEW = "preview"
    DEVELOPMENT = "development"


class Redeploy(StrEnum):
    """How consumers come to see a new value: a deployment keeps the values that it was made with."""

    NONE = "none"
    """Somebody else deploys, within the overlap. We do not look."""
    HOOK = "hook"
    """Call the connection's deploy hook, and see the deployment finish."""
    REDEPLOY = "redeploy"
    """Deploy what is in production now once more, and see it finish."""


class NewType(StrEnum):
    """What a variable becomes that we create."""

    SENSITIVE = "sensitive"
    """Nobody reads it back, we neither."""
    ENCRYPTED = "encrypted"


def _spelled(pattern: str, otherwise: str) -> AfterValidator:
    """Refuse what Vercel would refuse, or what would lead to another address."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(otherwise)
        return text

    return AfterValidator(check)


def _without_doubles(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    if len(set(targets)) < len(targets):
        raise ValueError("a target stands here twice")
    return targets


def _yes_or_no(written: object) -> object:
    """YAML reads ``yes`` and ``true`` as the truth: a redeploy."""
    return {True: Redeploy.REDEPLOY, False: Redeploy.NONE}[written] if isinstance(written, bool) else written


Name = Annotated[str, _spelled(r"[A-Za-z0-9][A-Za-z0-9._-]*", "not a name or id of Vercel's; take it from the URL")]
Variable = Annotated[
    str, _spelled(r"[A-Za-z_][A-Za-z0-9_]{0,255}", "not a variable's name; use letters, digits and `_`, no digit first")
]


class VercelConfig(HttpConfig):
    """A connection to one team, or to a personal account."""

    url: str = URL
    team: Name | None = None
    """Its id (``team_…``) or slug. Without one, projects are looked for in the account that owns the token."""

    @property
    def scope(self) -> dict[str, str]:
        """What every request says of the team."""
        if self.team is None:
            return {}
        return {"teamId" if self.team.startswith("team_") else "slug": self.team}


class VercelPlace(Place):
    """One record of one variable. Several records may bear its name: each place is exactly one of them."""

    project: Name
    """Name or id."""
    var: Variable
    targets: Annotated[tuple[Target, ...], AfterValidator(_without_doubles)] = ()
    """All that the record is for, no more and no less."""
    git_branch: Annotated[str, StringConstraints(min_length=1)] | None = None
    """Of a record for one branch's previews."""
    custom_environment: Name | None = None
    """Slug or id."""
    redeploy: Annotated[
        Redeploy,
        BeforeValidator(_yes_or_no),
        WithJsonSchema({"enum": [*Redeploy, True, False]}),
    ]
    create: bool = False
    """Make the record where there is none."""
    type: NewType = NewType.SENSITIVE
    """Of a record that we make. One that is there keeps its own."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.targets and self.custom_environment is None:
            raise ValueError("it is for nothing; add `targets: [production]`, or `custom_environment`")
        if self.git_branch and (self.targets != (Target.PREVIEW,) or self.custom_environment):
            raise ValueError("only previews have a `git_branch`; write `targets: [preview]` beside it, or remove it")
        if self.redeploy is Redeploy.REDEPLOY and Target.PRODUCTION not in self.targets:
            raise ValueError("`redeploy: redeploy` renews production, which this is not for; write `hook` or `none`")
        return self


def _open(config: Any, access: Access) -> Store[Any]:
    from providers.stores.vercel.session import Session
    from providers.stores.vercel.store import VercelStore

    return access.shared("vercel-store", lambda: VercelStore(Session(config, access), access))


def _where(config: VercelConfig, place: VercelPlace) -> Where:
    """One record of a project: whoever reads its variables reads all of them."""
    settings = config.model_dump(mode="json", exclude={"credentials"})
    record = [place.var, sorted(place.targets), place.git_branch, place.custom_environment]
    return Where([settings, place.project], record)


_EXAMPLE: Final = """\
connections:
  vercel-site:
    provider: vercel
    team: acme
    credentials: {token: env:VERCEL_ROTATOR_TOKEN}

  hub:
    provider: jupyterhub
    url: https://hub.example.com
    credentials: {token: env:JUPYTERHUB_ADMIN_TOKEN}

policies:
  - name: hub-reports
    issuer: {connection: hub, user: reports, token_name: reports}
    stores:
      - {connection: vercel-site, project: site, var: HUB_TOKEN, targets: [production], redeploy: true}
    schedule: {every: 90 days}
    overlap: {for: 24h}
"""

PLUGIN: Final = StorePlugin(
    name="vercel",
    summary="Vercel: one environment variable of a project, redeployed and seen to be in force",
    config=VercelConfig,
    place=VercelPlace,
    open=_open,
    where=_where,
    credentials=(
        Credential("token", "an access token whose scope is the project, or the team"),
        Credential("hook", "the URL of a deploy hook, for places with `redeploy: hook`", required=False),
    ),
    permissions=(
        "projectEnvVars (for production: projectEnvVarsProduction): list, read, update; create, for what it may make",
        "project: read",
        "deployment: list and (for `redeploy: redeploy`) create",
    ),
    example=_EXAMPLE,
    tested="a fake that Vercel's own CLI 64.0.2 works with; the real service was not at hand",
)
