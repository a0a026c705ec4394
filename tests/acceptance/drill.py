"""The drill as it goes on: what consumers read, what issuers say, what the person reads, what must hold in the end."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.acceptance.command import Desk
from tests.canary import CANARY
from tests.fakes.cut_link import CutLink
from tests.servers.jupyterhub import JupyterHub
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.servers.sandbox import SandboxIssuer


@dataclass(frozen=True)
class Bao:
    """A namespace of OpenBao's that is the drill's own: its tokens, and a mount for documents."""

    server: OpenBao
    namespace: str
    mount: str = "kv"

    @classmethod
    def made(cls, server: OpenBao) -> Bao:
        bao = cls(server, f"drill-{secrets.token_hex(4)}")
        server.request("POST", f"sys/namespaces/{bao.namespace}")
        server.request("POST", f"{bao.namespace}/sys/mounts/{bao.mount}", {"type": "kv", "options": {"version": "2"}})
        return bao

    def request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        return self.server.request(method, f"{self.namespace}/{path}", body)

    def issue(self) -> str:
        body = {"policies": ["default"], "no_parent": True, "ttl": "760h", "meta": {"token_name": "by hand"}}
        return CANARY.add(str(self.request("POST", "auth/token/create", body)["auth"]["client_token"]))

    def write(self, path: str, document: dict[str, str]) -> None:
        self.request("POST", f"{self.mount}/data/{path}", {"data": document})

    def document(self, path: str) -> dict[str, str]:
        document: dict[str, str] = self.request("GET", f"{self.mount}/data/{path}")["data"]["data"]
        return document

    def earlier(self, path: str) -> list[dict[str, str]]:
        """Give every earlier version of a document that can still be read."""
        versions = self.request("GET", f"{self.mount}/metadata/{path}")["data"]["versions"]
        kept = sorted(int(number) for number, version in versions.items() if not version["destroyed"])[:-1]
        return [self.request("GET", f"{self.mount}/data/{path}?version={number}")["data"]["data"] for number in kept]

    def live_accessors(self) -> set[str]:
        return set(self.request("GET", "auth/token/accessors?list=true")["data"]["keys"])


@dataclass(frozen=True)
class Spec:
    """One secret: whose token it is, and where consumers read it."""

    name: str
    issuer: str
    stores: tuple[str, ...]
    """Of ``bao``, ``aws``, ``env`` and ``far`` (OpenBao behind the link that can be cut)."""
    user: str = ""
    document: str = ""
    """Where it is kept in ``bao`` and ``aws``. Several secrets may share one, each with a field of its own."""

    @property
    def path(self) -> str:
        return self.document or self.name

    @property
    def variable(self) -> str:
        return self.name.upper().replace("-", "_")

    @property
    def field(self) -> str:
        return self.variable.lower()


@dataclass
class Drill:
    """All that the person on call has to do with, and what only the test sees."""

    desk: Desk
    hub: JupyterHub
    bao: Bao
    moto: Moto
    link: CutLink
    sandboxes: dict[str, SandboxIssuer]
    """``web``, ``full``, and ``dashboard`` (where a person makes tokens)."""
    specs: list[Spec]
    old: dict[str, str] = field(default_factory=dict)
    """The token of each secret that got out."""

    @property
    def names(self) -> list[str]:
        return [spec.name for spec in self.specs]

    def spec(self, name: str) -> Spec:
        return next(spec for spec in self.specs if spec.name == name)

    @cached_property
    def aws(self) -> Any:
        return self.moto.client("secretsmanager")

    # --- what consumers read ---

    def in_use(self, name: str) -> str:
        """Give the one value that all places of a secret hold."""
        spec = self.spec(name)
        found = {place: self._read(spec, place) for place in spec.stores}
        assert len(set(found.values())) == 1, f"the places of {name} hold different tokens: {sorted(found)}"
        return CANARY.add(next(iter(found.values())))

    def _read(self, spec: Spec, place: str) -> str:
        match place:
            case "env":
                return self._env()[spec.variable]
            case "aws":
                return self.in_aws(spec, "AWSCURRENT")[spec.field]
            case _:
                return self.bao.document(spec.path)[spec.field]

    def _env(self) -> dict[str, str]:
        lines = (self.desk.folder / "app.env").read_text().splitlines()
        return {name: value.strip("'\"") for name, _, value in (line.partition("=") for line in lines)}

    def in_aws(self, spec: Spec, stage: str) -> dict[str, str]:
        shown = self.aws.get_secret_value(SecretId=self._aws_name(spec), VersionStage=stage)
        document: dict[str, str] = json.loads(shown["SecretString"])
        return document

    def stages_in_aws(self, spec: Spec) -> set[str]:
        shown = self.aws.describe_secret(SecretId=self._aws_name(spec))
        return {stage for stages in shown["VersionIdsToStages"].values() for stage in stages}

    def _aws_name(self, spec: Spec) -> str:
        return f"{self.bao.namespace}/{spec.path}"

    # --- what issuers say ---

    def accepts(self, name: str, value: str) -> bool:
        match self.spec(name).issuer:
            case "hub":
                return self.hub.accepts(value)
            case "tokens":
                return self.bao.server.accepts(value)
            case issuer:
                return value in self.sandboxes[issuer].live_values().values()

    def alive(self) -> list[str]:
        """Give the secrets whose old token works."""
        return [name for name in self.names if self.accepts(name, self.old[name])]

    def live_tokens(self) -> int:
        """Count every token that lives at the issuers, known or not."""
        of_users = [len(self.hub.tokens(user)) for user in {spec.user for spec in self.specs if spec.user}]
        of_sandboxes = [len(sandbox.live_values()) for sandbox in self.sandboxes.values()]
        return sum(of_users) + sum(of_sandboxes) + len(self.bao.live_accessors())

    # --- what must be true in the end ---

    def is_whole(self) -> None:
        """Every secret has a new token that works, in all its places; no other token lives, nor is there a way back."""
        for spec in self.specs:
            new = self.in_use(spec.name)
            assert new != self.old[spec.name], f"{spec.name} was not replaced"
            assert self.accepts(spec.name, new), f"consumers of {spec.name} read a dead token"
            self._has_no_way_back(spec)
        assert self.alive() == []
        assert self.live_tokens() == len(self.specs), "the issuers have tokens that nobody uses"

    def _has_no_way_back(self, spec: Spec) -> None:
        if "bao" in spec.stores or "far" in spec.stores:
            held = [document.get(spec.field) for document in self.bao.earlier(spec.path)]
            assert self.old[spec.name] not in held, f"an earlier version of {spec.path} in OpenBao holds a dead token"
        if "aws" in spec.stores and "AWSPREVIOUS" in self.stages_in_aws(spec):
            before = self.in_aws(spec, "AWSPREVIOUS")
            assert before[spec.field] != self.old[spec.name], f"AWSPREVIOUS of {spec.path} holds a dead token"

    # --- what the person reads ---

    def report(self) -> dict[str, Any]:
        file = self.desk.folder / "incident.json"
        assert file.stat().st_mode & 0o777 == 0o600
        incident: dict[str, Any] = json.loads(file.read_text())["incident"]
        return incident

    def page(self) -> str:
        return (self.desk.folder / "incident.md").read_text()
