"""The calls that deal with deployments: what is in production, what is on its way, and one more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from providers.stores.vercel.failures import Asked, Refused, refusal
from providers.stores.vercel.plugin import Target
from providers.stores.vercel.session import Document, Session
from rotator.domain.clock import Clock
from rotator.domain.errors import NeedsOperator
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

_HOOK: Final = re.compile(
    r"https?://[^/?#]+/v1/integrations/deploy/(?P<project>[A-Za-z0-9_]+)/(?P<id>[A-Za-z0-9_-]+)(\?[^#]*)?"
)
_NOT_KNOWN: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})

VERSION_IN_META: Final = "rotatorKey"
HOOK_IN_META: Final = "deployHookId"
"""Where Vercel notes which hook a deployment comes from (seen in programs that filter by it)."""


@dataclass(frozen=True)
class Deployment:
    """One deployment at one moment. Times are in milliseconds since the epoch, by Vercel's clock."""

    id: str
    name: str
    created: int
    state: str
    """QUEUED, INITIALIZING, BUILDING, READY, ERROR, CANCELED, BLOCKED or DELETED."""
    substate: str = ""
    """Of a READY one: STAGED, ROLLING or PROMOTED; not always told."""
    ready: int | None = None
    meta: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Project:
    id: str
    production: Deployment | None
    """What visitors get: after a rollback not the newest one."""
    permissions: Mapping[str, Any] = field(default_factory=dict)
    """What the token may do there, by kind of thing, where Vercel tells."""


@dataclass(frozen=True)
class Hook:
    """A deploy hook, by its URL. Whoever has that may deploy, so it is a credential."""

    address: SecretValue
    project: str
    id: SecretValue

    def made(self, deployment: Deployment) -> bool:
        found = deployment.meta.get(HOOK_IN_META)
        return isinstance(found, str) and found != "" and self.id.same_as(SecretValue(found))


class Deployments:
    """The deployments of every project of the connection."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    def project(self, name: str) -> Project:
        asked = self._asked(f"describe project `{name}`", "project: read")
        with self._session.told(asked):
            found = self._session.send(asked, "GET", f"/v9/projects/{name}")
            production = (found.get("targets") or {}).get("production")
            return Project(
                str(found["id"]),
                _deployment(production, "id", "createdAt", "readyAt") if production else None,
                found.get("permissions") or {},
            )

    def newest(self, project: Project, target: Target | None) -> list[Deployment]:
        """Give the newest hundred, newest first: of one target, or of all."""
        asked = self._asked(f"list the deployments of project {project.id}", "deployment: list")
        query = {"projectId": project.id, "limit": "100", **({"target": str(target)} if target else {})}
        with self._session.told(asked):
            found = self._session.send(asked, "GET", "/v6/deployments", query=query)["deployments"]
            deployments = [_deployment(each, "uid", "created", "ready") for each in found]
        return sorted(deployments, key=lambda deployment: deployment.created, reverse=True)

    def redeploy(self, project: Project, deployment: Deployment, version: Version) -> None:
        """Deploy to production once more what ``deployment`` is: the CLI's ``vercel redeploy``, marked as ours.

        The project's id keeps a name from before a renaming from making another project.
        """
        asked = self._asked(f"redeploy {deployment.id}", "deployment: create", changes=True)
        body = {
            "deploymentId": deployment.id,
            "meta": {"action": "redeploy", VERSION_IN_META: version},
            "name": deployment.name,
            "project": project.id,
            "target": str(Target.PRODUCTION),
        }
        with self._session.told(asked):
            self._session.send(asked, "POST", "/v13/deployments", body, {"forceNew": "1"})

    def call(self, hook: Hook) -> None:
        asked = self._asked("deploy by the connection's hook", "a deploy hook", changes=True)
        with self._session.told(asked):
            try:
                self._session.call(asked, hook.address.reveal())
            except Refused as refused:
                if refused.status in _NOT_KNOWN:
                    raise NeedsOperator(
                        f"{self._session.server} does not know the connection's deploy hook ({refused.status}).",
                        remedy="It was removed: make another in the project's settings, Git, and put it where `hook` "
                        "is read from.",
                    ) from refused
                raise refusal(refused, asked, self._clock.now()) from refused

    def _asked(self, what: str, needs: str, *, changes: bool = False) -> Asked:
        return Asked(self._session.server, what, needs, changes)


def hook_of(address: SecretValue) -> Hook:
    """Read a deploy hook's URL. NeedsOperator where it is none."""
    found = _HOOK.fullmatch(address.reveal())
    if not found:
        raise NeedsOperator(
            "The connection's `hook` is no deploy hook of Vercel's.",
            remedy="Its URL looks like https://api.vercel.com/v1/integrations/deploy/prj_…/…: copy it whole.",
        )
    return Hook(address, found["project"], SecretValue(found["id"]))


def _deployment(found: Document, identity: str, created: str, ready: str) -> Deployment:
    """Read one from a list, or from a project: they name the same things differently."""
    moment = found.get(ready)
    return Deployment(
        id=str(found[identity]),
        name=str(found["name"]),
        created=int(found[created]),
        state=str(found.get("readyState") or found["state"]),
        substate=str(found.get("readySubstate") or ""),
        ready=moment if isinstance(moment, int) else None,
        meta=found.get("meta") or {},
    )
