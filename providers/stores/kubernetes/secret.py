"""One Secret as the API gives it: our key in it, what must not be written, and the change that we ask for."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any, Final

from providers.stores.kubernetes.api import Document, Resource
from providers.stores.kubernetes.plugin import KubernetesPlace
from rotator.domain.contracts import Stored
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

_LARGEST: Final = 1024 * 1024
"""Of all values together, before base64 (core/v1 MaxSecretSize)."""
_PREFIX: Final = "secrets-rotator/"
_LABEL_NAME: Final = re.compile(r"[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")

_GOVERNORS: Final = {
    "reconcile.external-secrets.io/managed": "External Secrets Operator",
    "reconcile.external-secrets.io/created-by": "External Secrets Operator",
    "sealedsecrets.bitnami.com/managed": "Sealed Secrets",
    "secrets-store.csi.k8s.io/managed": "the Secrets Store CSI driver",
    "meta.helm.sh/release-name": "Helm",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "reflector.v1.k8s.emberstack.com/reflects": "Reflector",
    "replicator.v1.mittwald.de/replicate-from": "Kubernetes Replicator",
}
"""Labels and annotations that only those write who put the Secret back to what *they* think it holds."""
_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_WRITTEN_BY_THE_CLUSTER: Final = frozenset({"kubernetes.io/service-account-token", "helm.sh/release.v1"})


def mark(*names: str) -> str:
    """Give the name of an annotation of ours: readable where Kubernetes' 63 characters allow it.

    No two lists of names share one: what comes before a key is a DNS name, and has no underscore.
    """
    name = "_".join(names)
    return _PREFIX + (name if _LABEL_NAME.fullmatch(name) else hashlib.sha256(name.encode()).hexdigest()[:40])


def resource_of(place: KubernetesPlace) -> Resource:
    return Resource("", "secrets", place.namespace, place.secret)


@dataclass(frozen=True)
class Secret:
    """A Secret at one resourceVersion, looked at for one place."""

    place: KubernetesPlace
    document: Document = field(repr=False)

    @property
    def version(self) -> Version:
        """The resourceVersion: it changes with everything in the object, ours or not."""
        return Version(self._metadata["resourceVersion"])

    @property
    def _metadata(self) -> Document:
        metadata: Document = self.document["metadata"]
        return metadata

    @property
    def _data(self) -> dict[str, str]:
        return self.document.get("data") or {}

    def value(self) -> SecretValue | None:
        """Give what stands under our key; None where it is missing or empty. Permanent where it is no text."""
        text = _text(self._data.get(self.place.key, ""))
        if text is None:
            raise Permanent(
                f"The key `{self.place.key}` of {resource_of(self.place)} holds bytes that are no text.",
                remedy="It is not a token: check `key`.",
            )
        return SecretValue(text) if text else None

    def holds(self, value: SecretValue) -> bool:
        """Tell whether this value stands under our key, whatever else may stand there: it need be no text."""
        text = _text(self._data.get(self.place.key, ""))
        return value.same_as(SecretValue(text) if text else None)

    def stored(self) -> Stored:
        key = (self._metadata.get("annotations") or {}).get(mark(self.place.key))
        return Stored(self.value(), self.version, {"written_under": str(key)} if key else {})

    def refuse_unwritable(self) -> None:
        """Raise what stands in the way of a write: its end, its own word, or somebody who would undo it."""
        named, kind = resource_of(self.place), self.document.get("type")
        if self._metadata.get("deletionTimestamp"):
            raise NeedsOperator(f"The {named} is being deleted.", remedy="See what its finalizers wait for.")
        if self.document.get("immutable"):
            raise Permanent(
                f"The {named} is immutable: nobody can change what it holds.",
                remedy="Make another Secret without `immutable`, let its pods use that one, and name it here.",
            )
        if kind in _WRITTEN_BY_THE_CLUSTER:
            raise Permanent(f"The {named} is of type {kind}: the cluster writes it.", remedy="Use another Secret.")
        governor = self._governor()
        if governor and not self.place.even_if_managed:
            raise Permanent(
                f"The {named} is governed by {governor}, which would put the old value back.",
                remedy="Write the token where that takes it from. If it leaves this key alone, set "
                "`even_if_managed: true`.",
            )

    def _governor(self) -> str | None:
        labels, annotations = self._metadata.get("labels") or {}, self._metadata.get("annotations") or {}
        for owner in self._metadata.get("ownerReferences") or ():
            return f"its owner {owner.get('kind')} `{owner.get('name')}`"
        for name, governor in _GOVERNORS.items():
            if name in labels or name in annotations:
                return f"{governor} (`{name}`)"
        manager = labels.get(_MANAGED_BY)
        return f"{manager} (label `{_MANAGED_BY}`)" if manager else None

    def change(self, value: SecretValue, key: str) -> Document:
        """Give the merge-patch that sets our key, and nothing else, if the Secret is still as we saw it."""
        data = with_value(self.place, self._data, value)
        return {
            "metadata": {"resourceVersion": self.version, "annotations": {mark(self.place.key): key}},
            "data": {self.place.key: data[self.place.key]},
        }


def new_secret(place: KubernetesPlace, value: SecretValue, key: str) -> Document:
    metadata = {"name": place.secret, "namespace": place.namespace, "annotations": {mark(place.key): key}}
    data = with_value(place, {}, value)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def with_value(place: KubernetesPlace, data: dict[str, str], value: SecretValue) -> dict[str, str]:
    """Give the Secret's data with our key set. Permanent when it would grow beyond what Kubernetes keeps."""
    after = {**data, place.key: base64.b64encode(value.reveal().encode()).decode()}
    if sum(len(base64.b64decode(encoded)) for encoded in after.values()) > _LARGEST:
        raise Permanent(f"The {resource_of(place)} would grow beyond the 1 MiB that Kubernetes allows.")
    return after


def _text(encoded: Any) -> str | None:
    """Decode a value; None where it is no text. Raises nothing: such an error would quote the value."""
    try:
        return base64.b64decode(encoded).decode()
    except (ValueError, TypeError):
        return None
