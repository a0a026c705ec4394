"""All that a company has: many issuers, the stores of all its secrets, one ledger, one clock.

``World`` is one issuer with its secrets; here are many of them, on one ledger. Each ``Account`` looks like a world to
``tests.property.eight_rules``, so the same rules are checked.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rotator.domain.contracts import Where
from rotator.domain.model import Event, IssuerRef, Secret, SecretName, Target
from rotator.domain.policy import Policy, PolicySet
from rotator.flow import adoption
from rotator.flow.runner import Runner
from rotator.flow.work import OpenDestination, Tools
from rotator.testing.moving_clock import MovingClock
from tests.fakes.memory_issuer import MadeToken, MemoryIssuer
from tests.fakes.memory_store import MemoryPlace, MemoryStore
from tests.fakes.scripted import Hook, Script
from tests.simulation.failing_ledger import FailingLedger
from tests.simulation.kinds import BEGINNING, STORES, Kind


@dataclass
class Account:
    """One issuer's account, and the secrets that it issues: a small world of the estate."""

    kind: Kind
    issuer_fake: MemoryIssuer
    policies: dict[str, Policy]
    estate: Estate

    @property
    def folder(self) -> Path:
        return self.estate.folder

    @property
    def stores(self) -> dict[str, MemoryStore]:
        return self.estate.stores

    @property
    def ledger(self) -> FailingLedger:
        return self.estate.ledger

    @property
    def events(self) -> list[Event]:
        return self.estate.events

    def secret(self, name: str) -> Secret:
        return self.ledger.secret(SecretName(name))


class Estate:
    """Holds the truth, and opens providers for the engine: it implements ``rotator.flow.work.Connections``."""

    def __init__(self, folder: Path, kinds: Iterable[Kind]) -> None:
        self.folder = folder
        self.clock = MovingClock(BEGINNING)
        self.hook: Hook = lambda _moment: None
        """Called before and after every call of a provider and every write to the ledger."""
        self.events: list[Event] = []
        self.on_event: Callable[[Event], None] = lambda _event: None
        self.stores = {name: MemoryStore(traits, script=Script(name, self._at)) for name, traits in STORES.items()}
        self.accounts = {account: self._account(kind, account) for kind in kinds for account in kind.accounts()}
        self.account_of = {name: account for account in self.accounts.values() for name in account.policies}
        self.ledger = self.opened(FailingLedger.made_in(folder))
        self._processes = itertools.count(1)

    def _at(self, moment: str) -> None:
        self.hook(moment)

    def opened(self, ledger: FailingLedger) -> FailingLedger:
        """Work with this ledger from now on."""
        self.ledger = ledger
        ledger.hook = self._at
        return ledger

    def _account(self, kind: Kind, name: str) -> Account:
        issuer = kind.issuer(self.clock, kind.traits, script=Script(name, self._at))
        return Account(kind, issuer, {str(policy.name): policy for policy in kind.policies_of(name, self.folder)}, self)

    @property
    def policies(self) -> PolicySet:
        policies = (policy for account in self.accounts.values() for policy in account.policies.values())
        return PolicySet(tuple(policies), {}, commit="c0ffee")

    # --- Connections ---

    def issuer(self, ref: IssuerRef) -> MemoryIssuer:
        return self.accounts[ref.connection].issuer_fake

    def destination(self, target: Target) -> OpenDestination:
        return OpenDestination(self.stores[target.connection], MemoryPlace(**target.place))

    def where(self, target: Target) -> Where:
        return Where(str(target))

    # --- doing ---

    def runner(self, who: str, *, stays: bool) -> Runner:
        """Start another process. What it holds in memory is gone when it is thrown away."""
        owner = f"process-{next(self._processes)}"
        return Runner(Tools(self.ledger, self.clock, self, who, owner, (self._heard,)), stays=stays)

    def _heard(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)

    def adopt_everything(self) -> None:
        """Take over a token for each secret. Where issuers tell, some were made weeks ago: they are due the sooner."""
        runner = self.runner("alice", stays=True)
        for number, (name, account) in enumerate(sorted(self.account_of.items())):
            age = timedelta(days=number * 14 % 56) if account.kind.traits.lists else timedelta()
            token = self._made_long_ago(account, name, age)
            for target in account.policies[name].targets:
                self.stores[target.connection].put_by_hand(name, token.value)
            adoption.adopt(runner.tools, account.policies[name], token.handle)

    def _made_long_ago(self, account: Account, name: str, age: timedelta) -> MadeToken:
        token = account.issuer_fake.make_by_hand(f"{name}-by-hand", foreign=False)
        token.created_at = token.known_from = self.clock.now() - age
        token.expires_at = account.kind.end_of_adopted(token.created_at)
        return token
