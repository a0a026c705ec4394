"""A whole installation in memory: issuers, stores, policies, a clock, a real ledger, and as many workers as wanted.

Everything has a default, so that a test names only what it is about::

    world = World(tmp_path)
    world.adopt("app")
    report = world.worker().rotate("app")
    assert world.stores["vault"].holds("app") == world.value_in_force("app")
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from rotator.domain.contracts import IssuerTraits, StoreTraits, Where
from rotator.domain.durations import Duration
from rotator.domain.errors import NeedsOperator
from rotator.domain.model import (
    Cause,
    ConnectionName,
    Event,
    Handle,
    IssuerRef,
    Mode,
    Overlap,
    Rotation,
    Secret,
    SecretName,
    Target,
    TokenState,
)
from rotator.domain.policy import Policy, PolicySet, Schedule, Source
from rotator.domain.secret_value import SecretValue
from rotator.domain.trial import Trial
from rotator.flow import adoption, emergency, reconcile
from rotator.flow.opening import Order
from rotator.flow.report import Report
from rotator.flow.runner import Runner
from rotator.flow.work import LEASE, OpenDestination, Tools
from rotator.ledger.ledger import Lease
from rotator.testing.moving_clock import MovingClock
from tests.fakes.memory_issuer import MemoryIssuer
from tests.fakes.memory_store import MemoryPlace, MemoryStore
from tests.fakes.scripted import Hook, Killed, Script
from tests.fakes.watched_ledger import WatchedLedger

VAULT = StoreTraits()
SECRETS_MANAGER = StoreTraits(stages=True)
ENV_FILE = StoreTraits(versioned=False)
BY_HAND = IssuerTraits(by_hand=True, lists=False)
HEROKU = StoreTraits(readable=False, versioned=False, compares_and_sets=False)
RESTARTED = StoreTraits(versioned=False, settles=True)

NO_OVERLAP = Overlap(for_=timedelta())
A_DAY = Overlap(for_=timedelta(hours=24))


class World:
    """Holds the truth, and opens providers for the engine: it implements ``rotator.flow.work.Connections``."""

    def __init__(
        self,
        folder: Path,
        *,
        issuer: IssuerTraits | None = None,
        stores: Mapping[str, StoreTraits] | None = None,
        secrets: tuple[str, ...] = ("app",),
        overlap: Overlap = NO_OVERLAP,
    ) -> None:
        self.folder = folder
        self.clock = MovingClock()
        self.hook: Hook = lambda _moment: None
        self.issuer_fake = MemoryIssuer(self.clock, issuer, script=Script("issuer", self._at))
        kinds = stores if stores is not None else {"vault": VAULT}
        self.stores = {name: MemoryStore(kind, script=Script(name, self._at)) for name, kind in kinds.items()}
        self.policies = {name: self._policy(name, overlap) for name in secrets}
        self.ledger = WatchedLedger.made_in(folder)
        self.ledger.hook = self._at
        self.events: list[Event] = []
        self.trials: dict[SecretName, Trial] = {}
        """What the policy in force asks of new tokens, beside the issuer's word."""
        self._workers = itertools.count(1)

    def _at(self, moment: str) -> None:
        self.hook(moment)

    def _policy(self, name: str, overlap: Overlap) -> Policy:
        targets = tuple(Target(ConnectionName(store), {"name": name}) for store in self.stores)
        return Policy(
            name=SecretName(name),
            issuer=IssuerRef(ConnectionName("issuer")),
            token_name=name,
            targets=targets,
            source=Source(self.folder / "policies.yaml", 1),
            schedule=Schedule(every=Duration.parse("90 days")),
            overlap=overlap,
        )

    # --- Connections ---

    def issuer(self, _ref: IssuerRef) -> MemoryIssuer:
        return self.issuer_fake

    def destination(self, target: Target) -> OpenDestination:
        return OpenDestination(self.stores[target.connection], MemoryPlace(**target.place))

    def where(self, target: Target) -> Where:
        return Where(str(target))

    # --- doing ---

    def worker(self, patience: timedelta = timedelta(minutes=2), *, stays: bool = True) -> Worker:
        """Start another process: a command, or (when it does not stay with troubles) a daemon."""
        owner = f"worker-{next(self._workers)}"
        tools = Tools(self.ledger, self.clock, self, "alice", owner, (self.events.append,), trial_of=self.trials.get)
        return Worker(self, Runner(tools, patience, stays=stays))

    def adopt(self, name: str = "app", *, in_all_stores: bool = True, expires_at: datetime | None = None) -> str:
        """Make a token by hand, put it everywhere, and take it over. Gives its value."""
        token = self.issuer_fake.make_by_hand(f"{name}-by-hand", foreign=False)
        for store in self.stores.values() if in_all_stores else ():
            store.put_by_hand(name, token.value)
        known_as = Handle(token.name) if self.issuer_fake.traits.by_hand else token.handle
        adoption.adopt(self.worker().runner.tools, self.policies[name], known_as, expires_at)
        self.clock.move(minutes=10)
        return token.value

    @contextmanager
    def killed_at(self, moment: str, occurrence: int = 1) -> Iterator[None]:
        """Kill whoever comes to this moment, the given time round. Fails when nobody comes."""
        came = itertools.count(1)

        def kill(now: str) -> None:
            if now == moment and next(came) == occurrence:
                raise Killed(moment)

        self.hook = kill
        try:
            yield
        except Killed:
            return
        finally:
            self.hook = lambda _moment: None
        raise AssertionError(f"nobody was killed: {moment} never came to pass")

    def lease_runs_out(self) -> None:
        self.clock.move(seconds=LEASE.total_seconds() + 1)

    def mend(self) -> None:
        """Have everything work from now on."""
        self.issuer_fake.mend()
        for store in self.stores.values():
            store.script.forgive()

    def works(self) -> bool:
        """Tell whether no fault is lined up, and the issuer is honest."""
        issuer = self.issuer_fake
        scripts = [issuer.script, *(store.script for store in self.stores.values())]
        deceives = issuer.revokes_in_vain or issuer.makes_duds or issuer.gives_back_the_newest
        return not deceives and not any(script.lined_up for script in scripts)

    # --- looking ---

    def changes(self) -> int:
        """Count the calls so far that change something at a provider."""
        calls = [
            *self.issuer_fake.script.calls,
            *(call for store in self.stores.values() for call in store.script.calls),
        ]
        return sum(call in ("issue", "revoke", "write", "promote", "restore", "discard") for call in calls)

    def secret(self, name: str = "app") -> Secret:
        return self.ledger.secret(SecretName(name))

    def rotation(self, name: str = "app") -> Rotation:
        """Give the rotation that was opened last."""
        rotation = self.ledger.last_rotation(SecretName(name))
        assert rotation is not None
        return rotation

    def kinds_of_events(self) -> list[str]:
        return [event.kind for event in self.events]

    def held_everywhere(self, name: str = "app") -> str:
        """Give the one value that all stores hold, by what really stands there."""
        values = {store.holds(name) for store in self.stores.values()}
        assert len(values) == 1, "the stores hold different tokens"
        value = values.pop()
        assert value is not None
        return value

    def alive(self) -> set[str]:
        return {token.value for token in self.issuer_fake.alive()}

    def unfinished_tokens(self, name: str = "app") -> list[TokenState]:
        rotation = self.rotation(name)
        tokens = (*((rotation.old,) if rotation.old else ()), *rotation.tokens[:-1])
        return [token.state for token in tokens if token.state is not TokenState.DEAD]


