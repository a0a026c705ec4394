"""A project of a team at a fake Vercel, somebody else who sets its variables, and the store between."""

from __future__ import annotations

from typing import Any

from providers.stores.vercel.plugin import VercelConfig, VercelPlace
from providers.stores.vercel.session import Session
from providers.stores.vercel.store import VercelStore
from rotator.domain.contracts import Access
from rotator.domain.model import Version
from rotator.testing.access import DictionaryAccess
from tests.fakes.vercel import SLUG, TOKEN, Vercel
from tests.fakes.vercel_account import Env, Project

HOOK = "hDvx5RADfe"
VAR = "API_TOKEN"


def access_to(url: str, project: Project | None = None, token: str = TOKEN) -> DictionaryAccess:
    """Give the connection's credentials, its hook among them where there is a project for it."""
    hook = {"hook": f"{url}/v1/integrations/deploy/{project.id}/{HOOK}"} if project else {}
    return DictionaryAccess({"token": token, **hook})


def opened(url: str, access: Access, *, team: str | None = SLUG) -> VercelStore:
    config = VercelConfig(url=url, team=team, credentials={"token": "env:VERCEL_TOKEN", "hook": "env:VERCEL_HOOK"})
    return VercelStore(Session(config, access), access)


def place_of(**settings: Any) -> VercelPlace:
    return VercelPlace(**{"project": "site", "var": VAR, "targets": ("production",), "redeploy": "none", **settings})


class AtTheRecord:
    """Somebody who looks into Vercel's own memory."""

    def __init__(self, service: Vercel, project: Project, env: Env) -> None:
        self.service, self.project, self.env = service, project, env

    def put(self, value: str) -> None:
        self.service.account.edit(self.env, {"value": value})

    def field(self) -> str | None:
        return self.env.value

    def siblings(self) -> object:
        """Give every other record, and all of ours but its value and its time."""
        ours = {**vars(self.env), "value": None, "updated_at": None}
        return ours, [dict(vars(env)) for env in self.project.envs if env is not self.env]

    def footprint(self) -> object:
        return self.siblings(), self.env.value, self.env.updated_at, len(self.project.deployments)

    @property
    def version(self) -> Version:
        return Version(f"{self.env.id}@{self.env.updated_at}")
