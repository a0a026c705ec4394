"""The connection to one cluster's API server: who we are there, and the four calls that the store makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.stores.kubernetes.failures import Asked, details_of, garbled, refusal, status_of
from providers.stores.kubernetes.plugin import KubernetesConfig
from rotator.domain.contracts import Access
from rotator.domain.errors import NeedsOperator
from rotator.domain.secret_value import SecretValue

Document = Mapping[str, Any]

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where every pod finds its service account, unless it was told not to."""

_FIELD_MANAGER: Final = {"fieldManager": "secrets-rotator"}
"""Who ``managedFields`` says made our changes."""


@dataclass(frozen=True)
class Resource:
    """One object of the API. The core group has no name."""

    group: str
    plural: str
    namespace: str
    name: str

    @property
    def collection(self) -> str:
        root = f"/apis/{self.group}/v1" if self.group else "/api/v1"
        return f"{root}/namespaces/{self.namespace}/{self.plural}"

    @property
    def path(self) -> str:
        return f"{self.collection}/{self.name}"

    def __str__(self) -> str:
        return f"{self.plural.removesuffix('s')} `{self.namespace}/{self.name}`"


class Overtaken(Exception):
    """The object is not at the resourceVersion that we named, or is gone, or is there although it was to be created."""


class Api:
    """Sends as the connection's user. Fit to be shared by threads."""

    def __init__(self, config: KubernetesConfig, access: Access, service_account: Path = SERVICE_ACCOUNT) -> None:
        self._access = access
        self._config = config
        self._service_account = service_account
        self.server = urlsplit(config.url).netloc

    def get(self, resource: Resource) -> Document | None:
        """Read one object, as it is now in etcd; None where there is none."""
        asked = Asked(self.server, "get", str(resource))
        answer = self._send(asked, "GET", resource.path)
        if _is_missing(answer, resource):
            return None
        return self._object(answer, asked)

    def patch(self, resource: Resource, changes: Document) -> Document:
        """Merge ``changes`` into an object (RFC 7396), and give what it is then.

        A ``resourceVersion`` among them is a condition (kubernetes#15420). Raises Overtaken when it does not hold, or
        the object is gone.
        """
        asked = Asked(self.server, "patch", str(resource), changes=True)
        answer = self._send(asked, "PATCH", resource.path, changes, content_type="application/merge-patch+json")
        if answer.status == HTTPStatus.CONFLICT or _is_missing(answer, resource):
            raise Overtaken
        return self._object(answer, asked)

    def create(self, resource: Resource, document: Document) -> Document:
        """Make an object. Raises Overtaken when there is one already."""
        asked = Asked(self.server, "create", str(resource), changes=True)
        answer = self._send(asked, "POST", resource.collection, document)
        if answer.status == HTTPStatus.CONFLICT:
            raise Overtaken
        return self._object(answer, asked)

    def allows(self, verb: str, resource: Resource) -> bool | None:
        """Ask whether we may; None where we may not even ask. Touches nothing."""
        attributes = {
            "verb": verb,
            "group": resource.group,
            "resource": resource.plural,
            "namespace": resource.namespace,
            **({} if verb == "create" else {"name": resource.name}),  # RBAC knows no name before a thing is made
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        asked = Asked(self.server, "create", "a selfsubjectaccessreview")
        answer = self._send(asked, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        if answer.status == HTTPStatus.FORBIDDEN:
            return None
        if answer.status != HTTPStatus.CREATED:
            raise refusal(answer, asked, self._access.clock.now())
        verdict = answer.document.get("status") if isinstance(answer.document, dict) else None
        if not isinstance(verdict, dict) or not isinstance(verdict.get("allowed"), bool):
            raise garbled(asked)
        return bool(verdict["allowed"])

    # --- sending ---

    def _send(
        self,
        asked: Asked,
        method: str,
        path: str,
        document: Document | None = None,
        content_type: str = "application/json",
    ) -> HttpAnswer:
        http = self._access.shared("kubernetes-http", self._open)
        return http.send(
            HttpRequest(
                label=f"The request to {asked}",
                method=method,
                path=path,
                query=_FIELD_MANAGER if asked.changes else {},
                headers={"Authorization": f"Bearer {self._token().reveal()}", "Content-Type": content_type},
                body=json.dumps(document).encode() if document is not None else None,
            ),
            changes=asked.changes,
        )

    def _open(self) -> HttpClient:
        pods_own = self._service_account / "ca.crt" if self._config.in_cluster else None
        return HttpClient(self._config.url, ca_file=self._config.ca_file or pods_own, access=self._access)

    def _token(self) -> SecretValue:
        """Look the token up for every request: the kubelet replaces a pod's within the hour."""
        if not self._config.in_cluster:
            return self._access.credential("token")
        file = self._service_account / "token"
        try:
            return SecretValue(file.read_text().strip())
        except (OSError, ValueError) as error:
            raise NeedsOperator(
                f"There is no service account's token in {file}.",
                remedy="`in_cluster: true` is for a pod with `automountServiceAccountToken`; else give a `token`.",
            ) from error

    def _object(self, answer: HttpAnswer, asked: Asked) -> Document:
        if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            raise refusal(answer, asked, self._access.clock.now())
        document = answer.document
        metadata = document.get("metadata") if isinstance(document, dict) else None
        if not isinstance(metadata, dict) or not isinstance(metadata.get("resourceVersion"), str):
            raise garbled(asked)
        whole: Document = document
        return whole


def _is_missing(answer: HttpAnswer, resource: Resource) -> bool:
    """Tell Kubernetes' word that there is no such object from a 404 for its namespace, or of some proxy."""
    return answer.status == HTTPStatus.NOT_FOUND and details_of(status_of(answer)).get("name") == resource.name
