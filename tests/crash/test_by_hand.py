"""The same kills where only a person can make and delete tokens: of the command that asks, of the one that takes the
value or is told that it is lost, and of the one that sees the old token dead or takes a person's word for it.

After each kill the person reads what is asked, does it, and gives the command that follows, until nothing is open.
Every other one of them has not kept the values that they saw.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rotator.domain.model import Proof, SecretName, TokenState
from rotator.testing.moving_clock import MovingClock
from tests.crash.kills import kill_everywhere
from tests.crash.places import Bao, Destination, EnvFile
from tests.crash.rehearsal import Kill, Rehearsal
from tests.crash.services import MADE_LONG_AGO, Page
from tests.fakes.token_services.dashboards import Podstack
from tests.fakes.token_services.service import serving
from tests.servers.forked_rotate import ForkedRotate
from tests.servers.openbao import OpenBao

NOW = ("now", "--all", "--yes", "--overlap", "0")
A_PERSON = 4
"""The exit status of a command that ends with a request."""

_MAKE = re.compile(r"give it exactly this name: `([^`]+)`")
_DELETE = re.compile(r"somebody has to delete (.+) there\.")
_MOST_COMMANDS = 8


class Person:
    """Makes and deletes tokens on the page, and knows nothing but the words of a request."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.copied: dict[str, str] = {}
        """The values that they saw, by name: each was shown once."""
        self.before_it_is_written: Kill | None = None

    def asks(self, run: Rehearsal, output: str = "asked", kill: Kill | None = None) -> int:
        return run.rotate(*NOW, output=output, kill=kill)

    def loses(self, run: Rehearsal, output: str, kill: Kill | None) -> int:
        """Hand a value in that dies with its process and was not kept, and say so."""
        self.asks(run)
        self.hands_in(run, "lost-in", self.before_it_is_written)
        self.copied.clear()
        return run.rotate("provide", run.name, "--lost", output=output, kill=kill)

    def hands_in(self, run: Rehearsal, output: str = "handed-in", kill: Kill | None = None) -> int:
        """Make the token that is asked for, unless they have its value already, and hand it in."""
        found = _MAKE.search(self._request(run))
        assert found, f"nobody is asked to make a token: {self._request(run)!r}"
        value = self.copied.get(found[1])
        if value is None or not self.page.accepts(value):
            value = self.copied[found[1]] = self.page.make(found[1])
        return run.rotate("provide", run.name, "--stdin", output=output, kill=kill, given=value)

    def deletes(self, run: Rehearsal, output: str = "deleted", kill: Kill | None = None) -> int:
        """Delete what is to be deleted, and have it looked at; or say so, where nobody can look."""
        request = self._request(run)
        found = _DELETE.search(request)
        assert found, f"nobody is asked to delete a token: {request!r}"
        for name in found[1].split(", "):
            self.page.delete(name.removesuffix(" (if it was made)"))
        command = ("retire", run.name, "--gone") if "--gone" in request else ("resume", run.name)
        return run.rotate(*command, output=output, kill=kill)

    def finishes(self, run: Rehearsal, number: int) -> None:
        """Do what is asked until nothing is asked any more, and all is as promised."""
        run.no_consumer_reads_a_dead_token()
        if number % 2:
            self.copied.clear()
        if not run.has_begun():
            self.asks(run)
        for _ in range(_MOST_COMMANDS):
            if not self._is_open(run):
                break
            self._does_as_asked(run)
            run.no_consumer_reads_a_dead_token()
        run.is_whole(rotated=True)

    def _does_as_asked(self, run: Rehearsal) -> None:
        request = self._request(run)
        if _MAKE.search(request):
            self.hands_in(run)
        elif "Hand it in again" in request:
            self._hands_in_again(run)
        elif _DELETE.search(request):
            self.deletes(run)
        else:
            run.rotate("run", "--once", output="again")

    def _hands_in_again(self, run: Rehearsal) -> None:
        with run.open_ledger() as ledger:
            opened = ledger.secret(run.name).open
            assert opened is not None
            assert opened.new is not None
            assert opened.new.state is TokenState.LIVE
            value = self.copied.get(str(opened.new.name))
        if value is not None:
            run.rotate("provide", run.name, "--stdin", output="handed-in-again", given=value)
        else:
            run.rotate("provide", run.name, "--lost", output="lost")

    def _is_open(self, run: Rehearsal) -> bool:
        with run.open_ledger() as ledger:
            return ledger.secret(run.name).open is not None

    def _request(self, run: Rehearsal) -> str:
        """Give the words that `rotate status` shows."""
        with run.open_ledger() as ledger:
            opened = ledger.secret(run.name).open
        trouble = opened.trouble if opened is not None else None
        return f"{trouble.what} {trouble.remedy}" if trouble is not None and trouble.is_asked else ""


