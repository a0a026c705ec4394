"""The API server of a Kubernetes cluster, as far as Secrets and the workloads that read them go.

Behaves as apimachinery and the registries of core/v1 and apps/v1 do: resourceVersion as a condition on PUT and PATCH,
no new version when nothing changes, RBAC with resourceNames, ``Status`` bodies word for word, immutable Secrets, the
1 MiB limit. Rollouts stand still until ``step`` moves them. Discovery, watches, server-side apply and JSON patches are
not there; a strategic merge is one of maps only.

It is held to the official Kubernetes client in ``tests/integration/test_kubernetes_fake.py``.
"""

from __future__ import annotations

import base64
import binascii
import copy
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.kubernetes import statuses
from tests.fakes.kubernetes.statuses import LARGEST_SECRET, Refusal
from tests.fakes.kubernetes.workloads import WORKLOADS, advance, settled, stalled

Document = dict[str, Any]
Rule = Mapping[str, Any]

_KINDS = {"secrets": ("", "v1", "Secret"), **{plural: ("apps", "apps/v1", kind) for plural, kind in WORKLOADS.items()}}
_PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>apps)/v1)/namespaces/(?P<namespace>[^/]+)/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?"
)
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_MERGES = ("application/merge-patch+json", "application/strategic-merge-patch+json")


