"""What can never work: a policy that contradicts itself, or that its issuer can never satisfy.

Found when policies are read, with the place in the policy, so that nobody learns of it when a token has expired.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rotator.domain import naming, schedule
from rotator.domain.contracts import Coexistence, IssuerTraits
from rotator.domain.durations import Duration
from rotator.domain.policy import Policy

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
    yield from _coexistence_problems(policy, traits)
    lifetime = policy.lifetime or traits.expiry.never_means
    yield from _interval_problems(policy, lifetime)
    yield from _overlap_problems(policy)
    if not schedule.leave_a_day(policy.schedule.freezes):
        yield (
            ("schedule", "freeze"),
            "no day of the year is left on which a rotation may begin",
            "leave some days, or write `schedule: never`",
        )
    yield from _window_problems(policy, lifetime)


def _coexistence_problems(policy: Policy, traits: IssuerTraits) -> Iterator[Located]:
    """Find a schedule by which nothing could ever begin: none takes a token away before there is another."""
    wanted = policy.schedule
    asked = next((key for key in ("every", "cron", "before_expiry") if getattr(wanted, key) is not None), None)
    if asked is not None and (traits.coexistence is Coexistence.ONE or traits.max_active == 1):
        yield (
            ("schedule", asked),
            "this issuer has one token at a time, and no schedule leaves consumers without one",
            f"write `schedule: never`, and run `rotate now {policy.name} --revoke-first` when downtime will do",
        )


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


def _interval_problems(policy: Policy, lifetime: Duration | None) -> Iterator[Located]:
    """Find times that contradict each other in the months in which it is worst. The splay moves a due time, too."""
    wanted = policy.schedule
    longest, early = schedule.longest_interval(wanted), wanted.before_expiry
    if lifetime is not None and longest is not None and longest + wanted.splay >= lifetime.shortest and not early:
        yield (
            ("schedule", "every" if wanted.every else "cron"),
            f"a token that lives {lifetime} would expire before it is rotated {_interval(policy)}{_spread(policy)}",
            "rotate more often, add before_expiry, or let the token live longer",
        )
    if lifetime is not None and early and early.longest + wanted.splay >= lifetime.shortest:
        yield (
            ("schedule", "before_expiry"),
            f"{early} before expiry{_spread(policy)} is before a token that lives {lifetime} is even made",
            "choose a shorter time",
        )


def _overlap_problems(policy: Policy) -> Iterator[Located]:
    shortest = schedule.shortest_interval(policy.schedule)
    lengths = {"for": policy.overlap.for_, "at_most": policy.overlap.at_most or timedelta()}
    for key, length in lengths.items():
        if shortest is not None and length >= shortest:
            yield (
                ("overlap", key),
                f"an overlap of {Duration(exact=length)} is not over when the next rotation is due",
                "shorten the overlap, or rotate less often",
            )
            return


def _window_problems(policy: Policy, lifetime: Duration | None) -> Iterator[Located]:
    """Find windows and freezes that may outlast the time between a token's due time and its expiry."""
    wanted = policy.schedule
    if lifetime is None:
        return
    early, every = wanted.before_expiry, schedule.longest_interval(wanted)
    rest = early.shortest if early else lifetime.shortest - every - wanted.splay if every is not None else None
    closed = wanted.window.longest_closed if wanted.window else timedelta()
    if rest is not None and timedelta() < rest < closed:
        yield (
            ("schedule", "window"),
            f"it closes for {Duration(exact=closed)}; a token is due only {Duration(exact=rest)} before it expires",
            "widen the window, or rotate earlier",
        )
    for freeze in wanted.freezes:
        if rest is not None and timedelta() < rest < freeze.length:
            yield (
                ("schedule", "freeze"),
                f"{freeze} is longer than the {Duration(exact=rest)} between a token's due time and its expiry",
                "shorten the freeze, or rotate earlier",
            )


def _interval(policy: Policy) -> str:
    return f"every {policy.schedule.every}" if policy.schedule.every else f"by cron {policy.schedule.cron}"


def _spread(policy: Policy) -> str:
    splay = policy.schedule.splay
    return f" (spread over {Duration(exact=splay)})" if splay else ""
