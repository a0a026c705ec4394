"""What the daemon does, again and again: finish what was begun, then begin what is due. Any number of them may run.

What is due is a question to the ledger and the policies, asked when the agenda says that a secret's time has come.
Open rotations are claimed from the ledger, compromised ones first; nobody else gets the same one. Each worker thread
takes one piece of work after the other until there is none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from rotator.daemon.agenda import Agenda, Entry
from rotator.daemon.pace import Pace
from rotator.domain.errors import LeaseLost, LedgerUnavailable
from rotator.domain.lifecycle import back_off
from rotator.domain.model import Rotation, RotationId, Secret, SecretName
from rotator.domain.plan import Action, Decision
from rotator.domain.policy import Policy, PolicySet
from rotator.flow.judging import judge
from rotator.flow.opening import Order
from rotator.flow.reconcile import start
from rotator.flow.report import Report
from rotator.flow.runner import Runner
from rotator.flow.work import LEASE
from rotator.ledger.ledger import AlreadyOpen, Lease, Ledger, OutOfDate

_LOOK_AGAIN: Final = timedelta(hours=6)
"""How often everything is looked at again. What others change is seen by its events, within a tick."""

_NEWS: Final = timedelta(seconds=10)
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""Events are written by the clocks of other machines."""

_POLICIES_SPREAD: Final = timedelta(minutes=10)
"""By then new policies have come to every daemon: a connection that is missing was removed."""

_FIRST_PAUSE: Final = 6
"""A refused beginning is tried again after two minutes, then four, …, then every hour."""

Job = Callable[[], Report | None]


