"""A rotation under everything at once: faults, kills, processes that are held up, clock jumps, people who interfere.

Hypothesis makes up the story; after every step of it the eight rules are checked against the truth. In the end the
faults stop, and every rotation must come to its end.

What is left out, because no rotator can keep its rules there:

* a process held up inside of a call, which nobody can call back any more (``interruptions`` says which ones matter);
* where tokens have no names: somebody else makes one in the very moment in which an answer of ours is lost;
* a person puts the old token back where nothing can be read, or when its end has begun;
* a clock that is wrong by more than five minutes.

The number of examples is fixed, and so is nothing else: every run tells other stories. A failure prints the shortest
story it found, with a line that tells it again.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rotator.domain.contracts import IssuerTraits, StoreTraits
from rotator.domain.errors import LeaseLost, RotatorError
from rotator.domain.model import Cause, Mode, Phase, TokenState
from rotator.flow import opening, work
from rotator.flow.lost import CLOCK_SKEW
from rotator.flow.report import Report
from tests.fakes.containment import contained
from tests.fakes.in_order import InOrder
from tests.fakes.scripted import Killed
from tests.fakes.world import A_DAY, ENV_FILE, HEROKU, NO_OVERLAP, RESTARTED, SECRETS_MANAGER, VAULT, Worker, World
from tests.property import eight_rules
from tests.property.accidents import ANY_ACCIDENT, Accident
from tests.property.interruptions import Interrupted, Interruption, interruptions

SECRETS = ["app", "web"]
ISSUERS = {
    "named": IssuerTraits(),
    "nameless": IssuerTraits(names_tokens=False),
    "reuses handles": IssuerTraits(reuses_handles=True),
    "binds values": IssuerTraits(binds_value_to_handle=True),
}
INSTALLATIONS = [
    ["vault"],
    ["heroku"],
    ["aws", "file"],
    ["vault", "heroku"],
    ["restarted", "also restarted"],
    ["aws", "restarted", "heroku"],
]
STORES = {
    "vault": VAULT,
    "aws": SECRETS_MANAGER,
    "file": ENV_FILE,
    "heroku": HEROKU,
    "restarted": RESTARTED,
    "also restarted": StoreTraits(settles=True),
}

ANY_SECRET = st.sampled_from(SECRETS)
ANY_WORKER = st.integers(0, 1)


@dataclass(frozen=True)
class Circumstances:
    """Under which a command is given."""

    hours_later: float
    clock_wrong_by: int
    """Minutes by which the clock of all our processes is wrong from then on."""
    new_process: bool
    accident: Accident | None
    interruption: Interruption


ANY_CIRCUMSTANCES = st.builds(
    Circumstances,
    st.sampled_from([0, 0, 0.02, 0.1, 2, 25, 91 * 24]),
    st.sampled_from([0, 0, -4, 4]),
    st.booleans(),
    st.one_of(st.none(), ANY_ACCIDENT),
    interruptions(SECRETS),
)


class Rotations(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.whole = False
        """No rule was broken so far: then the end is worth looking at."""
        self.folder = Path(tempfile.mkdtemp(prefix="rotations-"))
        self.patches = pytest.MonkeyPatch()
        self.patches.setattr(work, "ThreadPoolExecutor", InOrder)
        numbers = itertools.count(1)
        self.patches.setattr(opening, "secrets", SimpleNamespace(token_hex=lambda _: f"{next(numbers):08x}"))

    @initialize(
        issuer=st.sampled_from(sorted(ISSUERS)),
        stores=st.sampled_from(INSTALLATIONS),
        overlap=st.sampled_from([NO_OVERLAP, A_DAY]),
        slow=st.booleans(),
    )
    def install(self, issuer: str, stores: list[str], overlap: Any, slow: bool) -> None:
        kinds = {name: STORES[name] for name in stores}
        self.world = World(self.folder, issuer=ISSUERS[issuer], stores=kinds, secrets=tuple(SECRETS), overlap=overlap)
        for secret in SECRETS:
            self.world.adopt(secret)
        if slow:
            self.world.issuer_fake.issue_delay = timedelta(seconds=8)
            self.world.issuer_fake.revoke_delay = timedelta(seconds=30)
        self.workers = [self.world.worker(), self.world.worker()]

    # --- commands ---

    @rule(who=ANY_WORKER, secret=ANY_SECRET, when=ANY_CIRCUMSTANCES)
    def rotate_now(self, who: int, secret: str, when: Circumstances) -> None:
        self.run(who, when, lambda worker: worker.rotate(secret))

    @rule(who=ANY_WORKER, secret=ANY_SECRET, mode=st.sampled_from(Mode), when=ANY_CIRCUMSTANCES)
    def rotate_compromised(self, who: int, secret: str, mode: Mode, when: Circumstances) -> None:
        report = self.run(who, when, lambda worker: worker.rotate(secret, Cause.COMPROMISED, mode))
        if isinstance(report, Report) and contained(report):
            eight_rules.compromised_means_dead(self.world, secret)

    @rule(who=ANY_WORKER, when=ANY_CIRCUMSTANCES)
    def pass_over_all(self, who: int, when: Circumstances) -> None:
        self.run(who, when, lambda worker: worker.one_pass())

    @precondition(lambda self: self.world.ledger.open_rotations())
    @rule(
        who=ANY_WORKER,
        secret=ANY_SECRET,
        command=st.sampled_from(["resume", "withdraw", "retire"]),
        when=ANY_CIRCUMSTANCES,
    )
    def move_by_hand(self, who: int, secret: str, command: str, when: Circumstances) -> None:
        opened = self.world.secret(secret).open
        if opened is None or (command == "retire" and opened.phase is not Phase.CONFIRMED):
            return
        self.run(who, when, lambda worker: getattr(worker, command)(secret))

    @precondition(lambda self: self.world.works() and eight_rules.waits_for_nobody(self.world))
    @rule(who=ANY_WORKER)
    def run_again_with_nothing_to_do(self, who: int) -> None:
        """Rule 6, where it is plainest to see: after a pass that took no time, another one changes nothing."""
        began = self.world.clock.now()
        self.workers[who].one_pass()
        if not eight_rules.waits_for_nobody(self.world) or self.world.clock.now() != began:
            return
        changes = self.world.changes()
        self.workers[who].one_pass()
        if self.world.changes() != changes:
            eight_rules.broken(self.world, "rule 6: a second pass changed something")

    def run(self, who: int, when: Circumstances, command: Any) -> Any:
        """Run a command in one process; whatever it raises must be one of our errors, and is shown to a person."""
        self.world.clock.move(hours=when.hours_later)
        self.world.clock.wrong_by = timedelta(minutes=when.clock_wrong_by)
        if when.new_process:
            self.workers[who] = self.world.worker()
        if when.accident is not None:
            when.accident.line_up(self.world)
        others = self.workers[1 - who]
        self.world.hook = Interrupted(self.world, when.interruption, lambda: self.quietly(others.one_pass))
        try:
            return command(self.workers[who])
        except Killed:
            self.workers[who] = self.world.worker()
        except RotatorError as error:
            note(f"   refused: {error}")
        finally:
            self.world.hook = lambda _moment: None
            self.world.clock.is_stopping = False
        return None

    def quietly(self, action: Any) -> None:
        try:
            action()
        except LeaseLost as error:
            note(f"   the other one: {error}")

    # --- accidents ---

    @precondition(lambda self: not self.world.works())
    @rule()
    def everything_works_again(self) -> None:
        self.world.mend()

    # --- other people ---

    @rule(secret=ANY_SECRET, number=st.integers(0, 2), token=st.booleans())
    def somebody_interferes(self, secret: str, number: int, token: bool) -> None:
        """Makes a token at the issuer, or writes something of their own to a place."""
        stores = list(self.world.stores.values())
        if not token:
            stores[number % len(stores)].put_by_hand(secret, "a-value-of-somebody-else")
        elif self.world.issuer_fake.traits.names_tokens:
            self.world.issuer_fake.make_by_hand()
        elif not self.an_answer_is_out():
            self.world.issuer_fake.make_by_hand()
            self.world.clock.move(seconds=self.world.issuer_fake.traits.issue_propagation.total_seconds())

    def an_answer_is_out(self) -> bool:
        window = self.world.issuer_fake.traits.issue_propagation + 3 * CLOCK_SKEW
        return any(
            token.handle is None and token.created_at is not None and token.created_at + window > self.world.clock.now()
            for rotation in self.world.ledger.open_rotations()
            for token in rotation.tokens
            if token.state is not TokenState.DEAD
        )

    @precondition(lambda self: eight_rules.any_overlap(self.world))
    @rule(secret=ANY_SECRET, number=st.integers(0, 2))
    def somebody_puts_the_old_token_back(self, secret: str, number: int) -> None:
        stores = list(self.world.stores.values())
        store, opened = stores[number % len(stores)], self.world.secret(secret).open
        if opened is None or opened.old is None or opened.old.state is not TokenState.LIVE or not store.kind.readable:
            return
        made = next((token for token in self.world.issuer_fake.alive() if token.handle == opened.old.handle), None)
        if made is not None and made.dies_at is None and made.name == opened.old.name:
            store.put_by_hand(secret, made.value)

    # --- the rules ---

    @invariant()
    def no_rule_is_broken(self) -> None:
        if hasattr(self, "workers"):
            self.whole = False
            eight_rules.check_all(self.world)
            self.whole = True

    def teardown(self) -> None:
        try:
            if self.whole:
                self.come_to_an_end()
        finally:
            self.patches.undo()
            if hasattr(self, "world"):
                self.world.ledger.close()
            shutil.rmtree(self.folder)

    def come_to_an_end(self) -> None:
        """Once nothing fails any more, passes and a person's go-ahead end every rotation."""
        self.world.mend()
        for _ in range(8):
            self.world.clock.move(hours=26)
            worker = self.world.worker()
            worker.one_pass()
            for rotation in self.world.ledger.open_rotations():
                if rotation.trouble is not None and rotation.trouble.needs_operator:
                    self.a_person_mends(worker, rotation.secret)
            eight_rules.check_all(self.world)
        eight_rules.everything_came_to_an_end(self.world)

    def a_person_mends(self, worker: Worker, secret: str) -> None:
        """Do what the remedies say: put the new token where the old one was put back, and go on."""
        opened = self.world.secret(secret).open
        assert opened is not None
        if opened.phase is Phase.CONFIRMED and opened.new is not None:
            made = next(token for token in self.world.issuer_fake.alive() if token.handle == opened.new.handle)
            for store in self.world.stores.values():
                store.put_by_hand(secret, made.value)
        self.quietly(lambda: worker.resume(secret))


TestRotations = Rotations.TestCase
TestRotations.settings = settings(
    max_examples=150,
    stateful_step_count=25,
    derandomize=os.environ.get("CI") == "true",  # CI tells the same stories each time; at home, new ones
    deadline=None,
    print_blob=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
