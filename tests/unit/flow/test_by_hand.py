"""The life of a token that people make and delete on the issuer's own pages: asked for, handed in, in use, dead."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.cli.reporting import exit_code
from rotator.domain.errors import NeedsOperator
from rotator.domain.model import Phase, Proof, TokenState
from rotator.flow import reconcile
from rotator.flow.report import Outcome
from tests.fakes.person import Person
from tests.fakes.scripted import unavailable
from tests.fakes.world import A_DAY, BY_HAND, ENV_FILE, HEROKU, VAULT


@pytest.fixture
def world(make_world):
    return make_world(issuer=BY_HAND)


@pytest.fixture
def person(world):
    return Person(world)


def test_a_person_is_asked_by_name_and_the_command_does_not_wait_for_them(world, person):
    world.adopt()
    report = world.worker().rotate()
    assert (report.outcome, exit_code([report])) == (Outcome.UNFINISHED, 4)
    assert world.clock.waited == timedelta()
    asked = world.rotation().trouble
    assert "https://issuer.example/tokens (press New)" in asked.remedy
    assert "the expiry `never`" in asked.remedy
    assert f"`rotate provide {world.rotation().id}`" in asked.remedy
    assert person.asked_to_make() == world.rotation().new.name
    assert world.rotation().new.state is TokenState.INTENDED


def test_from_being_asked_to_the_old_tokens_proven_death(world, person):
    old = world.adopt()
    daemon = world.worker(stays=False)
    daemon.rotate()
    handed_in = world.worker().hand_in(person.makes())

    assert handed_in.phase is Phase.CONFIRMED
    assert world.held_everywhere() != old
    assert person.asked_to_delete() == ["app-by-hand"]
    assert world.alive() == {old, world.held_everywhere()}
    assert "--gone" not in world.rotation().trouble.remedy, "it can be tried: nobody's word is asked for"

    world.clock.move(minutes=16)
    daemon.one_pass()
    assert world.rotation().phase is Phase.CONFIRMED, "it is not deleted yet"
    person.deletes()
    world.clock.move(minutes=16)
    daemon.one_pass()

    assert world.rotation().phase is Phase.RETIRED
    assert world.rotation().old.proof is Proof.REFUSED
    assert world.alive() == {world.held_everywhere()}


def test_it_is_told_as_it_happens_and_waiting_is_no_news(world, person):
    world.adopt()
    worker = world.worker()
    worker.rotate()
    for _ in range(5):
        world.clock.move(hours=2)
        worker.one_pass()
    worker.hand_in(person.makes())
    for _ in range(5):
        world.clock.move(hours=2)
        worker.one_pass()
    person.deletes()
    world.clock.move(hours=1)
    worker.one_pass()
    assert world.kinds_of_events() == [
        "adopted", "opened", "to be made", "asked", "handed in", "verified", "publishing", "written", "published",
        "confirmed", "to be deleted", "asked", "retired",
    ]  # fmt: skip


def test_the_overlap_passes_before_anybody_is_asked_to_delete(make_world):
    world = make_world(issuer=BY_HAND, overlap=A_DAY)
    person = Person(world)
    world.adopt()
    worker = world.worker()
    worker.rotate()
    worker.hand_in(person.makes())
    assert world.rotation().trouble is None
    assert worker.one_pass() == []
    world.clock.move(hours=25)
    assert worker.one_pass()[0].outcome is Outcome.UNFINISHED
    assert person.asked_to_delete() == ["app-by-hand"]


def test_the_new_token_is_known_with_its_name_its_age_and_its_expiry(world, person):
    world.adopt()
    worker = world.worker()
    worker.rotate()
    world.clock.move(days=3)
    expires_at = world.clock.now() + timedelta(days=200)
    worker.hand_in(person.makes(), expires_at=expires_at)
    new = world.rotation().new
    assert (new.handle, new.created_at, new.expires_at) == (new.name, world.clock.now(), expires_at)


# --- the old value -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [VAULT, ENV_FILE], ids=["versioned", "not versioned"])
def test_the_old_value_is_taken_from_where_it_stands_before_it_is_written_over(make_world, kind):
    """Another process asked; the one that takes the value finds the old one in the stores."""
    world = make_world(issuer=BY_HAND, stores={"store": kind})
    person = Person(world)
    world.adopt()
    world.worker().rotate()
    worker = world.worker()
    worker.hand_in(person.makes())
    person.deletes()
    worker.resume()
    assert world.rotation().old.proof is Proof.REFUSED


def test_where_nobody_has_the_old_value_a_person_says_that_it_is_gone(make_world):
    world = make_world(issuer=BY_HAND, stores={"heroku": HEROKU})
    person = Person(world)
    world.adopt()
    world.worker().rotate()
    world.worker().hand_in(person.makes())
    assert f"`rotate retire {world.rotation().id} --gone`" in world.rotation().trouble.remedy
    world.clock.move(days=40)
    world.worker().one_pass()
    assert world.rotation().phase is Phase.CONFIRMED, "nothing ends by itself that cannot be seen"

    person.deletes()
    world.worker().say_it_is_gone()

    assert world.rotation().phase is Phase.RETIRED
    assert world.rotation().old.proof is Proof.SAID


def test_a_persons_word_is_not_taken_against_the_issuers(world, person):
    old = world.adopt()
    worker = world.worker()
    worker.rotate()
    worker.hand_in(person.makes())
    asked = world.rotation().trouble
    with pytest.raises(NeedsOperator, match="still accepts app-by-hand"):
        worker.say_it_is_gone()
    assert world.rotation().trouble == asked
    assert old in world.alive()


def test_what_a_person_says_and_the_issuer_confirms_is_proven(world, person):
    world.adopt()
    worker = world.worker()
    worker.rotate()
    worker.hand_in(person.makes())
    person.deletes()
    worker.say_it_is_gone()
    assert (world.rotation().phase, world.rotation().old.proof) == (Phase.RETIRED, Proof.REFUSED)


def test_a_person_who_deletes_during_the_overlap_may_say_so(make_world):
    world = make_world(issuer=BY_HAND, overlap=A_DAY)
    person = Person(world)
    world.adopt()
    worker = world.worker()
    worker.rotate()
    worker.hand_in(person.makes())
    world.issuer_fake.delete_by_hand("app-by-hand")
    worker.say_it_is_gone()
    assert (world.rotation().phase, world.rotation().old.proof) == (Phase.RETIRED, Proof.REFUSED)


def test_an_issuer_that_does_not_answer_proves_nothing_and_asks_nothing_anew(world, person):
    old = world.adopt()
    worker = world.worker()
    worker.rotate()
    worker.hand_in(person.makes())
    asked = world.rotation().trouble
    world.issuer_fake.script.fail("verify", *[unavailable()] * 50)
    world.clock.move(hours=2)
    worker.one_pass()
    assert world.rotation().phase is Phase.CONFIRMED
    world.issuer_fake.mend()
    world.clock.move(hours=2)
    worker.one_pass()
    assert (world.rotation().trouble.what, old in world.alive()) == (asked.what, True)


def test_a_refusal_that_may_be_the_accounts_proves_no_death(make_world):
    """The bill was not paid: both tokens are refused, and both would work again the day after."""
    world = make_world(issuer=replace(BY_HAND, refuses_accounts=True))
    person = Person(world)
    old = world.adopt()
    worker = world.worker()
    worker.rotate()
    worker.hand_in(person.makes())

    world.issuer_fake.account_is_closed = True
    world.clock.move(hours=1)
    worker.one_pass()
    assert world.rotation().phase is Phase.CONFIRMED
    assert "does not say now whether app-by-hand works" in world.rotation().trouble.remedy

    world.issuer_fake.account_is_closed = False
    assert old in world.alive()
    person.deletes()
    world.clock.move(hours=1)
    worker.one_pass()
    assert (world.rotation().phase, world.rotation().old.proof) == (Phase.RETIRED, Proof.REFUSED)


def test_a_command_may_stay_until_the_old_token_is_refused(make_world):
    """It alone has the old value: nothing else keeps an earlier version."""
    world = make_world(issuer=BY_HAND, stores={"file": ENV_FILE})
    person = Person(world)
    world.adopt()
    world.worker().rotate()
    worker = world.worker()
    handed_in = worker.hand_in(person.makes())

    def deletes_after_a_while(moment):
        if moment == "before ledger.claim" and world.clock.waited > timedelta(seconds=5):
            world.hook = lambda _moment: None
            person.deletes()

    world.hook = deletes_after_a_while
    assert reconcile.wait_for_person(worker.runner, handed_in).phase is Phase.RETIRED
    assert world.rotation().old.proof is Proof.REFUSED
