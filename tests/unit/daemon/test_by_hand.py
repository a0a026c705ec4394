"""The daemon where people make and delete the tokens: it asks, reminds, and sees by itself what was done."""

from __future__ import annotations

from datetime import timedelta

from rotator.domain.model import Phase, Proof
from tests.fakes.person import Person
from tests.fakes.world import A_DAY, BY_HAND, ENV_FILE
from tests.unit.daemon.conftest import Daemon


def test_it_asks_when_the_token_is_due_and_sees_by_itself_that_the_old_one_was_deleted(make_world):
    """An env file keeps no earlier value: the daemon has it, because it began the rotation."""
    world = make_world(issuer=BY_HAND, stores={"file": ENV_FILE}, overlap=A_DAY)
    person = Person(world)
    world.adopt()
    daemon = Daemon(world)
    daemon.run_for(days=95, every=timedelta(hours=12))
    assert world.kinds_of_events().count("asked") == 1
    assert world.kinds_of_events().count("reminded") == 2, "after one day, and after three"

    world.worker().hand_in(person.makes())
    daemon.run_for(days=2, every=timedelta(hours=1))
    assert world.rotation().phase is Phase.CONFIRMED
    assert person.asked_to_delete() == ["app-by-hand"]

    person.deletes()
    daemon.run_for(minutes=20)
    assert (world.rotation().phase, world.rotation().old.proof) == (Phase.RETIRED, Proof.REFUSED)
    assert world.alive() == {world.held_everywhere()}


def test_waiting_for_a_person_costs_a_call_a_quarter_of_an_hour_and_holds_up_nobody_else(make_world):
    world = make_world(issuer=BY_HAND, secrets=("app", "web"))
    person = Person(world)
    world.adopt("app")
    world.adopt("web")
    daemon = Daemon(world)
    world.worker().rotate("app")
    world.worker().hand_in(person.makes("app"), "app")
    before = len(world.issuer_fake.script.calls)
    daemon.run_for(hours=2, every=timedelta(minutes=5))
    assert len(world.issuer_fake.script.calls) - before <= 9
    daemon.run_for(days=91, every=timedelta(days=1))
    assert person.asked_to_make("web")