@pytest.fixture
def page() -> Iterator[Page]:
    with serving(Podstack(MovingClock(datetime.now(UTC)))) as service:
        yield Page(service)


@pytest.fixture
def person(page: Page) -> Person:
    return Person(page)


Stage = Callable[[], Rehearsal]


@pytest.fixture
def stage_with(page: Page, tmp_path: Path, forked: ForkedRotate) -> Callable[..., Rehearsal]:
    def make(*more: Callable[[SecretName], Destination]) -> Rehearsal:
        for name in page.live():
            page.delete(name)
        name = SecretName(f"payments-{secrets.token_hex(4)}")
        folder = tmp_path / name
        places = EnvFile(folder), *(place(name) for place in more)
        run = Rehearsal(name, folder, f"sqlite:///{tmp_path}/ledger.db", tmp_path / "ledger.key", forked, page, places)
        run.prepare("--handle", MADE_LONG_AGO)
        return run

    return make


@pytest.fixture
def stage(stage_with: Callable[..., Rehearsal], openbao: OpenBao, mount: str) -> Stage:
    return lambda: stage_with(lambda name: Bao(openbao, mount, name))


def test_a_kill_of_the_command_that_asks(stage: Stage, person: Person) -> None:
    kill_everywhere(stage, person.asks, person.finishes, fewest_points=8, ends_with=A_PERSON)


def test_a_kill_of_the_command_that_takes_the_value(stage: Stage, person: Person) -> None:
    def asks_and_hands_in(run: Rehearsal, output: str, kill: Kill | None) -> int:
        person.asks(run)
        return person.hands_in(run, output, kill)

    kill_everywhere(stage, asks_and_hands_in, person.finishes, fewest_points=25, ends_with=A_PERSON)


def test_a_kill_of_the_command_that_sees_the_old_token_dead(stage: Stage, person: Person) -> None:
    def does_all_of_it(run: Rehearsal, output: str, kill: Kill | None) -> int:
        person.asks(run)
        person.hands_in(run)
        return person.deletes(run, output, kill)

    kill_everywhere(stage, does_all_of_it, person.finishes, fewest_points=5)


def test_a_kill_of_the_command_that_is_told_that_a_value_is_lost(
    stage_with: Callable[..., Rehearsal], person: Person
) -> None:
    def let_all_of_it_pass_once() -> Rehearsal:
        """Find the instant until which no place has the value."""
        run = stage_with()
        person.asks(run)
        person.hands_in(run)
        person.before_it_is_written = run.before("app-env.write", "handed-in")
        person.finishes(run, 0)
        return run

    kill_everywhere(let_all_of_it_pass_once, person.loses, person.finishes, fewest_points=4, ends_with=A_PERSON)


def test_a_kill_of_the_command_that_takes_a_persons_word(stage_with: Callable[..., Rehearsal], person: Person) -> None:
    """An env file keeps no earlier value, so nobody can try the old token when it is gone."""

    def says_that_it_is_gone(run: Rehearsal, output: str, kill: Kill | None) -> int:
        person.asks(run)
        person.hands_in(run)
        return person.deletes(run, output, kill)

    kill_everywhere(stage_with, says_that_it_is_gone, person.finishes, fewest_points=3)
    with stage_with().open_ledger() as ledger:
        assert Proof.SAID in {known.token.proof for known in ledger.dead_without_refusal()}
