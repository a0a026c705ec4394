"""Why rotate? An ordered chain of pure questions; the first that answers decides, with its reason and in words.

Also what stands in the way, found before anything is touched: a policy that its issuer can never satisfy
(``policy_problems``), and a quota that is full (``obstacle``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from rotator.domain import naming, schedule
from rotator.domain.contracts import Coexistence, IssuerTraits, TokenInfo
from rotator.domain.durations import Duration
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
    OUTSIDE_WINDOW = "outside-window"
    DUE = "due"


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
    if _due(question) is not None:
        return None
    if question.policy.schedule.before_expiry is not None:
        return Decision(
            Action.WAIT,
            Reason.NOT_SCHEDULED,
            "only rotated when asked: nobody knows when the token expires, so `before_expiry` is never due",
        )
    return Decision(Action.WAIT, Reason.NOT_SCHEDULED, "only rotated when asked")


def not_due(question: Question) -> Decision | None:
    when = _due(question)
    if when is None or when.at <= question.now:
        return None
    return Decision(Action.WAIT, Reason.NOT_DUE, when.why, when.at)


def outside_window(question: Question) -> Decision | None:
    window = question.policy.schedule.window
    if window is None:
        return None
    opening = schedule.opens(window, question.now)
    current = question.secret.current
    expires_at = current.expires_at if current else None
    if opening <= question.now or (expires_at is not None and expires_at <= opening):
        return None
    return Decision(Action.WAIT, Reason.OUTSIDE_WINDOW, "due; waits for its window", opening)


def is_due(question: Question) -> Decision:
    when = _due(question)
    assert when is not None
    return Decision(Action.ROTATE, Reason.DUE, when.why, when.at)


CHAIN: Final[tuple[Callable[[Question], Decision | None], ...]] = (
    open_rotation, asked, not_adopted, backing_off, not_scheduled, expired, not_due, outside_window, is_due,
)  # fmt: skip


def _due(question: Question) -> schedule.Due | None:
    current = question.secret.current
    if current is None:
        return None
    since = current.created_at or _LONG_AGO
    return schedule.due(question.policy.schedule, question.policy.name, since, current.expires_at)


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

Located = tuple[tuple[str | int, ...], str, str]
"""Where in the policy (keys and indexes), what is wrong, what to do."""


def policy_problems(policy: Policy, traits: IssuerTraits) -> Iterator[Located]:
    """Find what can never work between this policy and this issuer."""
    unfit = naming.why_unfit(policy.token_name, traits.names)
    if unfit:
        yield (
            ("issuer", "token_name"),
            f"{policy.token_name!r} cannot be a token's name: {unfit}",
            "choose another name",
        )
    yield from _expiry_problems(policy, traits)
    if policy.overlap.until_unused_for is not None and not traits.reports_last_use:
        yield (
            ("overlap", "until_unused_for"),
            "this issuer does not tell when a token was last used",
            "use `for` alone",
        )
    yield from _timing_problems(policy, policy.lifetime or traits.expiry.never_means)


def _expiry_problems(policy: Policy, traits: IssuerTraits) -> Iterator[Located]:
    rules, lifetime, where = traits.expiry, policy.lifetime, ("issuer", "expires_in")
    offered = ", ".join(str(choice) for choice in rules.choices)
    if lifetime is None:
        if rules.required:
            yield ("issuer",), "this issuer only makes tokens that expire", f"add expires_in: {offered or '90 days'}"
        return
    if rules.choices and lifetime not in rules.choices:
        yield where, f"this issuer does not offer {lifetime}", f"choose one of: {offered}"
    if rules.maximum is not None and lifetime.roughly > rules.maximum.roughly:
        yield where, f"{lifetime} is longer than this issuer allows", f"choose at most {rules.maximum}"


def _timing_problems(policy: Policy, lifetime: Duration | None) -> Iterator[Located]:
    """Find times that contradict each other in the months in which it is worst. The splay moves a due time, too."""
    wanted = policy.schedule
    every = wanted.every.longest + wanted.splay if wanted.every is not None else None
    if lifetime is not None and every is not None and every >= lifetime.shortest and not wanted.before_expiry:
        yield (
            ("schedule", "every"),
            f"a token that lives {lifetime} would expire before it is rotated every {wanted.every}{_spread(policy)}",
            "rotate more often, add before_expiry, or let the token live longer",
        )
    early = wanted.before_expiry
    if lifetime is not None and early and early.longest + wanted.splay >= lifetime.shortest:
        yield (
            ("schedule", "before_expiry"),
            f"{early} before expiry{_spread(policy)} is before a token that lives {lifetime} is even made",
            "choose a shorter time",
        )
    if wanted.every is not None and policy.overlap.for_ >= wanted.every.shortest:
        yield (
            ("overlap", "for"),
            f"an overlap of {Duration(exact=policy.overlap.for_)} is not over when the next rotation is due",
            "shorten the overlap, or rotate less often",
        )


def _spread(policy: Policy) -> str:
    splay = policy.schedule.splay
    return f" (spread over {Duration(exact=splay)})" if splay else ""
