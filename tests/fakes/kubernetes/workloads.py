"""Deployments, StatefulSets and DaemonSets of the fake cluster: what their controllers write into ``status``.

A change of the spec counts ``metadata.generation`` up and does nothing else. ``advance`` is the controller: it sees the
change, replaces one pod at a time, and takes the last old one down. A Deployment surges by one pod, a StatefulSet and a
DaemonSet have one pod less meanwhile. A paused Deployment, and OnDelete, are seen and not acted on.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

WORKLOADS = {"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}


def workload(kind: str, namespace: str, name: str, replicas: int = 2, **spec: Any) -> Document:
    """Give a workload that has come to rest. ``kind`` as Kubernetes writes it."""
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    document = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            **({} if kind == "DaemonSet" else {"replicas": replicas}),
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            **spec,
        },
    }
    return settled(document, pods=replicas)


def settled(document: Document, pods: int | None = None) -> Document:
    """Add the status of a workload whose pods are all there and new."""
    document["metadata"].setdefault("generation", 1)
    wanted = pods if pods is not None else document["spec"].get("replicas", 1)
    document["status"] = {}
    _count(document, wanted=wanted, updated=wanted, ready=wanted, total=wanted)
    document["status"]["observedGeneration"] = document["metadata"]["generation"]
    if document["kind"] == "Deployment":
        document["status"]["conditions"] = [_progressing("True", "NewReplicaSetAvailable")]
    if document["kind"] == "StatefulSet":
        document["status"].update(currentRevision="rev-1", updateRevision="rev-1")
    return document


def advance(document: Document) -> None:
    status, generation = document["status"], document["metadata"]["generation"]
    wanted, updated, total = _counted(document)
    if status["observedGeneration"] < generation:
        status["observedGeneration"] = generation
        if not _stands_still(document):
            _count(document, wanted=wanted, updated=0, ready=wanted, total=wanted)
            _say(document, "True", "ReplicaSetUpdated")
            if document["kind"] == "StatefulSet":
                status["updateRevision"] = f"rev-{generation}"
        return
    surges = document["kind"] == "Deployment"
    if updated < wanted:
        _count(
            document,
            wanted=wanted,
            updated=updated + 1,
            ready=wanted if surges else wanted - 1,
            total=wanted + 1 if surges else wanted,
        )
    elif _stands_still(document):
        return
    elif total > wanted or not surges:
        _count(document, wanted=wanted, updated=wanted, ready=wanted, total=wanted)
        _say(document, "True", "NewReplicaSetAvailable")
        if document["kind"] == "StatefulSet":
            status["currentRevision"] = status["updateRevision"]


def stalled(document: Document) -> None:
    """Let a Deployment's new pods fail for longer than ``progressDeadlineSeconds``."""
    document["status"]["observedGeneration"] = document["metadata"]["generation"]
    wanted, _, _ = _counted(document)
    _count(document, wanted=wanted, updated=1, ready=wanted, total=wanted + 1)
    _say(document, "False", "ProgressDeadlineExceeded")


def _stands_still(document: Document) -> bool:
    spec = document["spec"]
    return bool(spec.get("paused")) or spec.get("updateStrategy", {}).get("type") == "OnDelete"


def _count(document: Document, *, wanted: int, updated: int, ready: int, total: int) -> None:
    """Write the numbers under the names that each kind has for them. Kubernetes leaves zeros out."""
    if document["kind"] == "DaemonSet":
        numbers = {"desiredNumberScheduled": wanted, "currentNumberScheduled": total, "numberAvailable": ready,
                   "updatedNumberScheduled": updated, "numberReady": ready, "numberMisscheduled": 0}  # fmt: skip
        document["status"].update(numbers)
        return
    numbers = {"replicas": total, "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": ready}
    for name, number in numbers.items():
        document["status"].pop(name, None)
        if number:
            document["status"][name] = number


def _counted(document: Document) -> tuple[int, int, int]:
    """Give how many pods are wanted, are new, and are there at all."""
    status = document["status"]
    if document["kind"] == "DaemonSet":
        return status["desiredNumberScheduled"], status["updatedNumberScheduled"], status["currentNumberScheduled"]
    return document["spec"].get("replicas", 1), status.get("updatedReplicas", 0), status.get("replicas", 0)


def _say(document: Document, value: str, reason: str) -> None:
    if document["kind"] == "Deployment":
        document["status"]["conditions"] = [_progressing(value, reason)]


def _progressing(value: str, reason: str) -> Document:
    return {"type": "Progressing", "status": value, "reason": reason}
