"""What a node of Vault says of itself. Asked only after something has failed, so that the error can say why.

A standby hands requests over to the active node and so looks like one, until it cannot reach it: then it answers 500,
or redirects there after it tried for a while, and may have been heard (measured on two nodes of OpenBao 2.7.2, with the
active one frozen: 13 seconds). A server that was never initialised says that it is sealed. Which of these it is, only
``sys/health`` tells, by its status (Vault's API reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final


class Health(Enum):
    ACTIVE = "the active node"
    STANDBY = "a standby node"
    PERFORMANCE_STANDBY = "a performance standby node"
    SECONDARY = "the secondary of a disaster-recovery pair"
    UNINITIALISED = "not initialised"
    SEALED = "sealed"
    UNKNOWN = "unknown"

    @property
    def hands_over(self) -> bool:
        return self in (Health.STANDBY, Health.PERFORMANCE_STANDBY)


_BY_STATUS: Final[Mapping[int, Health]] = {
    200: Health.ACTIVE,
    429: Health.STANDBY,
    472: Health.SECONDARY,
    473: Health.PERFORMANCE_STANDBY,
    501: Health.UNINITIALISED,
    503: Health.SEALED,
}


def health_told(status: int, body: Any) -> Health:
    """Read an answer of ``sys/health``. A load balancer's own page has such statuses too, but another body."""
    if not isinstance(body, dict) or "initialized" not in body:
        return Health.UNKNOWN
    return _BY_STATUS.get(status, Health.UNKNOWN)
