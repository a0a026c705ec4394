"""Which version of a secret is whose: the ids that we give ours, the labels, and who else has a say in the secret.

A version's id is ours to choose (the ClientRequestToken), which makes a write repeatable and lets it be found after a
crash: a UUID of the key, and a mark of the version it was built upon. A document that was built upon another version
carries other neighbours of our field, so it must not pass for the same one. The shape also tells a rotation of ours
that is under way in a neighbouring field (wait) from somebody else's pending version (a person must look). Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from providers.stores.aws_secrets_manager.replicas import refuse_broken_copies
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.domain.terms import Version

CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
PREVIOUS: Final = "AWSPREVIOUS"

_NAMESPACE: Final = UUID("6f1c2c5e-6d0e-4d53-9a5f-0b8f6b1f7f10")
_OURS: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}-[0-9a-f]{12}")


def mark_of(key: str, secret: str, field: str | None) -> str:
    """Give what the ids of all versions begin with that are written there under this key.

    Lower-case, because AWS compares ids by their case (aws-samples rotation-lambdas #16).
    """
    return str(uuid5(_NAMESPACE, "\n".join((key, secret, field or ""))))


def version_id(mark: str, built_upon: Version | None) -> Version:
    """Give the id of the version under ``mark`` whose document was built upon this one (None: upon nothing)."""
    return Version(f"{mark}-{hashlib.sha256((built_upon or '').encode()).hexdigest()[:12]}")


@dataclass(frozen=True)
class Description:
    """A secret without its values, as DescribeSecret answers."""

    answer: Mapping[str, Any]

    @property
    def stages(self) -> Mapping[str, list[str]]:
        """Give the labels of each version that has any. (moto lists versions without any, too.)"""
        return {version: labels for version, labels in self.answer.get("VersionIdsToStages", {}).items() if labels}

    def holder(self, label: str) -> Version | None:
        return next((Version(version) for version, labels in self.stages.items() if label in labels), None)

    def changed_within(self, length: timedelta, now: datetime) -> bool:
        changed = self.answer.get("LastChangedDate")
        return isinstance(changed, datetime) and timedelta() <= now - changed < length

    def labels(self, version: str) -> list[str]:
        return self.stages.get(version, [])


def refuse_what_others_govern(secret: str, description: Description, region: str, ours: str | None) -> None:
    """Raise what keeps us from writing to a secret in which somebody else has a say.

    ``ours`` is the mark of the pending version that is no stranger's: left there by the same write, earlier.
    """
    answer = description.answer
    if answer.get("DeletedDate"):
        raise Permanent(
            f"{secret} is scheduled for deletion.", remedy="Restore it with `aws secretsmanager restore-secret`."
        )
    if owner := answer.get("OwningService"):
        raise Permanent(
            f"{secret} is managed by {owner}, which would overwrite it.", remedy="Use a secret of your own."
        )
    if answer.get("RotationEnabled"):
        raise Permanent(
            f"AWS rotates {secret} itself, so two would write to it.",
            remedy="Turn that off with `aws secretsmanager cancel-rotate-secret`, or use another secret.",
        )
    primary = answer.get("PrimaryRegion")
    if primary and primary != region:
        raise Permanent(
            f"{secret} is a replica in {region}, and only its primary can be written.",
            remedy=f"Use a connection with `region: {primary}`.",
        )
    if origin := answer.get("CrossAccountPrimary"):
        raise Permanent(
            f"{secret} is a replica of {origin.get('PrimarySecretARN')}, which would overwrite it.",
            remedy="Write to that one, with a connection to its account.",
        )
    refuse_broken_copies(secret, answer)
    _refuse_others_pending(secret, description, ours)


def _refuse_others_pending(secret: str, description: Description, ours: str | None) -> None:
    pending = description.holder(PENDING)
    if pending is None or CURRENT in description.labels(pending) or (ours and pending.startswith(ours)):
        return
    remedy = (
        "If nobody works on it: `aws secretsmanager update-secret-version-stage "
        f"--secret-id {secret} --version-stage {PENDING} --remove-from-version-id {pending}`."
    )
    if _OURS.fullmatch(pending):
        raise Temporary(
            f"Another rotation is under way in {secret}: its version {pending} has {PENDING}.", remedy=remedy
        )
    raise NeedsOperator(
        f"Somebody else's version {pending} of {secret} has {PENDING}: a rotation that is not ours.",
        remedy=f"See whose it is. {remedy}",
    )
