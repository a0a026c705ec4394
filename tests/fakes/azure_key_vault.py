"""Azure Key Vault's secrets as its REST reference has them: versions, soft delete, pages, rights, refusals.

A request without a token of ours gets 401 with the challenge. ``rights`` is what the caller may: data actions of a role
(``rbac``) or permissions of an access policy; None is everything. Times are whole seconds and versions are listed by
id, as there, so neither tells which is newest. The Azure SDK takes it for a vault, over TLS (``tls_gateway``).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from tests.fakes.azure import Reply, Request
from tests.fakes.entra import TENANT

AUDIENCE = "https://vault.azure.net"
_API_VERSIONS = re.compile(r"7\.\d|20\d\d-\d\d-\d\d")
_NAME = "[0-9A-Za-z-]{1,127}"
_LARGEST = 25 * 1024


@dataclass
class Version:
    """One version. ``attributes`` as Key Vault spells them: enabled, nbf, exp, created, updated."""

    id: str
    value: str = field(repr=False)
    attributes: dict[str, Any]
    tags: dict[str, str] | None = None
    content_type: str | None = None
    managed: bool = False


@dataclass
class Secret:
    name: str
    versions: list[Version] = field(default_factory=list)
    """Oldest first."""
    deleted: bool = False
    busy: str | None = None
    """``ObjectIsBeingDeleted`` or ``ObjectIsBeingRecovered``: then it is neither here nor there."""


class _Refused(Exception):
    def __init__(self, status: int, code: str, inner: str | None = None) -> None:
        super().__init__(code)
        error: dict[str, Any] = {"code": code, "message": f"({code}) as Azure words it"}
        if inner:
            error["innererror"] = {"code": inner}
        self.reply = Reply(status, {"error": error})


class KeyVault:
    """One vault. ``secrets`` is open to tests; ``calls`` names what was asked for, by whom it may be."""

    def __init__(self, tokens: dict[str, str]) -> None:
        self.public_url = ""
        self.tokens = tokens
        self.reset()

    def reset(self) -> None:
        self.secrets: dict[str, Secret] = {}
        self.rights: Collection[str] | None = None
        self.rbac = True
        self.forbidden_by: str | None = None
        self.page_size = 25
        self.mangle: Callable[[str], str] | None = None
        """What becomes of values on their way into the store."""
        self.calls: list[str] = []
        self.resource = AUDIENCE
        self.tenant = TENANT
        self.now: Callable[[], int] = lambda: int(time.time())

    def answer(self, request: Request) -> Reply | None:
        """Answer what is a vault's; None for what is not."""
        if not request.path.startswith(("/secrets", "/deletedsecrets")):
            return None
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token) != AUDIENCE or self.tenant != TENANT:
            return self._challenge()
        try:
            return self._route(request)
        except _Refused as refused:
            return refused.reply

    def _challenge(self) -> Reply:
        challenge = f'Bearer authorization="https://login.windows.net/{self.tenant}", resource="{self.resource}"'
        error = {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer or PoP token."}
        return Reply(401, {"error": error}, {"WWW-Authenticate": challenge})

    def _route(self, request: Request) -> Reply:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
        if not _API_VERSIONS.fullmatch(query.get("api-version", "")):
            raise _Refused(400, "BadParameter")
        for method, pattern, action, permission, operation in _OPERATIONS:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                self._check_rights(action, permission)
                self.calls.append(operation.__name__.removeprefix("_"))
                body = json.loads(request.body or b"{}")
                document = operation(self, *found.groups(), body=body, query=query)
                return Reply(200 if document else 204, document)
        raise _Refused(400, "BadParameter")

    def _check_rights(self, action: str, permission: str) -> None:
        if self.forbidden_by:
            raise _Refused(403, "Forbidden", self.forbidden_by)
        if self.rights is None:
            return
        if self.rbac and f"Microsoft.KeyVault/vaults/secrets/{action}" not in self.rights:
            raise _Refused(403, "Forbidden", "ForbiddenByRbac")
        if not self.rbac and permission not in self.rights:
            raise _Refused(403, "Forbidden", "AccessDenied")

    # --- what it keeps ---

    def find(self, name: str) -> Secret:
        """Find a secret that is there. Names know no case."""
        secret = self.secrets.get(name.lower())
        if secret is None or secret.deleted or secret.busy:
            raise _Refused(404, "SecretNotFound")
        return secret

    def _version(self, secret: Secret, version: str) -> Version:
        found = next((each for each in secret.versions if each.id == version.lower()), None)
        if found is None:
            raise _Refused(404, "SecretNotFound")
        return found

    def add(self, name: str, value: str, **about: Any) -> Version:
        """Make a version, as anybody with the portal would."""
        attributes = {"enabled": True, **about.pop("attributes", {}), "created": self.now(), "updated": self.now()}
        version = Version(uuid4().hex, value, attributes, **about)
        self.secrets.setdefault(name.lower(), Secret(name)).versions.append(version)
        return version

    def _bundle(self, secret: Secret, version: Version, *, value: bool = True) -> dict[str, Any]:
        recovery = {"recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90}
        bundle: dict[str, Any] = {
            "id": f"{self.public_url}/secrets/{secret.name}/{version.id}",
            "attributes": {**version.attributes, **recovery},
        }
        if value:
            bundle["value"] = version.value
        if version.content_type is not None:
            bundle["contentType"] = version.content_type
        if version.tags is not None:
            bundle["tags"] = version.tags
        if version.managed:
            bundle |= {"managed": True, "kid": f"{self.public_url}/keys/{secret.name}/{version.id}"}
        return bundle

    # --- operations ---

    def _set(self, name: str, *, body: dict[str, Any], query: dict[str, str]) -> Any:
        there = self.secrets.get(name.lower())
        if there and (there.deleted or there.busy):
            raise _Refused(409, "Conflict", there.busy or "ObjectIsDeletedButRecoverable")
        value = body.get("value")
        if not isinstance(value, str) or len(value.encode()) > _LARGEST or len(body.get("tags") or {}) > 15:
            raise _Refused(400, "BadParameter")
        about = {"tags": body.get("tags"), "content_type": body.get("contentType")}
        given = {name: body.get("attributes", {}).get(name) for name in ("enabled", "nbf", "exp")}
        attributes = {name: each for name, each in given.items() if each is not None}
        kept = self.mangle(value) if self.mangle else value
        made = self.add(name, kept, attributes=attributes, **about)
        return self._bundle(self.secrets[name.lower()], made) | {"value": value}

    def _get(self, name: str, version: str | None = None, *, body: Any, query: Any) -> Any:
        secret = self.find(name)
        found = self._version(secret, version) if version else secret.versions[-1]
        if not found.attributes["enabled"]:
            raise _Refused(403, "Forbidden", "SecretDisabled")
        return self._bundle(secret, found)

    def _update(self, name: str, version: str, *, body: dict[str, Any], query: Any) -> Any:
        secret = self.find(name)
        found = self._version(secret, version)
        found.attributes |= body.get("attributes", {}) | {"updated": self.now()}
        found.tags = body.get("tags", found.tags)
        found.content_type = body.get("contentType", found.content_type)
        return self._bundle(secret, found, value=False)

    def _list_versions(self, name: str, *, body: Any, query: dict[str, str]) -> Any:
        secret = self.secrets.get(name.lower())
        there = sorted(secret.versions, key=lambda version: version.id) if secret and not secret.deleted else []
        size = min(int(query.get("maxresults", self.page_size)), self.page_size)
        start = int(query.get("$skiptoken", 0))
        page = [self._bundle(Secret(name), version, value=False) for version in there[start : start + size]]
        more = f"{self.public_url}/secrets/{name}/versions?api-version={query['api-version']}&$skiptoken={start + size}"
        return {"value": page, "nextLink": more if start + size < len(there) else None}

    def _delete(self, name: str, *, body: Any, query: Any) -> Any:
        secret = self.find(name)
        secret.deleted = True
        return self._deleted_bundle(secret)

    def _get_deleted(self, name: str, *, body: Any, query: Any) -> Any:
        secret = self.secrets.get(name.lower())
        if secret is None or not secret.deleted or secret.busy:
            raise _Refused(404, "SecretNotFound")
        return self._deleted_bundle(secret)

    def _recover(self, name: str, *, body: Any, query: Any) -> Any:
        secret = self.secrets[name.lower()]
        secret.deleted = False
        return self._bundle(secret, secret.versions[-1], value=False)

    def _purge(self, name: str, *, body: Any, query: Any) -> Any:
        del self.secrets[name.lower()]

    def _deleted_bundle(self, secret: Secret) -> dict[str, Any]:
        recovery = f"{self.public_url}/deletedsecrets/{secret.name}"
        dates = {"deletedDate": self.now(), "scheduledPurgeDate": self.now() + 90 * 86400}
        return {**self._bundle(secret, secret.versions[-1], value=False), "recoveryId": recovery, **dates}


_OPERATIONS: tuple[tuple[str, str, str, str, Callable[..., Any]], ...] = (
    ("PUT", f"/secrets/({_NAME})/?", "setSecret/action", "set", KeyVault._set),
    ("GET", f"/secrets/({_NAME})/versions", "readMetadata/action", "list", KeyVault._list_versions),
    ("GET", f"/secrets/({_NAME})/?([0-9a-fA-F]{{32}})?", "getSecret/action", "get", KeyVault._get),
    ("PATCH", f"/secrets/({_NAME})/([0-9a-f]{{32}})", "update/action", "set", KeyVault._update),
    ("DELETE", f"/secrets/({_NAME})", "delete", "delete", KeyVault._delete),
    ("GET", f"/deletedsecrets/({_NAME})", "readMetadata/action", "get", KeyVault._get_deleted),
    ("POST", f"/deletedsecrets/({_NAME})/recover", "recover/action", "recover", KeyVault._recover),
    ("DELETE", f"/deletedsecrets/({_NAME})", "purge/action", "purge", KeyVault._purge),
)