@dataclass(frozen=True)
class Target:
    """What a path names: one object, or without a name all of them."""

    namespace: str
    plural: str
    name: str = ""

    @property
    def group(self) -> str:
        return _KINDS[self.plural][0]

    @property
    def resource(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def details(self) -> dict[str, str]:
        return {
            name: text for name, text in {"name": self.name, "group": self.group, "kind": self.plural}.items() if text
        }


@dataclass
class Cluster:
    """Everything in etcd, and who may do what."""

    namespaces: set[str] = field(default_factory=set)
    users: dict[str, str] = field(default_factory=dict)
    """By bearer token."""
    rules: dict[tuple[str, str], list[Rule]] = field(default_factory=dict)
    """By user and namespace, as a Role holds them."""
    objects: dict[Target, Document] = field(default_factory=dict)
    admission: list[Callable[[Document], None]] = field(default_factory=list)
    """Webhooks, which may change a Secret before it is stored."""
    everybody_may_ask: bool = True
    """Whether users have system:basic-user, as they do unless somebody took it from them."""
    _revision: int = 1000
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # --- what tests do to it ---

    def bind(self, token: str, user: str, namespace: str, rules: list[Rule]) -> None:
        """Let a token act as a user with these rules in a namespace."""
        self.namespaces.add(namespace)
        self.users[token] = user
        self.rules[user, namespace] = rules

    def put(self, plural: str, document: Document) -> Document:
        """Store an object as it is, past every check, as its own controller would."""
        metadata = document["metadata"]
        with self._lock:
            self.namespaces.add(metadata["namespace"])
            return self._store(Target(metadata["namespace"], plural, metadata["name"]), document)

    def step(self, times: int = 1) -> None:
        """Let every rollout that is under way go on by one pod."""
        for _ in range(times):
            self._to_workloads(advance)

    def stall(self, name: str) -> None:
        """Let a Deployment's progress deadline pass."""
        self._to_workloads(lambda workload: stalled(workload) if workload["metadata"]["name"] == name else None)

    def _to_workloads(self, act: Callable[[Document], None]) -> None:
        with self._lock:
            for target, held in list(self.objects.items()):
                if target.plural in WORKLOADS:
                    workload = copy.deepcopy(held)
                    act(workload)
                    self._store(target, workload)

    # --- what it answers ---

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> tuple[int, Document]:
        """Give the status and the body of an answer."""
        with self._lock:
            try:
                user = self._authenticated(headers)
                if path == _REVIEWS and method == "POST":
                    return 201, self._review(user, body)
                return self._on_object(method, _target(path), user, headers, body)
            except Refusal as refusal:
                return refusal.code, refusal.document

    def _authenticated(self, headers: Mapping[str, str]) -> str:
        scheme, _, token = headers["Authorization"].partition(" ")
        if not scheme:
            return "system:anonymous"
        if scheme != "Bearer" or token not in self.users:
            raise statuses.unauthorized()
        return self.users[token]

    def _on_object(
        self, method: str, target: Target, user: str, headers: Mapping[str, str], body: Any
    ) -> tuple[int, Document]:
        verb = _VERBS.get(method) or ("get" if target.name else "list")
        self._authorize(user, verb, target)
        if verb == "list":
            return 200, self._list(target)
        if verb == "create":
            return 201, self._create(target, body)
        held = self.objects.get(target)
        if held is None:
            raise statuses.not_found(target.resource, target.name, **target.details)
        if verb == "get":
            return 200, held
        if verb == "delete":
            del self.objects[target]
            return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        if verb == "patch":
            if headers["Content-Type"] not in _MERGES:
                raise statuses.unsupported_media_type()
            body = merged(held, body)
        return 200, self._update(target, held, body)

    def _list(self, where: Target) -> Document:
        found = [held for target, held in self.objects.items() if target == Target(*_place(where), target.name)]
        _, version, kind = _KINDS[where.plural]
        metadata = {"resourceVersion": str(self._revision)}
        return {"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": found}

    def _authorize(self, user: str, verb: str, target: Target) -> None:
        if not self._allows(user, verb, target):
            named = f'{target.resource} "{target.name}"' if target.name else target.resource
            scope = f'in the namespace "{target.namespace}"'
            raise statuses.forbidden(named, user, verb, target.plural, target.group, scope, **target.details)

    def _allows(self, user: str, verb: str, target: Target) -> bool:
        return any(
            target.group in rule["apiGroups"]
            and target.plural in rule["resources"]
            and verb in rule["verbs"]
            and (not rule.get("resourceNames") or target.name in rule["resourceNames"])
            for rule in self.rules.get((user, target.namespace), ())
        )

    def _review(self, user: str, review: Document) -> Document:
        if not self.everybody_may_ask:
            group, plural = "authorization.k8s.io", "selfsubjectaccessreviews"
            raise statuses.forbidden(
                f"{plural}.{group}", user, "create", plural, group, "at the cluster scope", group=group, kind=plural
            )
        asked = review["spec"]["resourceAttributes"]
        target = Target(asked["namespace"], asked["resource"], asked.get("name", ""))
        allowed = target.group == asked.get("group", "") and self._allows(user, asked["verb"], target)
        return {**review, "metadata": {}, "status": {"allowed": allowed}}

    # --- what it stores ---

    def _create(self, where: Target, document: Document) -> Document:
        document = copy.deepcopy(document)
        if where.namespace not in self.namespaces:
            raise statuses.not_found("namespaces", where.namespace, name=where.namespace, kind="namespaces")
        target = Target(*_place(where), document["metadata"]["name"])
        if target in self.objects:
            raise statuses.already_exists(target.resource, target.name, **target.details)
        document["metadata"]["namespace"] = target.namespace
        return self._store(target, self._admitted(target, document))

    def _update(self, target: Target, held: Document, document: Document) -> Document:
        document = copy.deepcopy(document)
        metadata, before = document["metadata"], held["metadata"]
        if metadata.get("resourceVersion", before["resourceVersion"]) != before["resourceVersion"]:
            raise statuses.conflict(target.resource, target.name, **target.details)
        kept = ("uid", "creationTimestamp", "resourceVersion", "generation")
        metadata.update({name: before[name] for name in kept if name in before})
        document = self._admitted(target, document)
        if target.plural == "secrets":
            refuse_to_change_what_stays(target, held, document)
        elif document.get("spec") != held.get("spec"):
            metadata["generation"] += 1
        return held if document == held else self._store(target, document)

    def _admitted(self, target: Target, document: Document) -> Document:
        _, document["apiVersion"], document["kind"] = _KINDS[target.plural]
        if target.plural != "secrets":
            return document if "status" in document else settled(document)
        for change in self.admission:
            change(document)
        return checked_secret(target, document)

    def _store(self, target: Target, document: Document) -> Document:
        self._revision += 1
        metadata = document["metadata"]
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata.setdefault("creationTimestamp", "2026-11-22T12:00:00Z")
        metadata["resourceVersion"] = str(self._revision)
        self.objects[target] = document
        return document


def _target(path: str) -> Target:
    found = _PATH.fullmatch(path)
    if not found or found["plural"] not in _KINDS or (found["group"] or "") != _KINDS[found["plural"]][0]:
        raise statuses.no_such_resource()
    return Target(found["namespace"], found["plural"], found["name"] or "")


def _place(target: Target) -> tuple[str, str]:
    return target.namespace, target.plural


def merged(held: Any, patch: Any) -> Any:
    """Merge as RFC 7396 says: maps into maps, null takes away, the rest replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(held) if isinstance(held, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def checked_secret(target: Target, secret: Document) -> Document:
    """Give a Secret as it is stored: stringData moved into data, everything valid."""
    for key, text in (secret.pop("stringData", None) or {}).items():
        secret.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()
    secret.setdefault("type", "Opaque")
    size = 0
    for key, encoded in (secret.get("data") or {}).items():
        if not re.fullmatch(r"(?!\.\.|\.$)[-._a-zA-Z0-9]{1,253}", key):
            raise statuses.bad_key(target.name, key)
        try:
            size += len(base64.b64decode(encoded, validate=True))
        except (binascii.Error, TypeError):
            raise statuses.no_base64() from None
    if size > LARGEST_SECRET:
        raise statuses.too_long(target.name)
    return secret


def refuse_to_change_what_stays(target: Target, held: Document, secret: Document) -> None:
    if secret["type"] != held["type"]:
        raise statuses.type_is_immutable(target.name, secret["type"])
    if held.get("immutable"):
        for name in ("immutable", "data"):
            if secret.get(name) != held.get(name):
                raise statuses.is_immutable(target.name, name)
