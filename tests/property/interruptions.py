"""What may come between two instants of a run: it is killed, held up too long, or somebody else acts meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from hypothesis import note
from hypothesis import strategies as st

from rotator.domain.errors import LeaseLost, LedgerUnavailable
from tests.fakes.memory_store import MemoryStore
from tests.fakes.scripted import Killed
from tests.fakes.world import World

_LONGEST_RUN = 70
_TURNING_POINTS = [
    f"{when} {what}" for what in ("issuer.issue", "issuer.revoke", "write", "promote", "settle", "ledger.begin")
    for when in ("before", "after")
]  # fmt: skip
_CHANGES_A_STORE = ("write", "promote", "restore")


class Kind(Enum):
    NOTHING = "nothing"
    KILLED = "killed"
    HELD_UP = "held up"
    """Its lease runs out, another worker makes a pass, and then it goes on as if nothing had happened."""
    OVERWRITTEN = "somebody writes our field"
    CHANGED_BESIDE = "somebody changes another field"
    STOPPED = "asked to stop"
    LEDGER_FAILED = "the ledger failed"
    """At the next write to it: nobody knows whether it was made."""


@dataclass(frozen=True)
class Interruption:
    kind: Kind
    at: int | str
    """Which instant of the run: its number, counted from 1, or its name. A run may not come to it."""
    store: int = 0
    secret: str = ""


def interruptions(secrets: list[str]) -> st.SearchStrategy[Interruption]:
    return st.builds(
        Interruption,
        st.sampled_from(Kind),
        st.one_of(st.integers(1, _LONGEST_RUN), st.sampled_from(_TURNING_POINTS)),
        st.integers(0, 2),
        st.sampled_from(secrets),
    )


class Interrupted:
    """Counts the instants of a run, and lets the interruption happen at its own."""

    def __init__(self, world: World, interruption: Interruption, others_work: Callable[[], None]) -> None:
        self.world = world
        self.interruption = interruption
        self.others_work = others_work
        self.count = 0
        self.passed = False

    def __call__(self, moment: str) -> None:
        self.count += 1
        if not self._has_come(moment):
            return
        note(f"   {self.interruption.kind.value}: {moment}")
        self.world.hook = lambda _moment: None
        match self.interruption.kind:
            case Kind.KILLED:
                raise Killed(moment)
            case Kind.HELD_UP:
                self._hold_up(moment)
            case Kind.OVERWRITTEN:
                self._somebody_writes()
            case Kind.CHANGED_BESIDE:
                self._somebody_changes_beside()
            case Kind.STOPPED:
                self.world.clock.stop()
            case Kind.LEDGER_FAILED:
                raise LedgerUnavailable("the ledger failed, and it is not known whether the change was made")

    def _has_come(self, moment: str) -> bool:
        at = self.interruption.at
        self.passed = self.passed or (self.count >= at if isinstance(at, int) else _is_called(moment, at))
        match self.interruption.kind:
            case Kind.NOTHING:
                return False
            case Kind.LEDGER_FAILED:
                return self.passed and "ledger" in moment
            case _:
                return self.passed

    def _hold_up(self, moment: str) -> None:
        """Let others work, then go on.

        Nobody can call a process back that wakes up inside of a call. So three things are left out: it writes to a
        place that is still as it was, or that cannot compare; it revokes a handle that was given to another token
        meanwhile; it makes a token that nobody waits for any more, and cannot revoke it. In the first two cases its
        connection is taken to be gone with the pause; in the last, that the issuer answers.
        """
        world, store = self.world, self._store_about_to_change(moment)
        place = store.script.at if store is not None else ""
        version = store.version(place) if store is not None else None
        world.lease_runs_out()
        self.others_work()
        if store is not None and (not store.kind.compares_and_sets or store.version(place) == version):
            raise LeaseLost("the connection was gone when the process woke up")
        if moment == "before issuer.revoke" and world.issuer_fake.traits.reuses_handles:
            raise LeaseLost("the connection was gone when the process woke up")
        if moment == "before issuer.issue":
            world.issuer_fake.mend()

    def _store_about_to_change(self, moment: str) -> MemoryStore | None:
        when, _, call = moment.partition(" ")
        subject, _, verb = call.partition(".")
        return self.world.stores.get(subject) if when == "before" and verb in _CHANGES_A_STORE else None

    def _somebody_writes(self) -> None:
        stores = list(self.world.stores.values())
        stores[self.interruption.store % len(stores)].put_by_hand(self.interruption.secret, "a-value-of-somebody-else")

    def _somebody_changes_beside(self) -> None:
        stores = list(self.world.stores.values())
        stores[self.interruption.store % len(stores)].change_a_sibling(self.interruption.secret, "password", "theirs")


def _is_called(moment: str, name: str) -> bool:
    """Tell whether a moment is the one of this name; ``before write`` is so at every store."""
    when, _, call = name.partition(" ")
    return moment.startswith(when) and moment.endswith(call)
