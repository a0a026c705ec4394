"""Heroku config vars, as a store: what a policy file may say of them, and the plug-in.

The work is in ``store`` (the contract), ``rollout`` (a release seen to take effect), ``api`` (the calls), ``releases``
(an app's history), ``together`` (changes of one app that share a release) and ``failures`` (errors). There is no SDK:
the Platform API is REST.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from providers.http.config import HttpConfig
from rotator.domain.contracts import Access, Credential, Place, Store, StorePlugin, everything_but

_APP: Final = re.compile(r"[a-z][a-z0-9-]{1,28}[a-z0-9]|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VAR: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _app(name: str) -> str:
    if not _APP.fullmatch(name):
        raise ValueError("not an app's name or id; names have 3 to 30 lower-case letters, digits and hyphens")
    return name


def _var(name: str) -> str:
    """Refuse what Heroku refuses or reserves (Dev Center, "Configuration and Config Vars")."""
    if not _VAR.fullmatch(name):
        raise ValueError("not a config var's name; use letters, digits and `_`, and no digit first")
    if name.startswith(("HEROKU_", "__")):
        raise ValueError("Heroku keeps names that begin with `HEROKU_` or `__` to itself; choose another one")
    return name


class HerokuConfig(HttpConfig):
    """A connection to Heroku's Platform API, as one account."""

    url: str = "https://api.heroku.com"


class HerokuPlace(Place):
    """One config var of one app."""

    app: Annotated[str, AfterValidator(_app)]
    """Its name, or its id, which outlives a change of the name."""
    var: Annotated[str, AfterValidator(_var)]


def _open(config: Any, access: Access) -> Store[Any]:
    from providers.stores.heroku.api import Api
    from providers.stores.heroku.store import HerokuStore

    return HerokuStore(Api(config, access), access.clock)


_EXAMPLE: Final = """\
connections:
  hub: {provider: jupyterhub, url: "https://hub.example.com", credentials: {token: "env:JUPYTERHUB_ADMIN_TOKEN"}}
  heroku-web:
    provider: heroku
    credentials: {token: "file:/run/secrets/heroku-token"}

policies:
  - name: hub-reports
    issuer: {connection: hub, user: reports, token_name: reports}
    stores:
      - {connection: heroku-web, app: acme-reports, var: HUB_TOKEN}
    schedule: {every: 90 days}
"""

PLUGIN: Final = StorePlugin(
    name="heroku",
    summary="Heroku: one config var of an app; waits for the release, and for the dynos that run it",
    config=HerokuConfig,
    place=HerokuPlace,
    open=_open,
    where=everything_but(part="var"),
    credentials=(Credential("token", "the token of an authorization with the scope `write-protected`"),),
    permissions=(
        "the OAuth scope write-protected (it includes reading the app, its releases, add-ons, features and dynos)",
        "in a team: the permissions `view` and `operate` on the app",
    ),
    example=_EXAMPLE,
    tested="a fake of the Platform API, held to the Heroku CLI 11.10.0; never Heroku itself",
)
