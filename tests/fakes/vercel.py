"""Vercel's REST API, as far as variables and deployments go: tokens and teams, status codes, errors, pages, limits.

The rules of what is kept are in ``vercel_account``. Proven with Vercel's own CLI, which nobody here wrote. Plain HTTP
on loopback. What it does not know: roles beyond what a project lists, builds, domains, and how long Vercel takes to
show a write.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes import loopback
from tests.fakes.vercel_account import UNDER_WAY, Account, Deployment, Env, Project, Refusal

TEAM, SLUG = "team_acme1", "acme"
TOKEN = "vcp_a_token_of_the_team"
STRANGER = "vcp_a_token_of_somebody_else"

_PAGE = 20
_ROUTES: list[tuple[str, re.Pattern[str], str]] = []


def route(method: str, path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Name the handler of a path. ``<p>`` is any part; versions are those that Vercel's clients use."""

    def keep(handler: Callable[..., Any]) -> Callable[..., Any]:
        pattern = re.compile(path.replace("<p>", "([^/]+)"))
        _ROUTES.append((method, pattern, handler.__name__))
        return handler

    return keep


@dataclass(frozen=True)
class Grant:
    """What a token is for."""

    teams: frozenset[str] = frozenset()
    project: str | None = None
    """The one project of a project-scoped token. It sees nothing of its owner or team."""


@dataclass(frozen=True)
class Call:
    """One request, as the handlers see it."""

    query: Mapping[str, str]
    body: Any
    grant: Grant


