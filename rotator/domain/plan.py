"""Why rotate? An ordered chain of pure questions; the first that answers decides, with its reason and in words.

Also what stands in the way right now, found before anything is touched: a quota that is full (``obstacle``). What can
never work is found in ``contradictions``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Final

from rotator.domain import schedule
from rotator.domain.contracts import Coexistence, IssuerTraits, TokenInfo
from rotator.domain.lifecycle import back_off
from rotator.domain.model import Cause, Mode, Secret
from rotator.domain.policy import Policy


class Action(StrEnum):
    """What is to be done with a secret now."""

    ROTATE = "rotate"
    RESUME = "resume"
    """It has an open rotation: that one is moved on."""
    WAIT = "wait"
    BLOCKED = "blocked"
    """Only a person can make it move."""


class Reason(StrEnum):
    """The named reasons, in the order in which they are asked."""

    OPEN_ROTATION = "open-rotation"
    ASKED = "asked"
    NOT_ADOPTED = "not-adopted"
    BACKING_OFF = "backing-off"
    NOT_SCHEDULED = "not-scheduled"
    EXPIRED = "expired"
    NOT_DUE = "not-due"
    FROZEN = "frozen"
    OUTSIDE_WINDOW = "outside-window"
    DUE = "due"
    UNFORESEEN = "unforeseen"
    """Asking failed, which is a bug: not an answer, but what stands in for one."""


@dataclass(frozen=True)
class Decision:
    """What to do, why (for machines and for people), and when it is due or will be looked at again."""

    action: Action
    reason: Reason
    text: str
    due: datetime | None = None


@dataclass(frozen=True)
class Question:
    """All that a decision depends on."""

    policy: Policy
    secret: Secret
    now: datetime
    cause: Cause
    """DUE when nobody asked: the schedule alone decides."""

    @cached_property
    def due(self) -> schedule.Due | None:
        """When the token in force is due, by schedule and expiry alone. Computed once: several links ask."""
        current = self.secret.current
        if current is None:
            return None
        since = current.created_at or _LONG_AGO
        return schedule.due(self.policy.schedule, self.policy.name, since, current.expires_at)


def decide(policy: Policy, secret: Secret, now: datetime, cause: Cause = Cause.DUE) -> Decision:
    """Ask the chain; the last link always answers."""
    question = Question(policy, secret, now, cause)
    return next(decision for link in CHAIN if (decision := link(question)) is not None)


def open_rotation(question: Question) -> Decision | None:
    rotation = question.secret.open
    if rotation is None:
        return None
    if rotation.trouble is not None and rotation.trouble.needs_operator and question.cause is Cause.DUE:
        return Decision(Action.BLOCKED, Reason.OPEN_ROTATION, f"{rotation.phase}: {rotation.trouble.what}")
    return Decision(Action.RESUME, Reason.OPEN_ROTATION, f"a rotation is open ({rotation.phase})", rotation.retry_at)


def asked(question: Question) -> Decision | None:
    if question.cause is Cause.DUE:
        return None
    return Decision(Action.ROTATE, Reason.ASKED, f"{question.cause}", question.now)


def not_adopted(question: Question) -> Decision | None:
    if question.secret.current is not None:
        return None
    name = question.policy.name
    return Decision(
        Action.BLOCKED,
        Reason.NOT_ADOPTED,
        f"the token in use is not known. Run `rotate adopt {name}`, or `rotate now {name}` to start with a new one",
    )


def backing_off(question: Question) -> Decision | None:
    secret = question.secret
    if not secret.failures or secret.last_ended is None:
        return None
    again = secret.last_ended + back_off(secret.failures + _PATIENCE_AFTER_A_WITHDRAWAL, None, secret.name)
    if again <= question.now:
        return None
    return Decision(
        Action.WAIT, Reason.BACKING_OFF, f"withdrawn {secret.failures} times in a row; next try at {again:%F %R}", again
    )


_PATIENCE_AFTER_A_WITHDRAWAL: Final = 6
"""A withdrawn rotation is not tried again for two minutes, then four, …, then every hour."""


def expired(question: Question) -> Decision | None:
    current = question.secret.current
    if current is None or current.expires_at is None or current.expires_at > question.now:
        return None
    return Decision(
        Action.ROTATE, Reason.EXPIRED, f"the token expired at {current.expires_at:%F %R}", current.expires_at
    )


def not_scheduled(question: Question) -> Decision | None:
    if question.due is not None:
        return None
    if question.policy.schedule.before_expiry is not None:
        return Decision(
            Action.WAIT,
            Reason.NOT_SCHEDULED,
            "only rotated when asked: nobody knows when the token expires, so `before_expiry` is never due",
        )
    return Decision(Action.WAIT, Reason.NOT_SCHEDULED, "only rotated when asked")


def not_due(question: Question) -> Decision | None:
    when = question.due
    if when is None or when.at <= question.now:
        return None
    return Decision(Action.WAIT, Reason.NOT_DUE, when.why, when.at)


def frozen(question: Question) -> Decision | None:
    opening = _held_back_until(question)
    if opening is None or schedule.frozen_until(question.policy.schedule, question.now) is None:
        return None
    return Decision(Action.WAIT, Reason.FROZEN, "due; waits for the end of a freeze", opening)


def outside_window(question: Question) -> Decision | None:
    opening = _held_back_until(question)
    if opening is None:
        return None
    return Decision(Action.WAIT, Reason.OUTSIDE_WINDOW, "due; waits for its window", opening)


def _held_back_until(question: Question) -> datetime | None:
    """Give when the window and the freezes let it begin; None: now, or the token would not live to see that day."""
    opening = schedule.may_begin(question.policy.schedule, question.now)
    current = question.secret.current
    expires_at = current.expires_at if current else None
    is_free = opening <= question.now or (expires_at is not None and expires_at <= opening)
    return None if is_free else opening


def is_due(question: Question) -> Decision:
    when = question.due
    assert when is not None
    return Decision(Action.ROTATE, Reason.DUE, when.why, when.at)


CHAIN: Final[tuple[Callable[[Question], Decision | None], ...]] = (
    open_rotation, asked, not_adopted, backing_off, not_scheduled, expired, not_due, frozen, outside_window,
    is_due,
)  # fmt: skip


_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The age of a token that nobody knows the age of: counted from now, it would never be due."""


def obstacle(traits: IssuerTraits, listed: Iterable[TokenInfo], mode: Mode) -> str | None:
    """Say what makes issuing another token impossible right now, or None. ``listed``: the issuer's live tokens."""
    if mode is Mode.REVOKE_FIRST:
        return None
    if traits.coexistence is Coexistence.ONE:
        return (
            "this issuer cannot have two tokens at a time, so the old one would die before consumers have the new one"
        )
    tokens = tuple(listed) if traits.max_active is not None else ()
    if traits.max_active is not None and len(tokens) >= traits.max_active:
        names = ", ".join(str(token.name or token.handle) for token in tokens[:_NAMES_SHOWN])
        return f"the issuer allows {traits.max_active} tokens and has {len(tokens)} ({names})"
    return None


_NAMES_SHOWN: Final = 12
