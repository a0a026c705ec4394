"""What Vercel keeps of a team's projects, and by which rules: records of variables, deployments, deploy hooks.

The rules are those that Vercel's documents, its SDK 1.28.35 and its CLI 64.0.2 tell of. Its clock stands still but for
a second with every change, so that times can be compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

TARGETS = ("production", "preview", "development")
UNDER_WAY = ("QUEUED", "INITIALIZING", "BUILDING")
WRITE_ONLY = ("sensitive", "secret")

_FIRST_MOMENT = int(datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp() * 1000)
_EVERY_ACTION = ["create", "delete", "list", "read", "update"]


class Refusal(Exception):
    """An answer that is not a success, as Vercel gives it."""

    def __init__(self, status: int, code: str, message: str = "", **more: Any) -> None:
        super().__init__(code)
        self.status = status
        self.error = {"code": code, "message": message or code, **more}


@dataclass
class Env:
    """One record of an environment variable."""

    id: str
    key: str
    value: str
    type: str
    target: list[str]
    created_at: int
    updated_at: int
    git_branch: str | None = None
    custom_environments: list[str] = field(default_factory=list)
    comment: str = ""
    visibility: str | None = None
    integration: str | None = None
    undecryptable: bool = False

    def shown(self, *, decrypted: bool) -> dict[str, Any]:
        """Tell of the record. Its value only where that was asked for, and Vercel knows it."""
        is_secret = self.type in WRITE_ONLY or self.visibility == "secret"
        opened = decrypted and not is_secret and not self.undecryptable
        sealed = "" if is_secret else f"eyJ2IjoidjIi.{len(self.value)}"
        return {
            "id": self.id,
            "key": self.key,
            "type": self.type,
            "value": self.value if opened or self.type == "plain" else sealed,
            "target": list(self.target),
            "configurationId": self.integration,
            "comment": self.comment,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "createdBy": "usr_1",
            "updatedBy": "usr_1",
            "decrypted": opened,
            **({"gitBranch": self.git_branch} if self.git_branch else {}),
            **({"customEnvironmentIds": self.custom_environments} if self.custom_environments else {}),
            **({"visibility": self.visibility} if self.visibility else {}),
        }


@dataclass
class Deployment:
    """One deployment, with the values that it was made with."""

    id: str
    name: str
    target: str | None
    created: int
    meta: dict[str, str]
    values: dict[str, str] = field(repr=False)
    state: str = "QUEUED"
    ready: int | None = None
    substate: str | None = None


@dataclass
class Project:
    id: str
    name: str
    envs: list[Env] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    production: Deployment | None = None
    hooks: dict[str, str | None] = field(default_factory=dict)
    """Target by the hook's id."""
    custom_environments: dict[str, str] = field(default_factory=dict)
    """Slug by id."""
    permissions: dict[str, list[str]] = field(
        default_factory=lambda: {
            kind: list(_EVERY_ACTION) for kind in ("projectEnvVars", "projectEnvVarsProduction", "deployment")
        }
    )
    assigns_domains: bool = True


