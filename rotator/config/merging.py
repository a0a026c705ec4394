"""A policy's schedule and overlap, together with its file's defaults: key by key, and the policy's word counts.

The ways to say *when* (every, cron, quarterly, never) are one choice: a policy that makes it puts the default's away.
"""

from __future__ import annotations

from typing import Final

from rotator.config.file_format import QUARTERLY, OverlapBlock, ScheduleBlock
from rotator.domain.durations import Duration
from rotator.domain.policy import Schedule
from rotator.domain.terms import Overlap

Located = tuple[tuple[str | int, ...], str, str]
"""Where in the policy, what is wrong, what to do."""

_UNSAID: Final = ScheduleBlock.model_construct()
"""Made unchecked, because there is nothing to check: pydantic builds a model's validator when it is first asked."""


def schedule_of(own: ScheduleBlock | None, default: ScheduleBlock | None) -> tuple[Schedule, list[Located]]:
    """Give the schedule, and what is wrong with it."""
    own, default = own or _UNSAID, default or _UNSAID
    choice = own if own.choice() or (own.before_expiry and default.never) else default
    before_expiry = None if choice.never else own.before_expiry or default.before_expiry
    cron = QUARTERLY if choice.quarterly else choice.cron
    window, splay = own.window or default.window, own.splay if own.splay is not None else default.splay
    freezes = own.freeze if own.freeze is not None else default.freeze or ()
    schedule = Schedule(choice.every, cron, before_expiry, window, splay or Schedule.splay, freezes)
    if choice.never or choice.every or cron or before_expiry:
        return schedule, []
    remedy = "add `schedule: {every: 90 days}`, or `schedule: never` if only `rotate now` shall rotate it"
    return schedule, [(("schedule",), "nothing says when this token is due", remedy)]


def overlap_of(own: OverlapBlock | None, default: OverlapBlock | None) -> tuple[Overlap, list[Located]]:
    """Give the overlap, and what is wrong with it."""
    written = (default.model_dump(exclude_none=True) if default else {}) | (
        own.model_dump(exclude_none=True) if own else {}
    )
    overlap = Overlap(**written)
    if overlap.at_most is None:
        return overlap, []
    at = ("overlap", "at_most")
    if overlap.until_unused_for is None:
        what = "`at_most` only limits `until_unused_for`, which is not set"
        return overlap, [(at, what, "add `until_unused_for`, or remove `at_most`")]
    if overlap.at_most < overlap.for_:
        return overlap, [(at, f"`at_most` is shorter than `for` ({Duration(exact=overlap.for_)})", "make it longer")]
    return overlap, []
