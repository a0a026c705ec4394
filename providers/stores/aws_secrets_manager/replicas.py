"""The copies that AWS makes of a secret in other regions, and since 2026 in another account.

Their consumers read them, and a change reaches them later, or never: without the right to a copy's KMS key replication
fails, and what was copied before stays (user guide, "Troubleshoot replication", "Monitor cross-account replication").
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from rotator.domain.errors import NeedsOperator, Permanent, Temporary

_IN_SYNC: Final = ("InSync", "Detached")
"""The second one: it was cut off, and gets nothing from this secret any more."""
_FAILED: Final = "Failed"
_LOOK_AGAIN: Final = timedelta(seconds=10)


def has_copies(description: Mapping[str, Any]) -> bool:
    return any(True for _ in _copies(description))


def refuse_broken_copies(secret: str, description: Mapping[str, Any]) -> None:
    """Raise Permanent, before anything is written, where a copy does not follow its secret."""
    if broken := _in(description, _FAILED):
        raise Permanent(f"{secret} is not replicated to {broken}: that failed.", remedy=_repair(secret))


def refuse_copies_that_lag(secret: str, description: Mapping[str, Any]) -> None:
    """Raise while a copy does not have what its secret has: Temporary, or NeedsOperator where it failed."""
    if broken := _in(description, _FAILED):
        raise NeedsOperator(
            f"{secret} was written, and its replication to {broken} failed: there, consumers read what was there "
            "before. The old token was not revoked.",
            remedy=f"{_repair(secret)} Then run `rotate resume`.",
        )
    if late := ", ".join(where for where, status in _copies(description) if status not in _IN_SYNC):
        raise Temporary(f"{secret} was written, and is being replicated to {late}.", retry_after=_LOOK_AGAIN)


def _copies(description: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give where each copy is, and what AWS says of it."""
    for copy in description.get("ReplicationStatus") or ():
        yield str(copy.get("Region")), str(copy.get("Status"))
    for copy in description.get("CrossAccountReplicas") or ():
        yield str(copy.get("ReplicaSecretARN")), str(copy.get("ReplicationStatus"))


def _in(description: Mapping[str, Any], wanted: str) -> str:
    return ", ".join(where for where, status in _copies(description) if status == wanted)


def _repair(secret: str) -> str:
    return (
        f"`aws secretsmanager describe-secret --secret-id {secret}` says why, often a right to the copy's KMS key. "
        "Replicate it again, or remove a copy that nobody reads."
    )
