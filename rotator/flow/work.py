"""One rotation in hand: what a step may use, and the only way in which it may move the rotation.

``Work.record`` is write-ahead and write-behind alike: a step records its intent, makes one outside call, and records
the outcome. An outcome may be noted instead (``Work.note``), to become durable with the intent that follows it.
Values live here, in ``Held``, and nowhere else in the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, Protocol, TypeVar, cast

from rotator.domain.clock import Clock
from rotator.domain.contracts import Issuer, IssuerByHand, Place, Store, StoreTraits, Where
from rotator.domain.errors import Temporary
from rotator.domain.model import Destination, Event, Fingerprint, IssuerRef, Rotation, SecretName, Target, Token
from rotator.domain.secret_value import SecretValue
from rotator.domain.trial import Trial
from rotator.ledger.leases import Lease
from rotator.ledger.ledger import Ledger
from rotator.observe.logs import logger

LEASE: Final = timedelta(minutes=5)
"""How long a rotation is ours without a sign of life. Longer than any single call may take."""

RENEW_BELOW: Final = timedelta(minutes=3)

WRITERS: Final = 8
"""Destinations of one rotation that are written or read side by side."""


@dataclass(frozen=True)
class OpenDestination:
    """A destination's store, opened, and the place in it."""

    store: Store[Any]
    place: Place

    @property
    def traits(self) -> StoreTraits:
        return self.store.traits(self.place)


class Connections(Protocol):
    """Opens what rotations name. Implemented where the parts are put together."""

    def issuer(self, ref: IssuerRef) -> Issuer:
        """Open an issuer; NeedsOperator if its connection is gone from the policies."""
        ...

    def destination(self, target: Target) -> OpenDestination:
        """Open a destination; NeedsOperator if its connection is gone from the policies."""
        ...

    def where(self, target: Target) -> Where:
        """Tell where a destination's value lies, with its document as text; NeedsOperator as above."""
        ...


@dataclass
class Held:
    """The values of one rotation, while this process lives."""

    new: SecretValue | None = None
    old: SecretValue | None = None
    shown: list[SecretValue] = field(default_factory=list)
    """What the places held when it began, until this run ends: what stores saw beside it is kept for as long."""

    def forget(self) -> None:
        """Let go of all of them."""
        self.new = self.old = None
        self.shown.clear()


@dataclass(frozen=True)
class Tools:
    """What every rotation of this process shares."""

    ledger: Ledger
    clock: Clock
    connections: Connections
    actor: str
    """Who acts, for the history: a person's login, or the daemon."""
    owner: str
    """Which process this is, for leases: different for every process on every machine."""
    observers: Sequence[Callable[[Event], None]] = ()
    measured: Callable[[str, timedelta], None] = lambda _step, _took: None
    """Is told how long each step took."""
    trial_of: Callable[[SecretName], Trial | None] = lambda _name: None
    """What the policy in force asks of a new token, beside the issuer's own word."""

    def tell(self, *events: Event) -> None:
        """Tell whoever watches what is in the ledger now. One who fails misses it: it stops nobody from working."""
        for event in events:
            for observer in self.observers:
                try:
                    observer(event)
                except Exception as bug:  # noqa: BLE001  what watches must not stop what works; it is written down
                    logger().error("an event could not be shown", kind=event.kind, secret=event.secret, exc_info=bug)