class SomebodyElse(NeedsOperator):
    """The command is refused because another process works on the rotation, or did a moment ago."""


class Worker:
    """One process: a command, or the daemon. What it holds in memory is gone when it is thrown away."""

    def __init__(self, world: World, runner: Runner) -> None:
        self.world = world
        self.runner = runner

    def rotate(
        self,
        name: str = "app",
        cause: Cause = Cause.ASKED,
        mode: Mode = Mode.ROTATE_FIRST,
        overlap: Overlap | None = None,
    ) -> Report:
        """``rotate now``."""
        return emergency.rotate(self.runner, Order(self.world.policies[name], cause, mode, overlap))

    def one_pass(self) -> list[Report]:
        """``rotate run --once``."""
        policies = PolicySet(tuple(self.world.policies.values()), {})
        return list(reconcile.one_pass(self.runner, policies))

    def resume(self, name: str = "app") -> Rotation:
        return self.runner.resume(*self._held(name))

    def withdraw(self, name: str = "app", *, gone: bool = False) -> Rotation:
        rotation, lease = self._held(name)
        return self.runner.withdraw(rotation, lease, "a person asked for it", gone=gone)

    def hand_in(self, value: str, name: str = "app", expires_at: datetime | None = None) -> Rotation:
        return self.runner.hand_in(*self._held(name), SecretValue(value), expires_at)

    def say_it_is_lost(self, name: str = "app") -> Rotation:
        return self.runner.give_up_value(*self._held(name))

    def say_it_is_gone(self, name: str = "app") -> Rotation:
        return self.runner.believe(*self._held(name))

    def retire(self, name: str = "app") -> Rotation:
        return self.runner.retire_now(*self._held(name))

    def _held(self, name: str) -> tuple[Rotation, Lease]:
        opened = self.world.secret(name).open
        assert opened is not None, "there is no open rotation"
        tools = self.runner.tools
        lease = tools.ledger.claim(opened.id, tools.owner, tools.clock.now(), LEASE)
        if lease is None:
            raise SomebodyElse("another process is working on the rotation")
        fresh = tools.ledger.rotation(opened.id)
        assert fresh is not None
        return fresh, lease