class Account:
    """The projects of one team, and the team's policies."""

    def __init__(self) -> None:
        self.projects: dict[str, Project] = {}
        self.policies: dict[str, str] = {}
        self._now = _FIRST_MOMENT
        self._numbers = itertools.count(1)

    def tick(self) -> int:
        """Let a second pass. Gives the moment."""
        self._now += 1000
        return self._now

    def add_project(self, name: str) -> Project:
        project = Project(f"prj_{next(self._numbers)}", name)
        self.projects[name] = project
        return project

    def find(self, id_or_name: str) -> Project:
        for project in self.projects.values():
            if id_or_name in (project.id, project.name):
                return project
        raise Refusal(404, "not_found", "Project not found")

    # --- variables ---

    def add(self, project: Project, key: str, value: str, target: list[str], **more: Any) -> Env:
        """Put a record there by hand, whatever the rules say."""
        moment = self.tick()
        settings = {"type": "encrypted", **more}
        env = Env(f"env{next(self._numbers):013}", key, value, target=target, created_at=moment, updated_at=moment,
                  **settings)  # fmt: skip
        project.envs.append(env)
        return env

    def find_env(self, project: Project, identity: str) -> Env:
        for env in project.envs:
            if env.id == identity:
                return env
        raise Refusal(404, "not_found", "The environment variable was not found.")

    def create(self, project: Project, asked: Mapping[str, Any], *, upsert: bool) -> Env:
        targets = asked.get("target") or []
        targets = [targets] if isinstance(targets, str) else list(targets)
        self._refuse_invalid(asked, targets)
        twins = [env for env in project.envs if _overlap(env, asked, targets)]
        exact = [env for env in twins if set(env.target) == set(targets)]
        if upsert and exact:
            exact[0].value, exact[0].updated_at = asked["value"], self.tick()
            return exact[0]
        if twins:
            raise Refusal(
                403,
                "ENV_CONFLICT",
                f"Another Environment Variable with the same Name and Environment exists in your project: "
                f"{asked['key']} for target {twins[0].target[0] if twins[0].target else 'custom'} on branch "
                f"{asked.get('gitBranch', 'undefined')}",
                envVarId=twins[0].id,
                envVarKey=asked["key"],
            )
        kind = asked.get("type", "encrypted")
        if self.policies.get("sensitiveEnvironmentVariablePolicy") == "on" and "development" not in targets:
            kind = "sensitive"  # what is not, is made so without a word (terraform-provider-vercel#185)
        more = {"comment": asked.get("comment", ""), "visibility": asked.get("visibility")}
        return self.add(project, asked["key"], asked["value"], targets, type=kind, git_branch=asked.get("gitBranch"),
                        custom_environments=list(asked.get("customEnvironmentIds") or []), **more)  # fmt: skip

    def edit(self, env: Env, asked: Mapping[str, Any]) -> None:
        if "type" in asked and (asked["type"] in WRITE_ONLY) != (env.type in WRITE_ONLY):
            raise Refusal(400, "BAD_REQUEST", "You cannot change the type of a Sensitive Environment Variable")
        if "value" in asked:
            self._refuse_long(asked["value"])
        names = {"value": "value", "key": "key", "target": "target", "type": "type", "comment": "comment",
                 "gitBranch": "git_branch", "customEnvironmentIds": "custom_environments",
                 "visibility": "visibility"}  # fmt: skip
        for name, attribute in names.items():
            if name in asked:
                setattr(env, attribute, asked[name])
        env.updated_at = self.tick()

    def _refuse_invalid(self, asked: Mapping[str, Any], targets: list[str]) -> None:
        for name, code in (("key", "MISSING_KEY"), ("value", "MISSING_VALUE")):
            if not isinstance(asked.get(name), str):
                raise Refusal(400, code)
        if not targets and not asked.get("customEnvironmentIds"):
            raise Refusal(400, "MISSING_TARGET")
        if asked["key"].startswith("VERCEL_"):
            raise Refusal(400, "RESERVED_ENV_VARIABLE", f"The name {asked['key']} is reserved.")
        if asked.get("type") == "sensitive" and "development" in targets:
            raise Refusal(
                400, "BAD_REQUEST", "You cannot set a Sensitive Environment Variable's target to development."
            )
        apart = self.policies.get("disjunctiveProductionSecretPolicy") == "on"
        if apart and asked.get("type") == "sensitive" and "production" in targets and len(targets) > 1:
            raise Refusal(400, "BAD_REQUEST", f"Production needs another value than {asked['value']}.")
        self._refuse_long(asked["value"])

    def _refuse_long(self, value: str) -> None:
        if len(value.encode()) > 64 * 1024:
            raise Refusal(400, "VALUE_INVALID_LENGTH")

    # --- deployments ---

    def deploy(self, project: Project, target: str | None, meta: Mapping[str, str]) -> Deployment:
        """Begin a deployment with what the variables are now."""
        applies = target if target in TARGETS else "preview"
        values = {env.key: env.value for env in project.envs if applies in env.target and not env.git_branch}
        deployment = Deployment(f"dpl_{next(self._numbers)}", project.name, target, self.tick(), dict(meta), values)
        project.deployments.insert(0, deployment)
        return deployment

    def move(self, project: Project, deployment: Deployment, state: str) -> None:
        """Let a deployment come to a state. One that is ready for production goes there, unless a person must."""
        deployment.state = state
        if state != "READY":
            return
        deployment.ready = self.tick()
        if deployment.target == "production":
            deployment.substate = "PROMOTED" if project.assigns_domains else "STAGED"
            if project.assigns_domains:
                project.production = deployment

    def deployed(self, project: Project, target: str | None = "production", **meta: str) -> Deployment:
        """Deploy, and see it done."""
        deployment = self.deploy(project, target, meta)
        self.move(project, deployment, "READY")
        return deployment

    def all_deployments(self) -> Iterator[tuple[Project, Deployment]]:
        for project in self.projects.values():
            for deployment in project.deployments:
                yield project, deployment


def _overlap(env: Env, asked: Mapping[str, Any], targets: list[str]) -> bool:
    if env.key != asked["key"] or env.git_branch != asked.get("gitBranch"):
        return False
    return bool(set(env.target) & set(targets)) or bool(
        set(env.custom_environments) & set(asked.get("customEnvironmentIds") or [])
    )