class Vercel:
    """The service. ``account`` is open to tests, ``seen`` lists what was asked for, without what was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.account = Account()
        self.seen: list[str] = []
        self.tokens = {TOKEN: Grant(frozenset({TEAM, SLUG})), STRANGER: Grant()}
        self.page = _PAGE
        self.looks_until_next_state: int | None = None
        """After how many looks at a deployment its state moves on; None: only tests move it."""
        self._looks = 0
        self._lock = threading.RLock()

    def reset(self) -> None:
        url = self.url
        self.__init__()  # type: ignore[misc]  # everything but the address begins anew
        self.url = url

    def answer(self, method: str, target: str, token: str | None, body: Any) -> tuple[int, Any]:
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.seen.append(f"{method} {parts.path}")
            for of_method, pattern, name in _ROUTES:
                found = pattern.fullmatch(parts.path)
                if found and of_method == method:
                    grant = Grant() if name == "_call_hook" else self._granted(token, query, name)
                    call = Call(query, body, grant)
                    given = getattr(self, name)(call, *map(unquote, found.groups()))
                    return given if isinstance(given, tuple) else (200, given)
        raise Refusal(404, "not_found", "The requested API endpoint was not found")

    def _granted(self, token: str | None, query: Mapping[str, str], name: str) -> Grant:
        if not token:
            raise Refusal(403, "forbidden", "The request is missing an authentication token", missingToken=True)
        if token not in self.tokens:
            raise Refusal(403, "forbidden", "Not authorized", invalidToken=True)
        grant, scope = self.tokens[token], query.get("teamId") or query.get("slug")
        is_about_the_owner = name in ("_user", "_teams", "_team", "_make_token")
        if (grant.project and is_about_the_owner) or (scope and scope not in grant.teams):
            raise Refusal(403, "forbidden", "Not authorized")
        return grant

    def _project_in(self, call: Call, id_or_name: str) -> Project:
        """Every project here is the team's: without a team in the query there is none."""
        if not (call.query.get("teamId") or call.query.get("slug")):
            raise Refusal(404, "not_found", "Project not found")
        project = self.account.find(id_or_name)
        if call.grant.project not in (None, project.id):
            raise Refusal(403, "forbidden", "Not authorized")
        return project

    # --- who ---

    @route("GET", "/v2/user")
    def _user(self, call: Call) -> Any:
        is_member = TEAM in call.grant.teams
        user = {"id": "usr_1", "email": "ci@example.com", "username": "ci", "name": "CI", "version": "northstar"}
        return {"user": {**user, "defaultTeamId": TEAM if is_member else None}}

    @route("GET", "/v2/teams|/v1/teams|/teams")
    def _teams(self, call: Call) -> Any:
        mine = [self._team_document()] if TEAM in call.grant.teams else []
        return {"teams": mine, "pagination": {"count": len(mine), "next": None, "prev": None}}

    @route("GET", "(?:/v2)?/teams/<p>")
    def _team(self, call: Call, team: str) -> Any:
        if team not in call.grant.teams:
            raise Refusal(403, "forbidden", "Not authorized")
        return self._team_document()

    def _team_document(self) -> dict[str, Any]:
        return {"id": TEAM, "slug": SLUG, "name": "Acme", "membership": {"role": "OWNER"}, **self.account.policies}

    @route("POST", "/v3/user/tokens")
    def _make_token(self, call: Call) -> Any:
        project = call.body.get("projectId")
        value = f"vcp_{len(self.tokens)}_made_for_{call.body['name']}"
        self.tokens[value] = Grant(frozenset({TEAM, SLUG}), self.account.find(project).id if project else None)
        token = {"id": f"tok_{len(self.tokens)}", "name": call.body["name"], "type": "token", "origin": "manual"}
        return {"bearerToken": value, "token": {**token, "activeAt": 0, "createdAt": self.account.tick()}}

    # --- projects and their variables ---

    @route("GET", "/v9/projects/<p>")
    def _project(self, call: Call, name: str) -> Any:
        project = self._project_in(call, name)
        production = project.production
        targets = {"production": {**_shown(project, production), "id": production.id} if production else None}
        return {"id": project.id, "name": project.name, "accountId": TEAM, "permissions": project.permissions,
                "targets": targets, "latestDeployments": []}  # fmt: skip

    @route("GET", "(?:/v9)?/projects/<p>/custom-environments")
    def _custom_environments(self, call: Call, name: str) -> Any:
        known = self._project_in(call, name).custom_environments
        return {"environments": [{"id": each, "slug": slug, "type": "preview"} for each, slug in known.items()]}

    @route("GET", "/v10/projects/<p>/env")
    def _list(self, call: Call, name: str) -> Any:
        envs = self._project_in(call, name).envs
        if "target" in call.query:
            envs = [env for env in envs if call.query["target"] in env.target]
        newest = sorted(envs, key=lambda env: env.created_at, reverse=True)
        newest = [env for env in newest if env.created_at < int(call.query.get("until", 2**60))]
        shown, rest = newest[: self.page], newest[self.page :]
        following = shown[-1].created_at if rest else None
        return {"envs": [env.shown(decrypted=False) for env in shown],
                "pagination": {"count": len(shown), "next": following, "prev": None}}  # fmt: skip

    @route("POST", "/v10/projects/<p>/env")
    def _create(self, call: Call, name: str) -> Any:
        project, upsert = self._project_in(call, name), call.query.get("upsert") == "true"
        if not isinstance(call.body, list):
            return 201, {"created": self.account.create(project, call.body, upsert=upsert).shown(decrypted=False),
                         "failed": []}  # fmt: skip
        created, failed = [], []
        for each in call.body:
            try:
                created.append(self.account.create(project, each, upsert=upsert).shown(decrypted=False))
            except Refusal as refusal:
                failed.append({"error": refusal.error})
        return 201, {"created": created, "failed": failed}

    @route("GET", "/v1/projects/<p>/env/<p>")
    def _read(self, call: Call, name: str, identity: str) -> Any:
        return self._env(call, name, identity).shown(decrypted=True)

    @route("PATCH", "/v(?:9|10)/projects/<p>/env/<p>")
    def _edit(self, call: Call, name: str, identity: str) -> Any:
        env = self._env(call, name, identity)
        self.account.edit(env, call.body)
        return env.shown(decrypted=False)

    @route("DELETE", "/v(?:9|10)/projects/<p>/env/<p>")
    def _remove(self, call: Call, name: str, identity: str) -> Any:
        env = self._env(call, name, identity)
        self._project_in(call, name).envs.remove(env)
        return env.shown(decrypted=False)

    @route("GET", "/v3/env/pull/<p>/<p>")
    def _pull(self, call: Call, name: str, target: str) -> Any:
        envs = [env for env in self._project_in(call, name).envs if target in env.target and not env.git_branch]
        return {"env": {env.key: env.shown(decrypted=True)["value"] for env in envs}, "buildEnv": {}}

    def _env(self, call: Call, name: str, identity: str) -> Env:
        return self.account.find_env(self._project_in(call, name), identity)

    # --- deployments ---

    @route("GET", "/v[67]/deployments")
    def _deployments(self, call: Call) -> Any:
        project = self._project_in(call, call.query["projectId"])
        meta = {name[5:]: text for name, text in call.query.items() if name.startswith("meta-")}
        for deployment in project.deployments:
            self._look(project, deployment)
        found = [
            {**_shown(project, each), "uid": each.id}
            for each in project.deployments
            if call.query.get("target") in (None, each.target)
            and all(each.meta.get(name) == text for name, text in meta.items())
        ]
        return {"deployments": found[: int(call.query.get("limit", 20))], "pagination": {"count": len(found)}}

    @route("GET", "/v13/deployments/<p>")
    def _deployment(self, call: Call, identity: str) -> Any:
        for project, deployment in self.account.all_deployments():
            if identity in (deployment.id, _host(deployment)):
                self._look(project, deployment)
                return {**_shown(project, deployment), "id": deployment.id}
        raise Refusal(404, "not_found", "Deployment not found")

    @route("POST", "/v13/deployments")
    def _deploy(self, call: Call) -> Any:
        """Without a project's id its name counts, and a name that nobody has makes a project."""
        known = {deployment.id for _, deployment in self.account.all_deployments()}
        if call.body.get("deploymentId") not in known:
            raise Refusal(404, "not_found", "Deployment not found")
        wanted = call.body.get("project") or call.body["name"]
        try:
            project = self._project_in(call, wanted)
        except Refusal as refusal:
            if refusal.status != 404:
                raise
            project = self.account.add_project(wanted)
        made = self.account.deploy(project, call.body.get("target"), call.body.get("meta") or {})
        return {**_shown(project, made), "id": made.id}

    @route("POST", "/v1/integrations/deploy/<p>/<p>")
    def _call_hook(self, _call: Call, project_id: str, hook: str) -> Any:
        project = self.account.find(project_id)
        if hook not in project.hooks:
            raise Refusal(404, "not_found", "Deploy Hook not found")
        self.account.deploy(project, project.hooks[hook], {"deployHookId": hook, "deployHookName": "rotator"})
        return 201, {"job": {"id": "okzCd50AIap1O31g0gne", "state": "PENDING", "createdAt": self.account.tick()}}

    def _look(self, project: Project, deployment: Deployment) -> None:
        if self.looks_until_next_state is None or deployment.state not in UNDER_WAY:
            return
        self._looks += 1
        if self._looks % self.looks_until_next_state == 0:
            self.account.move(project, deployment, "READY" if deployment.state == "BUILDING" else "BUILDING")


