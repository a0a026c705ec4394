"""The workloads that read a Secret: restarted once for each version of it, and watched until all their pods are new.

Environment variables and subPath mounts never follow a Secret; only new pods do. The restart is what ``kubectl
rollout restart`` does (an annotation on the pod template), and the end is what ``kubectl rollout status`` waits for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from providers.stores.kubernetes.api import Api, Document, Overtaken, Resource
from providers.stores.kubernetes.plugin import KubernetesPlace
from providers.stores.kubernetes.secret import mark
from rotator.domain.clock import Clock
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.domain.terms import Version

_RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
_LOOK_AGAIN_AFTER: Final = timedelta(seconds=10)


class State(Enum):
    DONE = "done"
    UNDER_WAY = "under way"
    STUCK = "stuck"


@dataclass(frozen=True)
class Progress:
    """How far a rollout is. ``words`` say it to a person."""

    state: State
    words: str = ""


def workloads(place: KubernetesPlace) -> tuple[Resource, ...]:
    split = (entry.partition("/") for entry in place.rollout)
    return tuple(Resource("apps", f"{kind}s", place.namespace, name) for kind, _, name in split)


def refuse_what_cannot_roll(api: Api, place: KubernetesPlace) -> None:
    """Raise what would keep pods old, before anything is touched. A rollout that is stuck may need just this token."""
    for workload in workloads(place):
        obstacle = obstacle_of(_read(api, workload))
        if obstacle:
            raise NeedsOperator(f"The {workload} cannot be rolled out: {obstacle}", remedy="Then go on.")


def obstacle_of(document: Document) -> str | None:
    """Say what in a workload's own settings keeps a restart from reaching all its pods."""
    spec = _part(document, "spec")
    strategy = _part(spec, "updateStrategy")
    if spec.get("paused"):
        return "it is paused; resume it (`kubectl rollout resume`), or take it out of `rollout`."
    if strategy.get("type") == "OnDelete":
        return "its update strategy is OnDelete; set RollingUpdate, or take it out of `rollout`."
    if _part(strategy, "rollingUpdate").get("partition"):
        return "its `partition` leaves pods as they are; set it to 0, or take it out of `rollout`."
    return None


def roll_out(api: Api, clock: Clock, place: KubernetesPlace, version: Version) -> None:
    """Restart every workload that was not restarted for ``version`` yet, and return when all pods are new.

    Raises Temporary while that is under way, NeedsOperator when Kubernetes has given up. Repeatable: the pod template
    says which version it was restarted for, in an annotation that is this place's alone.
    """
    found = [(workload, _restarted(api, clock, workload, place, version)) for workload in workloads(place)]
    progress = [(workload, progress_of(workload, document)) for workload, document in found]
    stuck = [f"{workload}: {how.words}" for workload, how in progress if how.state is State.STUCK]
    if stuck:
        raise NeedsOperator(
            f"The new value is stored, but a rollout is stuck. {'; '.join(stuck)}.",
            remedy="See `kubectl rollout status` and its pods' events. It is not restarted again; once it is done, or "
            "was undone and rolled out anew, resume the rotation.",
        )
    under_way = [f"{workload}: {how.words}" for workload, how in progress if how.state is State.UNDER_WAY]
    if under_way:
        raise Temporary(f"A rollout is under way. {'; '.join(under_way)}.", retry_after=_LOOK_AGAIN_AFTER)


def _restarted(api: Api, clock: Clock, workload: Resource, place: KubernetesPlace, version: Version) -> Document:
    document = _read(api, workload)
    ours = mark(place.secret, place.key)
    template = _part(_part(_part(document, "spec"), "template"), "metadata")
    if _part(template, "annotations").get(ours) == version:
        return document
    obstacle = obstacle_of(document)
    if obstacle:
        raise NeedsOperator(f"The new value is stored, but the {workload} cannot be rolled out: {obstacle}")
    annotations = {ours: version, _RESTARTED_AT: clock.now().isoformat(timespec="seconds")}
    try:
        return api.patch(workload, {"spec": {"template": {"metadata": {"annotations": annotations}}}})
    except Overtaken as overtaken:
        raise Temporary(f"The {workload} is being changed by others all the time.") from overtaken


def progress_of(workload: Resource, document: Document) -> Progress:
    """Judge a rollout as ``kubectl rollout status`` does (kubectl's polymorphichelpers/rollout_status.go)."""
    status = _part(document, "status")
    if _count(status, "observedGeneration") < _count(_part(document, "metadata"), "generation"):
        return Progress(State.UNDER_WAY, "not yet taken up")
    if _ran_out_of_time(status):
        return Progress(State.STUCK, "its progress deadline is exceeded")
    if workload.plural == "daemonsets":
        wanted, updated, ready = _numbers(status, "desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
        old = 0
    else:
        wanted = _part(document, "spec").get("replicas", 1)
        available = "availableReplicas" if workload.plural == "deployments" else "readyReplicas"
        total, updated, ready = _numbers(status, "replicas", "updatedReplicas", available)
        old = total - updated
    if updated >= wanted and ready >= wanted and old <= 0:
        return Progress(State.DONE)
    left = f", {old} old left" if old > 0 else ""
    return Progress(State.UNDER_WAY, f"{updated} of {wanted} pods are new{left}, {ready} ready")


def _ran_out_of_time(status: Document) -> bool:
    """Only Deployments have a deadline; the others are under way for as long as it takes."""
    return any(
        condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded"
        for condition in status.get("conditions") or ()
    )


def _read(api: Api, workload: Resource) -> Document:
    document = api.get(workload)
    if document is None:
        raise Permanent(f"There is no {workload}.", remedy="Correct `rollout`.")
    return document


def _part(document: Document, name: str) -> Document:
    part: Any = document.get(name)
    return part if isinstance(part, dict) else {}


def _count(document: Document, name: str) -> int:
    """Kubernetes leaves a count of nothing out."""
    return int(document.get(name) or 0)


def _numbers(status: Document, *names: str) -> Sequence[int]:
    return [_count(status, name) for name in names]
