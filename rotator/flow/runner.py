"""Moves one rotation on, as far as it goes: asks what is next, takes the step, weighs what went wrong.

What nobody foresaw in a step is caught here, and written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from rotator.domain import reminders
from rotator.domain.errors import (
    AsksPerson,
    LeaseLost,
    LedgerUnavailable,
    NeedsOperator,
    Permanent,
    RotatorError,
    Temporary,
)
from rotator.domain.lifecycle import Step, back_off, next_step, untouched, with_token
from rotator.domain.model import Cause, Mode, Overlap, Phase, Rotation, TokenState, Trouble
from rotator.domain.secret_value import SecretValue, redact
from rotator.flow import by_hand, handing_in, publishing, recovery, steps, taking_up, withdrawing
from rotator.flow.budget import on_behalf_of
from rotator.flow.in_hand import InHand
from rotator.flow.work import Held, Tools, Work, to_go_on, without_trouble
from rotator.ledger.leases import Lease
from rotator.observe.logs import logger

STEPS: Final[Mapping[Step, Callable[[Work], datetime | None]]] = {
    Step.CONTAIN: steps.contain,
    Step.ISSUE: steps.issue,
    Step.SEEK: recovery.seek,
    Step.DISCARD: recovery.discard,
    Step.RECOVER: recovery.recover,
    Step.VERIFY: steps.verify,
    Step.PUBLISH: publishing.publish,
    Step.CONFIRM: steps.confirm,
    Step.RETIRE: steps.retire,
    Step.WITHDRAW: withdrawing.finish,
}

PATIENCE: Final = timedelta(minutes=2)
"""How long troubles that may pass are waited for, before the rotation is given up or left to a later run."""


class Runner:
    """Advances rotations of this process. Their values are in its hand between tries, and nowhere else."""

    def __init__(self, tools: Tools, patience: timedelta = PATIENCE, *, stays: bool = True) -> None:
        """``stays``: wait with a rotation in trouble. Else it is left to whoever calls ``advance`` in time."""
        self.tools = tools
        self.patience = patience
        self._stays = stays
        self.in_hand = InHand(tools)

    def advance(self, rotation: Rotation, lease: Lease, held: Held | None = None) -> Rotation:
        """Take the rotation as far as it goes now, then give the lease back. LeaseLost: somebody else has it."""
        with self.in_hand.take(rotation, lease, held) as work:
            return self._advance(work)

    def _advance(self, work: Work) -> Rotation:
        with on_behalf_of(work.rotation.cause, work.keep_lease):
            self._go(work)
        work.flush()
        self._let_go(work)
        return work.rotation

    def _let_go(self, work: Work) -> None:
        """Give the lease back. A daemon that holds the old value stays first in line: nobody else may have it."""
        rotation, ledger = work.rotation, self.tools.ledger
        work.held.shown.clear()
        in_overlap = rotation.phase is Phase.CONFIRMED and rotation.trouble is None
        if in_overlap and work.held.old is not None and not self._stays:
            ledger.let_go(work.lease, work.now)
        elif rotation.phase.is_open:
            ledger.release(work.lease)

    def wake(self, rotation: Rotation, lease: Lease) -> Rotation:
        """Try again at once. What only a person can say, nobody has said."""
        return self._prepared(rotation, lease, taking_up.wake)

    def resume(self, rotation: Rotation, lease: Lease) -> Rotation:
        """Go on at once. If it waited for a person, it is their word: what destinations hold may be written over."""
        stuck = rotation.trouble is not None and rotation.trouble.needs_operator
        return self._prepared(rotation, lease, taking_up.take_up if stuck else taking_up.wake)

    def withdraw(self, rotation: Rotation, lease: Lease, why: str, *, gone: bool = False) -> Rotation:
        """Take a rotation back because a person said so, putting earlier values back where needed.

        Raises NeedsOperator when there is no way back: then the rotation is left as it is. ``gone``: the person says
        that the tokens it asked them for are not there (any more).
        """
        withdraw = partial(self._withdraw, why=why, gone=gone)
        return self._prepared(rotation, lease, withdrawing.refuse_without_a_way_back, withdraw, refuses=True)

    def retire_now(self, rotation: Rotation, lease: Lease) -> Rotation:
        """End the overlap early: the old token is revoked now, whoever still uses it."""

        def no_overlap(work: Work) -> None:
            at_once = replace(work.rotation.overlap, for_=timedelta(), until_unused_for=None, at_most=None)
            work.record(replace(to_go_on(work.rotation), overlap=at_once), "overlap ended")

        return self._prepared(rotation, lease, no_overlap)

    def believe(self, rotation: Rotation, lease: Lease) -> Rotation:
        """Go on because a person says that the tokens are gone which are to die. Raises NeedsOperator: they are not."""
        return self._prepared(rotation, lease, by_hand.take_word, refuses=True)

    def hand_in(
        self, rotation: Rotation, lease: Lease, value: SecretValue, expires_at: datetime | None = None
    ) -> Rotation:
        """Take the value of a token that a person made, and go on with it.

        Raises InvalidInput, NeedsOperator or what stands in the way: then nothing was taken, and it waits as before.
        """
        return self._prepared(rotation, lease, lambda work: handing_in.take(work, value, expires_at), refuses=True)

    def give_up_value(self, rotation: Rotation, lease: Lease) -> Rotation:
        """Go on without a value that was handed in and lost: another token is asked for. InvalidInput: none was."""
        return self._prepared(rotation, lease, recovery.give_up_value, refuses=True)

    def take_over(self, rotation: Rotation, lease: Lease, mode: Mode) -> Rotation:
        """Make a rotation whose token nobody has made yet the answer to a compromise: without overlap, ahead of all."""

        def hurry(work: Work) -> None:
            asked_anew = with_token(work.rotation, work.new.id, lambda token: replace(token, created_at=work.now))
            hurried = replace(asked_anew, cause=Cause.COMPROMISED, mode=mode, overlap=Overlap(for_=timedelta()))
            work.record(to_go_on(hurried), "hurried")

        return self._prepared(rotation, lease, hurry)

    def _prepared(
        self,
        rotation: Rotation,
        lease: Lease,
        prepare: Callable[[Work], None],
        go_on: Callable[[Work], Rotation] | None = None,
        *,
        refuses: bool = False,
    ) -> Rotation:
        """Do what a person says, then go on. What stands in the way is written down, or raised where it ``refuses``."""
        with self.in_hand.take(rotation, lease) as work:
            try:
                _guarded(work, prepare)
            except (LeaseLost, LedgerUnavailable):
                raise
            except RotatorError as error:
                if not refuses:
                    self._note(work, error, None)
                self.tools.ledger.release(work.lease)
                if refuses:
                    raise
                return work.rotation
            return (go_on or self._advance)(work)

    def _withdraw(self, work: Work, *, why: str, gone: bool) -> Rotation:
        try:
            _guarded(work, lambda work: _take_back(work, why, gone=gone))
        except (LeaseLost, LedgerUnavailable):
            raise
        except RotatorError as error:
            self._note(work, error, None)
        if work.rotation.phase.is_open:
            self.tools.ledger.release(work.lease)
        return work.rotation

    def _go(self, work: Work) -> None:
        deadline = (work.now if self._stays else work.rotation.phase_at) + self.patience
        while (step := next_step(work.rotation, holding=work.holding)) is not None:
            if self.tools.clock.is_stopping:
                return
            try:
                wait_until = self._take(step, work)
            except (LeaseLost, LedgerUnavailable):
                raise
            except Temporary as trouble:
                if not self._wait(work, trouble, deadline):
                    return
                continue
            except Permanent as trouble:
                self._give_up(work, trouble)
                return
            except NeedsOperator as trouble:
                self._note(work, trouble, None)
                return
            except Exception as bug:  # noqa: BLE001  a plug-in's bug must not lose the rotation; it is written down
                self._note(work, unforeseen(step, bug), None)
                return
            if wait_until is not None:
                self._sleep(work, wait_until)
                return

    def _take(self, step: Step, work: Work) -> datetime | None:
        began = work.now
        try:
            return STEPS[step](work)
        finally:
            self.tools.measured(step, work.now - began)

    def _wait(self, work: Work, trouble: Temporary, deadline: datetime) -> bool:
        """Write the trouble down and wait before the next try. False when this run is over: a later one may go on."""
        pause = back_off(work.rotation.attempts + 1, trouble.retry_after, work.rotation.id)
        self._note(work, trouble, work.now + pause)
        if self.tools.clock.is_stopping:
            return False
        if work.now + pause <= deadline:
            return self._stays and self.tools.clock.wait(pause)
        self._give_up(work, trouble)
        return False

    def _give_up(self, work: Work, trouble: RotatorError) -> None:
        """Withdraw, if nothing holds the new token. Else stay: a later run, or a person, goes forward."""
        old = work.rotation.old
        contained = old is not None and old.state is not TokenState.LIVE
        if work.rotation.phase in (Phase.CONFIRMED, Phase.PUBLISHED) or contained or not untouched(work.rotation):
            if isinstance(trouble, Permanent):
                self._note(work, NeedsOperator(trouble.what, remedy=trouble.remedy), None)
            return
        try:
            withdrawing.withdraw(work, redact(str(trouble)), restoring=False)
        except Temporary as second:
            pause = back_off(work.rotation.attempts + 1, second.retry_after, work.rotation.id)
            self._note(work, second, work.now + pause)
        except AsksPerson as second:
            self._ask(work, second)
        except (Permanent, NeedsOperator) as second:
            self._note(work, NeedsOperator(second.what, remedy=second.remedy), None)

    def _note(self, work: Work, error: RotatorError, retry_at: datetime | None) -> None:
        if isinstance(error, AsksPerson):
            self._ask(work, error)
            return
        kind = "temporary" if isinstance(error, Temporary) else "operator"
        trouble = Trouble(kind, redact(error.what), redact(error.remedy))
        after = replace(work.rotation, trouble=trouble, attempts=work.rotation.attempts + 1, retry_at=retry_at)
        work.record(after, "trouble", family=kind, what=trouble.what, remedy=trouble.remedy)

    def _ask(self, work: Work, request: AsksPerson) -> None:
        """Write down what a person is asked for, or that they are reminded of it; and when it is looked at again."""
        before, what, now = work.rotation.trouble, redact(request.what), work.now
        is_new = before is None or not before.is_asked or before.what != what or before.since is None
        since, said = (now, 0) if is_new or before is None or before.since is None else (before.since, before.said)
        deadline = reminders.deadline(work.rotation)
        reminder = reminders.due(since, deadline, said, now)
        asked = Trouble("person", what, redact(request.remedy), since, reminder.number if reminder else said)
        again = reminders.next_after(since, deadline, now)
        if request.look_again is not None:
            again = min(again, now + request.look_again)
        after = replace(work.rotation, trouble=asked, attempts=0, retry_at=again)
        if reminder is None:
            work.put_off(after)
            return
        detail = {"what": what, "remedy": asked.remedy, "number": reminder.number}
        work.record(after, "reminded" if said else "asked", **detail, expires=_text(deadline))

    def _sleep(self, work: Work, until: datetime) -> None:
        if work.rotation.retry_at != until:
            waiting = replace(without_trouble(work.rotation), retry_at=until)
            work.record(waiting, "overlap", until=until.isoformat(timespec="seconds"))


def _guarded(work: Work, act: Callable[[Work], None]) -> None:
    """Do it as a step is done: on behalf of its rotation, and what nobody foresaw becomes an error of ours."""
    try:
        with on_behalf_of(work.rotation.cause, work.keep_lease):
            act(work)
    except RotatorError:
        raise
    except Exception as bug:
        raise unforeseen("prepare", bug) from bug


def _take_back(work: Work, why: str, *, gone: bool) -> None:
    try:
        withdrawing.withdraw(work, why, restoring=True)
    except AsksPerson:
        if not gone:
            raise
        by_hand.take_word(work)
        withdrawing.finish(work)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def unforeseen(doing: str, bug: Exception) -> NeedsOperator:
    """Write a bug down, ours or a plug-in's, and give it as an error that a person can act on. Not its message."""
    logger().error("a step failed in a way nobody foresaw", step=str(doing), error=type(bug).__name__, exc_info=bug)
    return NeedsOperator(
        f"The step {doing} failed with {type(bug).__name__}, which is a bug.",
        remedy="The log has the details. Trying again is safe.",
    )
