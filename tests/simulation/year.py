"""A year of an estate: two daemons, time that jumps to what comes next, and a calendar of mishaps.

The daemons take turns, a day each; at some instants the other one works in the middle of what the first one does. A
real daemon looks every fifteen seconds and mostly sees nothing: those looks are left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from rotator.daemon.service import Service
from rotator.domain.errors import LedgerUnavailable, Temporary
from rotator.domain.model import Cause, Mode, Rotation, SecretName
from rotator.flow import emergency
from rotator.flow.opening import Order
from rotator.flow.report import Report
from rotator.flow.work import LEASE
from tests.fakes.person import Person
from tests.fakes.scripted import Killed, lost_answer, lost_request
from tests.fakes.world import SomebodyElse, Worker
from tests.property import eight_rules
from tests.simulation.estate import Account, Estate
from tests.simulation.kinds import END
from tests.simulation.mishaps import Mishap, calendar

BEGIN_PER_HOUR: Final = 10
_SHORTEST_JUMP: Final = timedelta(minutes=2)
_HOLD_UP: Final = timedelta(minutes=10)
"""When to look again at what is due and could not be begun: others had their turn first."""


class Daemon:
    """One daemon's process after the other: when one is killed, its memory is gone, and the next one begins."""

    def __init__(self, year: Year, name: str) -> None:
        self._year, self._name = year, name
        self.start()

    def start(self) -> None:
        runner = self._year.estate.runner(self._name, stays=False)
        policies = self._year.estate.policies
        self.service = Service(runner, policies, tell=self._year.told, begin_per_hour=BEGIN_PER_HOUR)

    def tick(self) -> None:
        try:
            self.service.work()
        except LedgerUnavailable:
            self._year.count("without ledger")
        except Killed:
            self._year.count("killed")
            self.start()

    def looks_again(self, now: datetime) -> Iterator[datetime]:
        """Give the times of its agenda. What waits for a person, or only for ``rotate now``, has none."""
        agenda = self.service.snapshot()
        if not agenda:
            yield now  # it was just started
        for entry in agenda.values():
            if entry.due is not None:
                yield max(entry.look_at, now + _HOLD_UP)