@dataclass
class Work:
    """One rotation, ours by lease."""

    tools: Tools
    rotation: Rotation
    lease: Lease
    held: Held = field(default_factory=Held)
    leased: bool = True
    """False when others have the rotation and only something of our own is cleaned up: nothing can be recorded then."""
    just_confirmed: bool = False
    """The destinations were read back in this very run, a moment ago."""
    _before_note: Rotation | None = field(default=None, init=False)
    """The rotation as the ledger has it, while a move is noted."""
    _noted: list[Event] = field(default_factory=list, init=False)

    @cached_property
    def issuer(self) -> Issuer:
        return self.tools.connections.issuer(self.rotation.issuer)

    @property
    def by_hand(self) -> IssuerByHand | None:
        """The issuer, where people make and delete its tokens; None where we do."""
        return cast("IssuerByHand", self.issuer) if self.issuer.traits.by_hand else None

    def open(self, destination: Destination) -> OpenDestination:
        return self.tools.connections.destination(destination.target)

    def where(self, destination: Destination) -> Where:
        return self.tools.connections.where(destination.target)

    @property
    def now(self) -> datetime:
        return self.tools.clock.now()

    @property
    def new(self) -> Token:
        """Give the token on its way to the consumers. Asked only in phases that have one."""
        token = self.rotation.new
        assert token is not None
        return token

    @property
    def holding(self) -> bool:
        """Tell whether we have the new token's value: that of an earlier token, from before others went on, is none."""
        return self.matches(self.rotation.new, self.held.new)

    def fingerprint(self, value: SecretValue) -> Fingerprint:
        return self.tools.ledger.fingerprint(value)

    def matches(self, token: Token | None, value: SecretValue | None) -> bool:
        """Tell whether this value is that token's."""
        if token is None or value is None or token.fingerprint is None:
            return False
        return self.fingerprint(value) == token.fingerprint

    def record(self, after: Rotation, kind: str, **detail: Any) -> None:
        """Make one move durable, with its line in the audit log. LeaseLost: the rotation is no longer ours."""
        if self._noted and self._in_ledger.phase is not self.rotation.phase is not after.phase:
            self.flush()  # the ledger takes one change of phase at a time
        self._save(after, [*self._noted, self._event(after, kind, detail)])

    def note(self, after: Rotation, kind: str, **detail: Any) -> None:
        """Make a move that becomes durable with the next one: an outcome that shares the commit of the next intent.

        Only where nothing outside is touched before that next ``record``. A crash in between undoes no more than a
        crash just before this call would.
        """
        self.flush()
        self._before_note, self._noted = self.rotation, [self._event(after, kind, detail)]
        self.rotation = after

    def put_off(self, after: Rotation) -> None:
        """Make a change durable that is no news to anybody: nothing happened, and it is looked again later."""
        self.flush()
        self._save(after, [])

    def flush(self) -> None:
        """Make durable what was noted."""
        if self._noted:
            self._save(self.rotation, self._noted)

    @property
    def _in_ledger(self) -> Rotation:
        return self._before_note or self.rotation

    def _event(self, after: Rotation, kind: str, detail: dict[str, Any]) -> Event:
        return Event(kind, after.secret, self.now, self.tools.actor, after.id, detail)

    def _save(self, after: Rotation, events: list[Event]) -> None:
        self.rotation = self.tools.ledger.record(self.lease, self._in_ledger, after, *events)
        self._before_note, self._noted = None, []
        self.tools.tell(*events)

    def keep_lease(self) -> None:
        """Make sure that the rotation is still ours, for longer than a call takes. Asked before every outside call."""
        now = self.now
        if self.leased and self.lease.until - now < RENEW_BELOW:
            self.lease = self.tools.ledger.renew(self.lease, now, LEASE)

    def write_key(self, token: Token) -> str:
        """Give the key under which a write of this token is repeatable: the same in every process."""
        return f"{self.rotation.id}/{token.id}"


ResultT = TypeVar("ResultT")


def poll(work: Work, patience: timedelta, attempt: Callable[[], ResultT | None]) -> ResultT | None:
    """Call ``attempt`` until it gives something or ``patience`` is over: at once, then at growing intervals.

    None when time ran out. Raises Temporary when the process is asked to stop: then nothing is known yet.
    """
    deadline = work.now + patience
    pause = timedelta(milliseconds=250)
    while True:
        work.keep_lease()
        result = attempt()
        if result is not None:
            return result
        left = deadline - work.now
        if left <= timedelta():
            return None
        if not work.tools.clock.wait(min(pause, left)):
            raise Temporary("The process was asked to stop while it waited for an answer to change.")
        pause = min(pause * 2, timedelta(seconds=5))


def side_by_side(
    action: Callable[[Destination], ResultT], destinations: Iterable[Destination]
) -> list[tuple[Destination, ResultT | Exception]]:
    """Do the same to several destinations at once; give each one's result or error, in their order."""

    def attempt(destination: Destination) -> ResultT | Exception:
        try:
            return action(destination)
        except Exception as error:  # noqa: BLE001  not swallowed: each destination's error is the caller's to weigh
            return error

    places = list(destinations)
    if len(places) <= 1:
        return [(place, attempt(place)) for place in places]
    with ThreadPoolExecutor(min(len(places), WRITERS), thread_name_prefix="destination") as pool:
        futures = [pool.submit(copy_context().run, attempt, place) for place in places]
        return [(place, future.result()) for place, future in zip(places, futures, strict=True)]


def to_go_on(rotation: Rotation) -> Rotation:
    """Give the rotation as it is when it is taken up before its time. What a person is asked for stays asked."""
    if rotation.trouble is not None and rotation.trouble.is_asked:
        return replace(rotation, retry_at=None)
    return without_trouble(rotation)


def without_trouble(rotation: Rotation) -> Rotation:
    """Give the rotation as it is when it moves again."""
    return replace(rotation, trouble=None, retry_at=None, attempts=0)
