"""What can go wrong at the sandbox issuer, by script: one fault for the next so-many requests of one operation.

Faults come in by the sandbox's control endpoint, with a token of its own. Rotator knows nothing of them; to it the
sandbox is an issuer like any other that has a bad day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Kind(StrEnum):
    LOSE_REQUEST = "lose_request"
    """Nothing is done, and the connection is cut."""
    LOSE_ANSWER = "lose_answer"
    """It is done, and the connection is cut before the answer."""
    REFUSE = "refuse"
    """Nothing is done; answers ``status`` (403)."""
    FAIL_BEFORE = "fail_before"
    """Nothing is done; answers ``status`` (503)."""
    FAIL_AFTER = "fail_after"
    """It is done; answers ``status`` (500)."""
    RATE_LIMIT = "rate_limit"
    """Nothing is done; answers 429, with ``retry_after`` where it is given."""
    PROPAGATE_SLOWLY = "propagate_slowly"
    """It is done and answered, and seen later: after ``requests`` and ``seconds``."""
    WRONG_VALUE = "wrong_value"
    """It is done, and the value in the answer is not the token's."""
    GARBAGE = "garbage"
    """It is done; answers ``status`` (200) with ``body`` instead of what belongs there."""
    LATENCY = "latency"
    """It is done after ``seconds`` of real time."""


_DEFAULT_STATUS = {Kind.REFUSE: 403, Kind.FAIL_BEFORE: 503, Kind.FAIL_AFTER: 500, Kind.RATE_LIMIT: 429}

Operation = Literal["create", "list", "read", "revoke", "verify"]


class Fault(BaseModel):
    """One fault, for ``times`` requests of an operation after the first ``skip`` have gone well."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operation: Operation
    kind: Kind
    times: int = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    status: int = Field(default=0, ge=0, le=599)
    retry_after: int | str | None = None
    """Seconds, or an HTTP date."""
    requests: int = Field(default=0, ge=0)
    """Where a create or revoke is done all the same: for how many more uses of the token it is not seen."""
    seconds: float = Field(default=0, ge=0)
    """The same in seconds of the sandbox's clock. With ``latency``: how long the answer takes, in real time."""
    hidden_from_list: bool = False
    """A create that is not seen: the list does not show the token either."""
    body: str = "{}"

    @model_validator(mode="after")
    def _fits_its_operation(self) -> Fault:
        is_slow = self.kind is Kind.PROPAGATE_SLOWLY or bool(self.requests) or self.hidden_from_list
        if is_slow and self.operation not in ("create", "revoke"):
            raise ValueError("only create and revoke propagate")
        if self.kind is Kind.WRONG_VALUE and self.operation != "create":
            raise ValueError("only create shows a value")
        return self

    @property
    def answer_status(self) -> int:
        return self.status or _DEFAULT_STATUS.get(self.kind, 200)


class Script:
    """The faults that are still to come, and a count of what was asked. Used under the server's lock."""

    def __init__(self) -> None:
        self._to_come: list[Fault] = []
        self._fired: list[Fault] = []
        self._requests: Counter[str] = Counter()

    def add(self, faults: Iterable[Fault]) -> None:
        self._to_come.extend(faults)

    def clear(self) -> None:
        self._to_come.clear()
        self._fired.clear()
        self._requests.clear()

    def next_for(self, operation: Operation) -> Fault | None:
        """Count a request, and give the fault that is due for it."""
        self._requests[operation] += 1
        for position, fault in enumerate(self._to_come):
            if fault.operation != operation:
                continue
            if fault.skip:
                self._to_come[position] = fault.model_copy(update={"skip": fault.skip - 1})
                continue
            if fault.times > 1:
                self._to_come[position] = fault.model_copy(update={"times": fault.times - 1})
            else:
                del self._to_come[position]
            self._fired.append(fault)
            return fault
        return None

    def shown(self) -> dict[str, Any]:
        return {
            "to_come": [fault.model_dump(mode="json") for fault in self._to_come],
            "fired": [{"operation": fault.operation, "kind": fault.kind} for fault in self._fired],
            "requests": dict(self._requests),
        }
