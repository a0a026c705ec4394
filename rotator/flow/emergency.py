"""``rotate now``: rotations that a person asked for, at once, for one secret or for all that an issuer ever gave us.

An open rotation is never an obstacle. Asked for again, it is what was asked for, and is moved on as far as it goes
without a person's word: that is what ``rotate resume`` gives. In a compromise it is taken over: withdrawn if no
consumer can hold its token, else finished without overlap; then a new one begins, and so both tokens of the earlier
one die.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime
from typing import Final

from rotator.domain.errors import LeaseLost, LedgerUnavailable, NeedsOperator, RotatorError, Temporary, WrongOrder
from rotator.domain.lifecycle import untouched
from rotator.domain.model import Cause, Mode, Phase, Rotation, TokenState
from rotator.flow import handing_in
from rotator.flow.budget import on_behalf_of
from rotator.flow.lanes import Lanes
from rotator.flow.opening import Order
from rotator.flow.reconcile import start
from rotator.flow.report import Report
from rotator.flow.runner import Runner, unforeseen
from rotator.flow.work import LEASE
from rotator.ledger.leases import Lease
from rotator.observe.troubles import stuck

WORKERS: Final = 8
"""Rotations that run side by side in one process."""

STOPPED: Final = Temporary("The command was stopped before its turn came.")
"""Why a rotation was not begun: there is nothing wrong with it."""


def rotate_all(
    runner: Runner, orders: Sequence[Order], workers: int = WORKERS, room: Mapping[str, int | None] | None = None
) -> Iterator[Report]:
    """Rotate all of these now, side by side; give each one's report as it comes. One that fails holds up no other.

    ``room``: how many tokens more each account (see ``lanes.account_key``) can have. No more rotations of an
    account than that are under way at a time, for each needs room for one until its old token is dead. Once the
    process is asked to stop, no other is begun.

    Those that were not begun for a trouble that may pass (another one was writing to the same document, a service
    asked to be left alone) are tried again when all the others are done, for as long as that helps.
    """
    while orders:
        postponed: list[tuple[Order, Report]] = []
        for order, report in _side_by_side(runner, orders, workers, room or {}):
            if _may_be_tried_again(report):
                postponed.append((order, report))
            else:
                yield report
        if len(postponed) == len(orders):
            yield from (report for _, report in postponed)
            return
        orders = [order for order, _ in postponed]


def _side_by_side(
    runner: Runner, orders: Sequence[Order], workers: int, room: Mapping[str, int | None]
) -> Iterator[tuple[Order, Report]]:
    lanes = Lanes(orders, room)
    under_way: dict[Future[Report], Order] = {}
    with ThreadPoolExecutor(max(1, min(workers, len(orders))), thread_name_prefix="rotation") as pool:
        while True:
            while len(under_way) < workers and (order := lanes.next()) is not None:
                under_way[pool.submit(rotate, runner, order)] = order
            if not under_way:
                return
            ended, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in ended:
                order = under_way.pop(future)
                lanes.ended(order)
                yield order, future.result()


def _may_be_tried_again(report: Report) -> bool:
    not_begun = report.rotation is None and report.refused is not STOPPED
    return not_begun and isinstance(report.refused, Temporary)


def rotate(runner: Runner, order: Order) -> Report:
    """Rotate one secret now; a compromised one ahead of everything else that waits for the same services."""
    name = order.policy.name
    if runner.tools.clock.is_stopping:
        return Report(name, refused=STOPPED)
    try:
        with on_behalf_of(order.cause):
            return _rotate(runner, order)
    except (LedgerUnavailable, WrongOrder):
        raise
    except RotatorError as error:
        return Report(name, runner.tools.ledger.secret(name).open, refused=error)
    except Exception as bug:  # noqa: BLE001  one plug-in's bug must not keep every other secret from its rotation
        return Report(name, runner.tools.ledger.secret(name).open, refused=unforeseen("rotate now", bug))


def _rotate(runner: Runner, order: Order) -> Report:
    tools = runner.tools
    secret = tools.ledger.secret(order.policy.name)
    opened = secret.open
    if opened is None:
        return start(runner, order, secret)
    lease = tools.ledger.claim(opened.id, tools.owner, tools.clock.now(), LEASE)
    if lease is None:
        return Report(order.policy.name, opened, refused=_elsewhere(opened))
    rotation = tools.ledger.rotation(opened.id)
    assert rotation is not None
    try:
        if order.cause is not Cause.COMPROMISED or is_answer(rotation, order.since):
            at_once = order.overlap is not None and not order.overlap.for_ and rotation.phase is Phase.CONFIRMED
            move_on = runner.retire_now if at_once else runner.wake
            return Report(order.policy.name, move_on(rotation, lease))
        ended = _taken_over(runner, rotation, lease, order.mode)
    except LeaseLost:
        return Report(order.policy.name, opened, refused=_elsewhere(opened))
    if ended.phase.is_open:
        return Report(order.policy.name, ended, refused=None if is_answer(ended, order.since) else _first(ended))
    return replace(start(runner, order), taken_over=ended if ended.phase is Phase.RETIRED else None)


def is_answer(rotation: Rotation, since: datetime | None) -> bool:
    """Tell whether a rotation answers the compromise that was declared at ``since``, and not an earlier one.

    One that was begun before does, too, when its token was made after it, or is yet to be made by hand.
    """
    if rotation.cause is not Cause.COMPROMISED or since is None or rotation.opened_at >= since:
        return rotation.cause is Cause.COMPROMISED
    made = rotation.new.created_at if rotation.new is not None else None
    return made is not None and made >= since


def _taken_over(runner: Runner, rotation: Rotation, lease: Lease, mode: Mode) -> Rotation:
    if handing_in.is_waited_for(rotation):
        return runner.take_over(rotation, lease, mode)
    contained = rotation.old is not None and rotation.old.state is not TokenState.LIVE
    if untouched(rotation) and rotation.phase is not Phase.CONFIRMED and not contained:
        return runner.withdraw(rotation, lease, "taken over: the secret was compromised")
    return runner.retire_now(rotation, lease)


def _first(rotation: Rotation) -> NeedsOperator:
    """Say what comes before the compromised token can be replaced: an earlier rotation has to end."""
    return NeedsOperator(
        f"{stuck(rotation)} That belongs to an earlier rotation.",
        remedy=f"Then run `rotate now {rotation.secret} --compromised` again: the token in use is yet to be replaced.",
    )


def _elsewhere(rotation: Rotation) -> NeedsOperator:
    return NeedsOperator(
        f"Another process is working on rotation {rotation.id} of {rotation.secret}.",
        remedy="Let it finish, or run this again when its lease is over (five minutes after its last sign of life).",
    )