class Service:
    """The daemon's work, without its threads and its clock's bell. Safe to use from several threads."""

    def __init__(
        self,
        runner: Runner,
        policies: PolicySet,
        *,
        tell: Callable[[Report], None] = lambda _report: None,
        rests_until: Callable[[Policy], datetime | None] = lambda _policy: None,
        knows: Callable[[Rotation], bool] = lambda _rotation: True,
        begin_per_hour: int | None = None,
    ) -> None:
        """``rests_until``: until when a policy cannot be begun because a connection of its does not answer.

        ``knows``: whether a rotation's connections are all in our policies.
        """
        self._runner = runner
        self._tell = tell
        self._rests_until = rests_until
        self._knows = knows
        self._pace = Pace(begin_per_hour)
        self._lock = threading.Lock()
        self._agenda = Agenda(runner.tools.owner)
        self._in_hand: set[SecretName] = set()
        self._left: dict[RotationId, datetime] = {}
        """Rotations of newer policies than ours, and until when they are left to those who have them."""
        self._refusals: dict[SecretName, int] = {}
        self._policies: dict[SecretName, Policy] = {}
        self._commit: str | None = None
        self._read_at: datetime | None = None
        self._news_at: datetime | None = None
        self.accept(policies)

    # --- what is to be done --------------------------------------------------------------------------------------

    def accept(self, policies: PolicySet) -> None:
        """Act on these policies from now on. What is under way is finished as it was begun."""
        with self._lock:
            self._policies = {policy.name: policy for policy in policies.policies}
            self._commit = policies.commit
            self._refusals.clear()
            self._left.clear()
            for name in [name for name in self._agenda.entries if name not in self._policies]:
                self._agenda.forget(name)
            self._read_at = None

    def next_work(self) -> Job | None:
        """Give the next piece of work, or None when there is nothing to do now. Raises LedgerUnavailable."""
        with self._lock:
            now = self._now()
            if self._read_at is None or not self._read_at <= now < self._read_at + _LOOK_AGAIN:
                self._read_everything(now)
            elif self._news_at is None or not self._news_at <= now < self._news_at + _NEWS:
                self._read_news(now)
            self._left = {rotation: until for rotation, until in self._left.items() if now < until}
            not_now = {*self._runner.in_hand.rotations, *self._left}
            claimed = self._ledger.claim_ready(self._runner.tools.owner, now, LEASE, 1, in_hand=not_now)
            if claimed:
                rotation, lease = claimed[0]
                return lambda: self._move_on(rotation, lease)
            return self._next_beginning(now)

    def work(self) -> int:
        """Do all that there is to do now, in this thread; give how much it was. Raises LedgerUnavailable."""
        done = 0
        while not self._runner.tools.clock.is_stopping and (work := self.next_work()) is not None:
            report = work()
            done += 1
            if report is not None:
                self._tell(report)
        return done

    def snapshot(self) -> dict[SecretName, Entry]:
        """Give what is known of each secret, as of its last look."""
        with self._lock:
            return dict(self._agenda.entries)

    # --- how -----------------------------------------------------------------------------------------------------

    @property
    def _ledger(self) -> Ledger:
        return self._runner.tools.ledger

    def _now(self) -> datetime:
        return self._runner.tools.clock.now()

    def _read_everything(self, now: datetime) -> None:
        known = {secret.name: secret for secret in self._ledger.secrets()}
        self._agenda.begin_anew()
        for policy in self._policies.values():
            if policy.name not in self._in_hand:
                self._schedule(policy, known.get(policy.name) or Secret(policy.name), now)
        self._runner.in_hand.forget_ended()
        self._read_at = self._news_at = now

    def _read_news(self, now: datetime) -> None:
        """Look again at what another process changed: a token was adopted, a rotation ended elsewhere."""
        since = (self._news_at or now) - _CLOCKS_DIFFER
        for name in self._ledger.changed_since(min(since, now)):
            policy = self._policies.get(name)
            if policy is not None and name not in self._in_hand and name not in self._refusals:
                self._schedule(policy, self._ledger.secret(name), now)
        self._runner.in_hand.forget_ended()
        self._news_at = now

    def _next_beginning(self, now: datetime) -> Job | None:
        has_room = self._pace.has_room(len(self._policies), now)
        while (name := self._agenda.next(now, only_rescues=not has_room)) is not None:
            policy = self._policies.get(name)
            if policy is None or name in self._in_hand:
                continue
            try:
                secret = self._ledger.secret(name)
            except LedgerUnavailable:
                self._agenda.put(name, Entry(now))
                raise
            decision = judge(policy, secret, now)
            until = self._rests_until(policy) if decision.action is Action.ROTATE else None
            if until is not None:
                self._agenda.put(name, replace(_entry(secret, decision), look_at=until))
            elif decision.action is Action.ROTATE:
                self._in_hand.add(name)
                self._pace.begin(now)
                order = Order(policy, reason=decision.text, commit=self._commit, decided_on=secret)
                return lambda: self._begin(order)
            else:
                self._schedule(policy, secret, now, decision)
        return None

    def _schedule(self, policy: Policy, secret: Secret, now: datetime, decision: Decision | None = None) -> None:
        decision = decision or judge(policy, secret, now)
        entry = _entry(secret, decision)
        if decision.action is Action.ROTATE:
            entry = replace(entry, look_at=now)
        elif entry.look_at <= now:
            entry = replace(entry, look_at=now + _LOOK_AGAIN)  # it waits for a person, or for those who have it open
        self._agenda.put(policy.name, entry)

    def _begin(self, order: Order) -> Report | None:
        report = None
        try:
            report = start(self._runner, order)
        finally:
            self._done(order.policy.name, report)
        return None if _is_theirs(report) else report

    def _move_on(self, rotation: Rotation, lease: Lease) -> Report | None:
        try:
            if self._left_to_others(rotation):
                self._ledger.release(lease)
                return None
            report = Report(rotation.secret, self._runner.advance(rotation, lease))
        except LeaseLost:
            return None
        self._done(rotation.secret, report)
        return report

    def _left_to_others(self, rotation: Rotation) -> bool:
        """Leave a rotation alone that was begun by newer policies than ours, as long as others may know it."""
        until = rotation.opened_at + _POLICIES_SPREAD
        if self._knows(rotation) or until <= self._now():
            return False
        with self._lock:
            self._left[rotation.id] = until
        return True

    def _done(self, name: SecretName, report: Report | None) -> None:
        """Put the secret back on the agenda. What could not even begin is tried again later and later."""
        with self._lock:
            now = self._now()
            self._in_hand.discard(name)
            policy = self._policies.get(name)
            if policy is None:
                return
            if report is None or (report.refused is not None and not _is_theirs(report)):
                self._refusals[name] = refusals = self._refusals.get(name, 0) + 1
                known = self._agenda.entries.get(name, Entry(now))
                self._agenda.put(name, replace(known, look_at=now + back_off(refusals + _FIRST_PAUSE, None, name)))
                return
            self._refusals.pop(name, None)
            try:
                self._schedule(policy, self._ledger.secret(name), now)
            except LedgerUnavailable:  # what was done is done, and told; what comes next is asked once it is back
                self._agenda.put(name, Entry(now))


def _is_theirs(report: Report) -> bool:
    """Tell whether another daemon was quicker: it has the rotation, and nothing is wrong."""
    return isinstance(report.refused, AlreadyOpen | OutOfDate | LeaseLost)


def _entry(secret: Secret, decision: Decision) -> Entry:
    token = secret.current
    created_at, expires_at = (token.created_at, token.expires_at) if token else (None, None)
    return Entry(decision.due or _LONG_AGO, decision.due, created_at, expires_at)


_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
