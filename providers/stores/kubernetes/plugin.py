"""Kubernetes Secrets, as a store: what a policy file may say of them, and the plug-in.

The work is in ``store`` (the contract), ``secret`` (one Secret, and who governs it), ``rollout`` (the pods that read
it), ``api`` (the connection) and ``failures`` (errors). There is no SDK: the API is REST.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, field_validator, model_validator

from providers.http.config import HttpConfig
from rotator.domain.contracts import Access, Credential, Place, Store, StorePlugin, everything_but

ROLLOUT_KINDS: Final = ("deployment", "statefulset", "daemonset")

_IN_CLUSTER_URL: Final = "https://kubernetes.default.svc"
_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"


def _spelled(pattern: str, longest: int, otherwise: str) -> AfterValidator:
    """Refuse what Kubernetes would refuse, or an HTTP client fold."""

    def check(name: str) -> str:
        if len(name) > longest or not re.fullmatch(pattern, name):
            raise ValueError(otherwise)
        return name

    return AfterValidator(check)


Namespace = Annotated[str, _spelled(_LABEL, 63, "not a namespace; use lower-case letters, digits and hyphens")]
SecretName = Annotated[
    str, _spelled(_SUBDOMAIN, 253, "not a Secret's name; use lower-case letters, digits, hyphens and dots")
]
DataKey = Annotated[
    str, _spelled(r"(?!\.\.|\.$)[-._a-zA-Z0-9]+", 253, "not a key of a Secret; use letters, digits, `-`, `_` and `.`")
]
Workload = Annotated[
    str,
    _spelled(
        rf"({'|'.join(ROLLOUT_KINDS)})/{_SUBDOMAIN}",
        253,
        f"not a workload; write for example deployment/web (there are {', '.join(ROLLOUT_KINDS)})",
    ),
]


class KubernetesConfig(HttpConfig):
    """A connection to one cluster, as one user."""

    url: str = _IN_CLUSTER_URL
    in_cluster: bool = False
    """Use the service account of the pod that we run in: its token, its CA, and the cluster's own address."""

    @model_validator(mode="before")
    @classmethod
    def _knows_its_own_cluster_alone(cls, settings: Any) -> Any:
        if isinstance(settings, dict) and "url" not in settings and settings.get("in_cluster") is not True:
            raise ValueError("url is missing; add it, or set `in_cluster: true`")
        return settings

    @field_validator("url")
    @classmethod
    def _leaves_the_paths_to_us(cls, url: str) -> str:
        if url.endswith(("/api", "/api/v1", "/apis")):
            raise ValueError("leave /api out of the url; it is added to every call")
        return url

    @model_validator(mode="after")
    def _has_one_identity(self) -> Self:
        if self.in_cluster and self.credentials:
            raise ValueError("in_cluster uses the pod's service account; remove `credentials`")
        if not self.in_cluster and "token" not in self.credentials:
            raise ValueError("add the credential `token`, or set `in_cluster: true`")
        return self


class KubernetesPlace(Place):
    """One key of one Secret."""

    namespace: Namespace
    secret: SecretName
    key: DataKey
    create: bool = False
    """Make the Secret (type Opaque) where there is none."""
    even_if_managed: bool = False
    """Write although a controller, Helm or GitOps governs the Secret, and may put the old value back."""
    rollout: tuple[Workload, ...] = ()
    """Restart these, and wait until their pods are new: ``deployment/web``, ``statefulset/queue`` …"""


def _open(config: Any, access: Access) -> Store[Any]:
    from providers.stores.kubernetes.api import Api
    from providers.stores.kubernetes.store import KubernetesStore

    return KubernetesStore(Api(config, access), access.clock)


_EXAMPLE: Final = """\
connections:
  hub: {provider: jupyterhub, url: "https://hub.example.com", credentials: {token: "env:JUPYTERHUB_ADMIN_TOKEN"}}
  cluster:
    provider: kubernetes
    url: https://kubernetes.example.com:6443
    ca_file: /etc/rotator/cluster-ca.pem
    credentials: {token: "file:/run/secrets/cluster-token"}

policies:
  - name: hub-reports
    issuer: {connection: hub, user: reports, token_name: reports}
    stores:
      - {connection: cluster, namespace: shop, secret: hub, key: token, rollout: [deployment/web]}
    schedule: {every: 90 days}
"""

PLUGIN: Final = StorePlugin(
    name="kubernetes",
    summary="Kubernetes: one key of a Secret, and a rollout of the workloads that read it",
    config=KubernetesConfig,
    place=KubernetesPlace,
    open=_open,
    where=everything_but("create", "even_if_managed", "rollout", part="key"),
    credentials=(Credential("token", "a service account's token (not with `in_cluster: true`)", required=False),),
    permissions=(
        "get, patch on the Secret",
        "create on secrets in the namespace, only with `create: true`",
        "get, patch on the deployments, statefulsets and daemonsets (apps) under `rollout`",
        "create on selfsubjectaccessreviews (authorization.k8s.io), which every user has by default",
    ),
    example=_EXAMPLE,
    tested="a fake of the API server, held to the official Kubernetes client 37.0; never a real cluster",
)
