"""What people are to be told: compares what is so with what was told, and writes it down in the ledger.

What needs a person or runs out is found in the ledger at each look, by whichever process looks; what fails again and
again comes in with the reports. What was told and is so no more has healed, which is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from rotator.domain.clock import Clock
from rotator.domain.errors import Problem
from rotator.domain.model import Cause, Event, Rotation, SecretName, TokenState
from rotator.domain.notice import OF_NO_SECRET, Notice, Told, Topic
from rotator.domain.policy import Policy, PolicySet
from rotator.flow.matters import running_out, still_fails
from rotator.flow.report import Outcome, Report, why_withdrawn
from rotator.flow.still_out import declarations, got_out, still_out
from rotator.ledger.ledger import Ledger
from rotator.observe import notices
from rotator.observe.sending import Channel

SOON: Final = timedelta(days=7)
"""A token that expires within this long, and is not rotated by itself, is told."""

_FRESH: Final = timedelta(minutes=5)
"""How long it may go without saying in the ledger that a matter stands on."""

_GRACE: Final = timedelta(minutes=15)
"""What only one of several processes can see has healed when none of them has seen it for this long."""

Key = tuple[str, SecretName, str]


class Telling:
    """One process's part in telling people. Not safe for several threads: its owner has one of its own."""

    def __init__(
        self,
        ledger: Callable[[], Ledger],
        clock: Clock,
        channels: Iterable[Channel],
        *,
        knows_all: bool,
    ) -> None:
        """``knows_all``: its policies are all there are. Else a secret without one may be somebody else's."""
        self._open_ledger = ledger
        self._clock = clock
        self._channels = {channel.name: channel for channel in channels}
        self._knows_all = knows_all
        self._in_force: PolicySet | None = None
        self._policies: dict[SecretName, Policy] = {}
        self._problems: tuple[Problem, ...] = ()
        self._ownerless: list[SecretName] = []
        self._declared: Mapping[SecretName, Event] = {}

    # --- what comes in -------------------------------------------------------------------------------------------

    def use(self, policies: PolicySet, problems: Sequence[Problem]) -> None:
        """Take these policies as those in force, and these problems as those of newer ones. Cheap when repeated."""
        self._problems = tuple(problems)
        if policies is self._in_force:
            return
        self._policies = {policy.name: policy for policy in policies.policies}
        known = self._ledger.secrets() if self._knows_all else []
        self._ownerless = [secret.name for secret in known if secret.current and secret.name not in self._policies]
        self._in_force = policies

    def report(self, report: Report) -> None:
        """Take down what came of one piece of work."""
        for notice in self._of_report(report):
            for name in self._told_of(report.secret):
                if notice.topic is not Topic.ROTATED or self._channels[name].hears_successes:
                    self._ledger.notices.see(name, notice, self._clock.now())

    # --- what is so now ------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Compare what is so now with what was told, and write down what is to be told."""
        if self._in_force is None:
            return  # nobody can tell yet whom anything concerns
        now = self._clock.now()
        remembered = {
            (told.channel, told.notice.secret, told.matter): told for told in self._ledger.notices.remembered()
        }
        stands: set[Key] = set()
        for notice in self._standing(now):
            for channel in self._told_of(notice.secret):
                key = channel, notice.secret, notice.matter
                stands.add(key)
                if not _is_said(notice, remembered.get(key), now):
                    self._ledger.notices.see(channel, notice, now)
        for key, told in remembered.items():
            if key not in stands and not self._may_stand(told, now):
                self._end(told, stands, now)

    def _standing(self, now: datetime) -> Iterator[Notice]:
        if self._problems:
            yield notices.policies_refused(self._problems)
        if self._ledger.open_by_state(now)["stuck"]:
            for rotation in self._ledger.open_rotations():
                if rotation.trouble is not None and rotation.trouble.needs_operator:
                    yield notices.needs_person(rotation, self._owner_of(rotation.secret))
        yield from self._got_out(now)
        for secret in self._ledger.expiring(now + SOON):
            policy = self._policies.get(secret.name)
            if policy is not None and (notice := running_out(policy, secret, now)) is not None:
                yield notice
        for name in self._ownerless:
            token = self._ledger.secret(name).current
            if token is not None and token.state is not TokenState.DEAD:
                yield notices.no_policy(name, token)

    def _got_out(self, now: datetime) -> Iterator[Notice]:
        """Find what nobody has begun to end within the hour: an incident of many takes its time."""
        self._declared = declarations(self._ledger)
        for secret in self._ledger.secrets_named(self._declared):
            out = still_out(secret, self._declared[secret.name])
            if out is not None and now - out.since >= notices.AN_HOUR:
                remedy = out.remedy(has_policy=secret.name in self._policies)
                yield notices.got_out(secret.name, self._owner_of(secret.name), out.what, out.since, remedy)

    def _may_stand(self, told: Told, now: datetime) -> bool:
        """Tell whether a matter that was not found just now may stand all the same, or is not for us to judge."""
        name, policy = told.notice.secret, self._policies.get(told.notice.secret)
        if told.channel not in self._channels or (policy is not None and told.channel not in policy.notify):
            return False
        if told.is_over or (policy is None and name != OF_NO_SECRET and not self._knows_all):
            return True
        if told.notice.topic is Topic.FAILING:
            return policy is not None and still_fails(policy, self._ledger.secret(name), now)
        if told.notice.topic is Topic.GOT_OUT:  # what a rotation is about to end has not ended
            return got_out(self._ledger.secret(name), self._declared.get(name)) is not None
        return told.notice.topic is Topic.POLICIES and told.seen_at > now - _GRACE

    def _end(self, told: Told, stands: set[Key], now: datetime) -> None:
        """Write down that a matter is over. It has healed, unless something else is the matter with the secret now."""
        moved_on = any(key[:2] == (told.channel, told.notice.secret) for key in stands)
        unheard = told.channel not in self._told_of(told.notice.secret)
        closing = None if moved_on or unheard or told.is_over else notices.healed(told, now)
        self._ledger.notices.end(told, now, closing)

    def _of_report(self, report: Report) -> Iterator[Notice]:
        rotation, owner = report.rotation, self._owner_of(report.secret)
        if report.refused is not None:
            yield notices.failing(report.secret, owner, str(report.refused))
        elif rotation is None:
            return
        elif rotation.cause is Cause.COMPROMISED and not rotation.phase.is_open:
            yield notices.compromise_ended(rotation, owner, report.old_may_live)
        elif report.outcome is Outcome.WITHDRAWN:
            yield notices.failing(report.secret, owner, self._why_withdrawn(rotation))
        elif report.outcome is Outcome.ROTATED:
            yield notices.rotated(rotation, owner)
        elif rotation.trouble is not None and not rotation.trouble.needs_operator:
            yield notices.failing(report.secret, owner, rotation.trouble.what)

    def _why_withdrawn(self, rotation: Rotation) -> str:
        return why_withdrawn(self._ledger.history(rotation.secret), rotation.id) or "the rotation was withdrawn"

    @property
    def _ledger(self) -> Ledger:
        return self._open_ledger()

    def _owner_of(self, name: SecretName) -> str:
        policy = self._policies.get(name)
        return policy.owner if policy else ""

    def _told_of(self, name: SecretName) -> tuple[str, ...]:
        """Give the channels that are told of a secret: its policy's; of what is nobody's, all of them."""
        policy = self._policies.get(name)
        if policy is None:
            return tuple(self._channels) if self._knows_all or name == OF_NO_SECRET else ()
        return tuple(channel for channel in policy.notify if channel in self._channels)


def _is_said(notice: Notice, told: Told | None, now: datetime) -> bool:
    """Tell whether the ledger knows it all, and knows that it was seen a moment ago."""
    return told is not None and not told.is_over and told.notice == notice and told.seen_at > now - _FRESH
