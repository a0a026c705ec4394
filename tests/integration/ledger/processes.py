"""Real processes: several that work on one ledger at the same moment, and one that dies in the middle of a write."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from sqlalchemy import event

from rotator.domain.errors import RotatorError
from rotator.domain.model import Phase, Placed, Rotation, RotationId
from rotator.ledger.ledger import Ledger
from tests.integration.ledger.builders import MINUTE, NOW, TTL, a_rotation, a_token, an_event, begun, buried
from tests.integration.ledger.watching import before_each_statement

_PATIENCE = 60

# Starts children from a clean process that has the imports done already: quick, and safe beside threads.
_STARTER = multiprocessing.get_context("forkserver")
_STARTER.set_forkserver_preload([__name__])

Job = Callable[[Ledger, str], str]


def outcomes_of(job: Job, url: str, key_file: Path, processes: int) -> list[str]:
    """Run ``job`` in this many processes that each open the ledger first and then begin together. Sorted results."""
    return _together(processes, _worked, job, url, key_file)


def outcomes_of_opening(url: str, key_file: Path, processes: int) -> list[str]:
    """Have this many processes open the ledger at once."""
    return _together(processes, _opened, url, key_file)


def _together(processes: int, target: Callable[..., None], *arguments: Any) -> list[str]:
    barrier, results = _STARTER.Barrier(processes), _STARTER.SimpleQueue()
    children = [
        _STARTER.Process(target=target, args=(barrier, results.put, f"process-{number}", *arguments))
        for number in range(processes)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(_PATIENCE)
    assert [child.exitcode for child in children] == [0] * processes
    return sorted(results.get() for _ in children)


def _worked(barrier: Barrier, report: Callable[[str], None], owner: str, job: Job, url: str, key_file: Path) -> None:
    with Ledger.open(url, key_file=key_file) as ledger:
        barrier.wait(_PATIENCE)
        report(job(ledger, owner))


def _opened(barrier: Barrier, report: Callable[[str], None], _owner: str, url: str, key_file: Path) -> None:
    barrier.wait(_PATIENCE)
    try:
        with Ledger.open(url, key_file=key_file) as ledger:
            report(f"opened, {len(ledger.secrets())} secrets")
    except RotatorError as error:
        report(str(error))


# --- jobs --------------------------------------------------------------------------------------------------------


def claims(ledger: Ledger, owner: str) -> str:
    return "got it" if ledger.claim(a_rotation().id, owner, NOW + TTL, TTL) else "not"


def begins(ledger: Ledger, owner: str) -> str:
    try:
        begun(ledger, a_rotation(f"of-{owner}"), owner)
    except RotatorError as error:
        return type(error).__name__
    return "begun"


def claims_what_is_ready(ledger: Ledger, owner: str) -> str:
    """Take ready rotations two at a time until none is left."""
    got: list[RotationId] = []
    while taken := ledger.claim_ready(owner, NOW + TTL, TTL, 2):
        got += [lease.rotation for _, lease in taken]
    return " ".join(sorted(got))


# --- sudden death ------------------------------------------------------------------------------------------------


def dies_while_recording(url: str, key_file: Path, point: int) -> bool:
    """Have a process make a large move, and kill itself just before its statement number ``point`` is sent.

    BEGIN and COMMIT count. False when the move was through before: then it was made, and the process ended well.
    """
    child = _STARTER.Process(target=_record_and_die, args=(url, key_file, point))
    child.start()
    child.join(_PATIENCE)
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode != 0


def large_move(before: Rotation) -> Rotation:
    """Change the rotation, its old token and both destinations, and add a token."""
    assert before.old is not None
    new = a_token("new")
    written = [replace(place, state=Placed.WRITING, token=new.id) for place in before.destinations]
    return replace(
        before,
        phase=Phase.ISSUED,
        phase_at=NOW + MINUTE,
        old=buried(before.old),
        tokens=(new,),
        destinations=tuple(written),
    )


def _record_and_die(url: str, key_file: Path, point: int) -> None:
    with Ledger.open(url, key_file=key_file) as ledger:
        [(before, lease)] = ledger.claim_ready("dying", NOW + TTL, TTL, 1)
        statements = count(1)

        def die_in_time(*_: Any) -> None:
            if next(statements) == point:
                os.kill(os.getpid(), signal.SIGKILL)

        before_each_statement(ledger, die_in_time)
        event.listen(ledger._database.engine, "commit", die_in_time)
        ledger.record(lease, before, large_move(before), an_event("one"), an_event("two"))