@dataclass
class Year:
    """The whole of it, and what was seen."""

    estate: Estate
    counted: dict[str, int] = field(default_factory=dict)
    by_people: set[SecretName] = field(default_factory=set)
    """Secrets that a person had to look after."""

    def __post_init__(self) -> None:
        self.estate.adopt_everything()
        self.estate.hook = self._at
        self._down: set[str] = set()
        self._kill_in = self._meet_in = 0
        self._is_to_lose_ledger = self._is_apart = False
        self._calendar = deque(calendar(self.estate))
        self.people = {name: Person(account) for name, account in self.estate.accounts.items()}
        self.daemons = [Daemon(self, "east"), Daemon(self, "west")]

    def count(self, what: str) -> None:
        self.counted[what] = self.counted.get(what, 0) + 1

    @property
    def on_duty(self) -> Daemon:
        """The daemon that looks first on this day, and so takes all that there is to do."""
        return self.daemons[self.estate.clock.now().toordinal() % 2]

    def pass_by(self) -> Year:
        while self.estate.clock.now() < END:
            self._let_happen()
            self.on_duty.tick()
            self._jump()
        self.estate.hook = lambda _moment: None
        return self

    def _jump(self) -> None:
        """Let time pass until something can happen."""
        now = self.estate.clock.now()
        moments = [END, *self.on_duty.looks_again(now), *self._open(now)]
        moments += [mishap.at for mishap in self._calendar if mishap.is_waited_for][:1]
        self.estate.clock.move(seconds=max(min(moments) - now, _SHORTEST_JUMP).total_seconds())

    def _open(self, now: datetime) -> Iterator[datetime]:
        """Give the times at which open rotations can be moved on; of killed processes, when their leases have ended."""
        if self.estate.ledger.is_gone:
            yield now + _HOLD_UP
            return
        for rotation in self.estate.ledger.open_rotations():
            if not _needs_person(rotation):
                waits = rotation.retry_at is not None and rotation.retry_at > now
                yield rotation.retry_at if waits else now + LEASE

    # --- mishaps -----------------------------------------------------------------------------------------------------

    def _let_happen(self) -> None:
        while self._calendar and self._calendar[0].at <= self.estate.clock.now():
            mishap = self._calendar.popleft()
            self._is_apart = True
            getattr(self, f"_{mishap.what}")(mishap.whom)
            self._is_apart = False

    def _at(self, moment: str) -> None:
        """Stand at every instant of every process: fail what is down, kill, or let the other daemon work meanwhile."""
        when, _, call = moment.partition(" ")
        if when == "before" and call.partition(".")[0] in self._down:
            raise Temporary("503 Service Unavailable")
        if self._is_apart:
            return
        self._kill_in, self._meet_in = self._kill_in - 1, self._meet_in - 1
        if self._kill_in == 0:
            raise Killed(moment)
        if self._is_to_lose_ledger:
            self._is_to_lose_ledger, self.estate.ledger.is_gone = False, True
            self._calendar.appendleft(Mishap(self.estate.clock.now(), "comes_back", "ledger"))
        if self._meet_in == 0:
            self._is_apart = True
            self.count("met")
            with suppress(LedgerUnavailable):
                for daemon in self.daemons:
                    daemon.service.work()
            self._is_apart = False

    def _goes_down(self, whom: str) -> None:
        self._down.add(whom)
        self.estate.ledger.is_gone = "ledger" in self._down

    def _comes_back(self, whom: str) -> None:
        self._down.discard(whom)
        self.estate.ledger.is_gone = "ledger" in self._down

    def _loses_an_answer(self, whom: str) -> None:
        self.count("answers lost")
        fault = lost_request() if self.counted["answers lost"] % 3 == 0 else lost_answer()
        self.estate.accounts[whom].issuer_fake.script.fail("issue", fault)

    def _is_killed(self, soon: str) -> None:
        self._kill_in = int(soon)

    def _meets_the_other(self, soon: str) -> None:
        self._meet_in = int(soon)

    def _loses_its_ledger(self, _whom: str) -> None:
        """In the middle of a rotation, until the next look."""
        self._is_to_lose_ledger = True

    def _is_restarted(self, _whom: str) -> None:
        self.on_duty.start()

    def _is_upgraded(self, _whom: str) -> None:
        """Both daemons end; the ledger of the first release is brought up to date by whoever opens it next."""
        estate = self.estate
        estate.opened(estate.ledger.as_the_first_release_left_it(estate.folder / "upgraded"))
        self.counted["open when upgraded"] = len(estate.ledger.open_rotations())
        for daemon in self.daemons:
            daemon.start()

    # --- people ------------------------------------------------------------------------------------------------------

    def _people_look_after_it(self, _whom: str) -> None:
        """Once a week: what waits for a person is looked at, and done as its remedy says."""
        if not self.estate.ledger.is_gone:
            for rotation in self.estate.ledger.open_rotations():
                if _needs_person(rotation) and not rotation.trouble.is_asked:
                    self.by_people.add(rotation.secret)
                    self._mend(rotation)

    def _people_do_what_they_are_asked(self, _whom: str) -> None:
        """Every day: tokens are made and deleted on the pages of services that have no other way.

        Who is told that somebody is at it, a process that was killed perhaps, comes again on another day.
        """
        if self.estate.ledger.is_gone:
            return
        for rotation in self.estate.ledger.open_rotations():
            if rotation.trouble is not None and rotation.trouble.is_asked:
                self.count("asked")
                account = self.estate.account_of[rotation.secret]
                worker = Worker(account, self.estate.runner("alice", stays=False))
                with suppress(SomebodyElse):
                    self.people[rotation.issuer.connection].does_as_asked(worker, rotation.secret)

    def _mend(self, rotation: Rotation) -> None:
        assert rotation.trouble is not None
        issuer, lost = self.estate.account_of[rotation.secret].issuer_fake, rotation.new
        for token in issuer.alive():
            if lost is not None and lost.handle is None and token.name == lost.name:
                issuer.revoke_by_hand(token.handle)
        runner = self.estate.runner("alice", stays=True)
        lease = self.estate.ledger.claim(rotation.id, runner.tools.owner, self.estate.clock.now(), LEASE)
        if lease is None:
            return
        move = runner.believe if "--gone" in rotation.trouble.remedy else runner.resume
        move(rotation, lease)

    def _is_replaced_by_hand(self, whom: str) -> None:
        """``rotate now --revoke-first``, where there can be no overlap."""
        policy = self.estate.account_of[whom].policies[whom]
        order = Order(policy, Cause.ASKED, Mode.REVOKE_FIRST, reason="twice a year, with an announced downtime")
        self.told(emergency.rotate(self.estate.runner("alice", stays=True), order))

    # --- what is seen ------------------------------------------------------------------------------------------------

    def told(self, report: Report) -> None:
        """After every piece of work, the rules are checked in the account that it was about."""
        self.count(str(report.outcome))
        if not self._is_apart and not self.estate.ledger.is_gone:
            check(self.estate.account_of[report.secret])


def check(account: Account) -> None:
    """Check the rules that hold at every step. What needs all of the ledger's files is checked once, in the end."""
    eight_rules.consumers_read_living_tokens(account)
    eight_rules.the_ledger_knows_every_living_token(account)
    eight_rules.nothing_foreign_was_revoked(account)
    eight_rules.no_step_met_a_bug(account)


def _needs_person(rotation: Rotation) -> bool:
    return rotation.trouble is not None and rotation.trouble.needs_operator