def _host(deployment: Deployment) -> str:
    return f"{deployment.name}-{deployment.id.removeprefix('dpl_')}-acme.vercel.app"


def _shown(project: Project, deployment: Deployment) -> dict[str, Any]:
    assigned = deployment is project.production
    return {"name": deployment.name, "url": _host(deployment), "created": deployment.created,
            "createdAt": deployment.created, "state": deployment.state, "readyState": deployment.state,
            "target": deployment.target, "meta": deployment.meta, "projectId": project.id, "ownerId": TEAM,
            "team": {"id": TEAM, "slug": SLUG, "name": "Acme"},
            "inspectorUrl": f"https://vercel.com/acme/{project.name}/{deployment.id}", "aliasAssigned": assigned,
            "alias": [], "creator": {"uid": "usr_1", "username": "ci"},
            **({"ready": deployment.ready, "readyAt": deployment.ready} if deployment.ready else {}),
            **({"readySubstate": deployment.substate} if deployment.substate else {})}  # fmt: skip


@contextmanager
def vercel() -> Iterator[Vercel]:
    """Serve an empty team on a free loopback port."""
    service = Vercel()

    class Handling(loopback.Handler):
        def _handle(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
            try:
                body = json.loads(raw) if raw else None
                status, given = service.answer(self.command, self.path, token if scheme == "Bearer" else None, body)
            except Refusal as refusal:
                status, given = refusal.status, {"error": refusal.error}
            except ValueError:
                status, given = 400, {"error": {"code": "bad_request", "message": "Invalid JSON"}}
            answer = json.dumps(given).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._handle
            raise AttributeError(name)

    with loopback.serving(Handling) as service.url:
        yield service
