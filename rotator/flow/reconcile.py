"""One pass over everything, as `run --once` makes it: finish what was begun, then start what is due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from rotator.domain.errors import LeaseLost, LedgerUnavailable, RotatorError
from rotator.domain.model import Rotation, Secret
from rotator.domain.plan import Action
from rotator.domain.policy import PolicySet
from rotator.flow.judging import judge
from rotator.flow.opening import Order, begin
from rotator.flow.report import Report
from rotator.flow.runner import Runner, unforeseen
from rotator.flow.work import LEASE
from rotator.ledger.errors import OutOfDate


def one_pass(runner: Runner, policies: PolicySet) -> Iterator[Report]:
    """Finish open rotations whose time has come, then start those that are due. Reports all that moved or is stuck.

    Once the process is asked to stop, no other is taken up.
    """
    tools = runner.tools
    for rotation in tools.ledger.open_rotations():
        if tools.clock.is_stopping:
            return
        report = move_on(runner, rotation)
        if report is not None:
            yield report
    known = {secret.name: secret for secret in tools.ledger.secrets()}
    for policy in policies.policies:
        if tools.clock.is_stopping:
            return
        secret = known.get(policy.name) or tools.ledger.secret(policy.name)
        decision = judge(policy, secret, tools.clock.now())
        if decision.action is Action.ROTATE:
            order = Order(policy, reason=decision.text, commit=policies.commit, decided_on=secret)
            report = start(runner, order)
            if not isinstance(report.refused, OutOfDate):  # else another process has rotated it since we began
                yield report
        elif decision.action is Action.BLOCKED and secret.open is None:
            yield Report(policy.name, blocked=decision)


def move_on(runner: Runner, rotation: Rotation) -> Report | None:
    """Advance an open rotation. None when all is well until its time comes, or another process has it."""
    tools = runner.tools
    if _waits(rotation, tools.clock.now()):
        return Report(rotation.secret, rotation) if rotation.trouble is not None else None
    lease = tools.ledger.claim(rotation.id, tools.owner, tools.clock.now(), LEASE)
    if lease is None:
        return None
    fresh = tools.ledger.rotation(rotation.id)  # it may have moved between our reading and our claim
    if fresh is None or _waits(fresh, tools.clock.now()):
        tools.ledger.release(lease)
        return None
    try:
        return Report(rotation.secret, runner.advance(fresh, lease))
    except LeaseLost:
        return None


def wait_for_person(runner: Runner, rotation: Rotation) -> Rotation:
    """Look again and again whether a person did what is asked for, in this process, which may have the only value.

    Until nobody is asked for anything any more, or the process is asked to stop.
    """
    tools = runner.tools
    while rotation.phase.is_open and rotation.trouble is not None and rotation.trouble.is_asked:
        if not tools.clock.wait(_LOOK_AGAIN):
            break
        lease = tools.ledger.claim(rotation.id, tools.owner, tools.clock.now(), LEASE)
        fresh = tools.ledger.rotation(rotation.id)
        if lease is None or fresh is None:
            break  # somebody else goes on with it, or it has ended
        rotation = runner.advance(fresh, lease)
    return rotation


_LOOK_AGAIN: Final = timedelta(seconds=2)


def _waits(rotation: Rotation, now: datetime) -> bool:
    """Tell whether it is left alone now: until its time, or until a person comes who need not be reminded yet."""
    if rotation.retry_at is not None and rotation.retry_at > now:
        return True
    trouble = rotation.trouble
    return trouble is not None and trouble.needs_operator and not trouble.is_asked


def start(runner: Runner, order: Order, secret: Secret | None = None) -> Report:
    """Begin a rotation and take it as far as it goes. What stands in the way is reported, not raised.

    ``secret``: what the ledger says of it, for who has just asked.
    """
    try:
        begun = begin(runner.tools, order, secret)
    except LedgerUnavailable:
        raise
    except RotatorError as error:
        return Report(order.policy.name, refused=error)
    except Exception as bug:  # noqa: BLE001  one plug-in's bug must not keep every other secret from its rotation
        return Report(order.policy.name, refused=unforeseen("open", bug))
    try:
        return Report(order.policy.name, runner.advance(begun.rotation, begun.lease, begun.held))
    except LeaseLost as error:
        return Report(order.policy.name, begun.rotation, refused=error)
