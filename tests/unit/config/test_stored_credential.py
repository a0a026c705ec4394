"""A management credential in a store: read when it is needed, believed for a minute, and told when it is not there."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from rotator.config.access import ConnectionAccess
from rotator.config.stored_credential import StoredCredential
from rotator.domain.contracts import Config, StoreTraits
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.domain.model import ConnectionName, Target
from rotator.domain.policy import Connection, Source
from rotator.testing.moving_clock import MovingClock
from tests.fakes.memory_store import MemoryPlace, MemoryStore
from tests.fakes.scripted import broken

TARGET = Target(ConnectionName("vault-prod"), {"name": "documenso"})


class Case:
    def __init__(self, traits: StoreTraits | None = None) -> None:
        self.clock = MovingClock()
        self.store = MemoryStore(traits)
        self.credential = StoredCredential(
            "password", "acme", TARGET, self.store, MemoryPlace(name="documenso"), self.clock
        )

    def holds(self, value: str) -> None:
        self.store.put_by_hand("documenso", value)

    @property
    def reads(self) -> int:
        return self.store.script.calls.count("current")

    def refusal(self, family: type[Exception] = NeedsOperator) -> str:
        with pytest.raises(family) as caught:
            self.credential()
        return str(caught.value)


@pytest.fixture
def case() -> Case:
    return Case()


def test_a_value_is_read_from_its_place(case: Case) -> None:
    case.holds("correct horse")
    assert case.credential().reveal() == "correct horse"


def test_a_value_is_read_once_in_a_minute_however_often_it_is_asked_for(case: Case) -> None:
    case.holds("the first one")
    for _ in range(5):
        case.credential()
        case.clock.move(seconds=11)
    assert case.reads == 1
    case.holds("the second one")
    case.clock.move(seconds=5)
    assert case.credential().reveal() == "the second one"
    assert case.reads == 2


def test_a_clock_that_was_put_back_does_not_make_a_value_last(case: Case) -> None:
    case.holds("the first one")
    case.credential()
    case.holds("the second one")
    case.clock.wrong_by = timedelta(hours=-1)
    assert case.credential().reveal() == "the second one"


def test_a_value_that_is_about_to_change_is_forgotten(case: Case) -> None:
    case.holds("the first one")
    case.credential()
    case.holds("the second one")
    case.credential.forget()
    assert case.credential().reveal() == "the second one"


def test_what_was_read_while_it_was_forgotten_is_not_remembered(case: Case) -> None:
    case.holds("the first one")
    read = case.store._current

    def read_while_somebody_writes(place: MemoryPlace):
        stored = read(place)
        case.credential.forget()
        return stored

    case.store._current = read_while_somebody_writes
    case.credential()
    case.store._current = read
    case.holds("the second one")
    assert case.credential().reveal() == "the second one"


def test_threads_that_ask_at_the_same_time_cause_one_read(case: Case) -> None:
    case.holds("correct horse")
    everybody_waits = threading.Barrier(8)

    def ask() -> None:
        everybody_waits.wait()
        case.credential()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert case.reads == 1


def test_a_place_that_does_not_exist_is_told_with_who_needs_it(case: Case) -> None:
    assert case.refusal() == (
        "The credential `password` of connection acme (vault-prod name=documenso) is not there: "
        "the place does not exist. Put the value there."
    )


@pytest.mark.parametrize("value", [" ", "\n"])
def test_a_blank_value_is_no_credential(case: Case, value: str) -> None:
    case.holds(value)
    assert "is empty: nothing stands there. Put the value there." in case.refusal()


def test_a_place_that_can_never_be_read_back_says_so() -> None:
    case = Case(StoreTraits(readable=False, versioned=False))
    case.holds("correct horse")
    assert "can never be read back: that place is write-only. Keep it where it can be read" in case.refusal()


def test_a_refusal_of_the_store_needs_a_person_and_keeps_its_remedy(case: Case) -> None:
    refused = Permanent("Vault refused to read it (403).", remedy="Grant `read`.")
    case.store.script.fail("current", broken(refused))
    assert case.refusal() == (
        "The credential `password` of connection acme (vault-prod name=documenso) cannot be looked up: "
        "Vault refused to read it (403). Grant `read`."
    )


def test_an_outage_of_the_store_may_pass_and_nothing_stale_is_used(case: Case) -> None:
    case.holds("correct horse")
    case.credential()
    case.clock.move(minutes=1)
    outage = Temporary("Vault is sealed.", retry_after=timedelta(seconds=7))
    case.store.script.fail("current", broken(outage))
    with pytest.raises(Temporary, match="cannot be looked up now: Vault is sealed") as caught:
        case.credential()
    assert caught.value.retry_after == timedelta(seconds=7)
    assert case.credential().reveal() == "correct horse"


def test_a_connection_asks_for_it_by_name_like_for_any_other(case: Case, tmp_path) -> None:
    case.holds("correct horse")
    config = Config(credentials={"email": "env:EMAIL", "password": TARGET})
    connection = Connection(ConnectionName("acme"), "saas", config, Source(tmp_path / "p.yaml", 1))
    asked = ConnectionAccess(connection, case.clock, {"EMAIL": "a@b"}, stored={"password": case.credential})
    assert asked.credential("password").reveal() == "correct horse"
    assert asked.credential("email").reveal() == "a@b"
