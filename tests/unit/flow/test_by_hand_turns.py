"""Where the life of a token by hand takes another turn: reminders, giving up, a compromise, a full page, a word."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.cli.reporting import exit_code
from rotator.domain.contracts import IssuerTraits
from rotator.domain.errors import NeedsOperator
from rotator.domain.model import Cause, Mode, Overlap, Phase, Proof, TokenState
from rotator.flow import emergency
from rotator.flow.opening import Order
from rotator.flow.report import Outcome, Report
from tests.fakes.containment import contained
from tests.fakes.person import Person
from tests.fakes.scripted import denied
from tests.fakes.world import A_DAY, BY_HAND, ENV_FILE, HEROKU, VAULT


@pytest.fixture
def world(make_world):
    return make_world(issuer=BY_HAND)


@pytest.fixture
def person(world):
    return Person(world)


# --- reminders -----------------------------------------------------------------------------------------------------


def test_a_person_is_reminded_after_one_three_and_seven_days(world):
    world.adopt()
    worker = world.worker(stays=False)
    worker.rotate()
    asked_at = world.clock.now()
    days = []
    for day in range(1, 11):
        world.clock.move(days=1)
        worker.one_pass()
        if world.kinds_of_events()[-1] == "reminded" and world.events[-1].at == world.clock.now():
            days.append(day)
    assert days == [1, 3, 7]
    assert (world.rotation().trouble.since, world.rotation().trouble.said) == (asked_at, 4)


def test_in_the_last_week_of_the_old_token_they_are_reminded_every_day(world):
    world.adopt(expires_at=world.clock.now() + timedelta(days=20, minutes=10))
    worker = world.worker(stays=False)
    worker.rotate()
    told = []
    for day in range(1, 21):
        world.clock.move(days=1)
        worker.one_pass()
        if world.events[-1].kind == "reminded" and world.events[-1].at == world.clock.now():
            told.append(day)
    assert told == [1, 3, 7, 13, 14, 15, 16, 17, 18, 19, 20]


def test_looking_again_by_hand_does_not_begin_the_request_anew(world):
    world.adopt()
    worker = world.worker()
    worker.rotate()
    asked = world.rotation().trouble
    world.clock.move(hours=3)
    worker.resume()
    worker.rotate()
    assert world.rotation().trouble == asked
    assert world.kinds_of_events().count("asked") == 1


# --- giving up -----------------------------------------------------------------------------------------------------


def test_withdrawing_asks_whether_the_token_was_made_and_ends_with_a_persons_word(world, person):
    old = world.adopt()
    worker = world.worker()
    worker.rotate()
    person.makes()
    assert worker.withdraw().phase is Phase.PLANNED
    assert person.asked_to_delete() == [world.rotation().new.name]
    assert "(if it was made)" in world.rotation().trouble.what
    person.deletes()
    worker.say_it_is_gone()
    assert (world.rotation().phase, world.rotation().new.proof) == (Phase.WITHDRAWN, Proof.SAID)
    assert world.alive() == {old} == {world.held_everywhere()}


def test_withdrawing_and_saying_that_nothing_was_made_is_one_command(world):
    old = world.adopt()
    worker = world.worker()
    worker.rotate()
    assert worker.withdraw(gone=True).phase is Phase.WITHDRAWN
    assert world.alive() == {old}


def test_a_withdrawal_that_was_begun_is_finished_and_never_asks_for_another_token(world, person):
    world.adopt()
    worker = world.worker()
    worker.rotate()
    worker.withdraw()
    world.clock.move(days=2)
    world.worker().one_pass()
    assert person.asked_to_delete()
    world.worker().say_it_is_gone()
    assert world.rotation().phase is Phase.WITHDRAWN


def test_a_new_token_that_is_taken_back_is_tried_until_it_is_dead(make_world):
    world = make_world(issuer=BY_HAND, stores={"vault": VAULT, "file": ENV_FILE})
    person = Person(world)
    old = world.adopt()
    worker = world.worker()
    worker.rotate()
    world.stores["file"].script.fail("write", denied())
    worker.hand_in(person.makes())
    assert world.rotation().phase is Phase.VERIFIED
    worker.withdraw()
    assert world.held_everywhere() == old
    remedy = world.rotation().trouble.remedy
    assert "for as long as the process lives that asks for this and alone has the value" in remedy
    person.deletes()
    worker.resume()
    assert (world.rotation().phase, world.rotation().new.proof) == (Phase.WITHDRAWN, Proof.REFUSED)


# --- compromise ----------------------------------------------------------------------------------------------------


def test_a_compromise_is_over_only_when_the_old_token_is_refused(world, person):
    world.adopt()
    worker = world.worker()
    report = worker.rotate(cause=Cause.COMPROMISED)
    assert not contained(report)
    worker.hand_in(person.makes())
    assert "tell its makers" in world.rotation().trouble.remedy
    report = worker.rotate(cause=Cause.COMPROMISED)
    assert not contained(report)
    person.deletes()
    report = worker.rotate(cause=Cause.COMPROMISED)
    assert contained(report)
    assert world.alive() == {world.held_everywhere()}


def test_a_new_token_that_is_taken_back_after_a_compromise_is_not_said_to_have_got_out(world, person):
    world.adopt()
    worker = world.worker()
    worker.rotate(cause=Cause.COMPROMISED)
    worker.withdraw()
    assert "It got out" not in world.rotation().trouble.remedy


def test_a_persons_word_is_not_enough_after_a_compromise(make_world):
    world = make_world(issuer=BY_HAND, stores={"heroku": HEROKU})
    person = Person(world)
    world.adopt()
    world.worker().rotate(cause=Cause.COMPROMISED)
    world.worker().hand_in(person.makes())
    person.deletes()
    ended = world.worker().say_it_is_gone()
    report = Report(ended.secret, ended)
    assert "said by a person" in report.old_may_live
    assert not contained(report)


def test_a_token_that_a_person_is_asked_for_already_is_the_answer_to_a_compromise(make_world):
    """No second request, and no wait for a word about the first: what leaked is the one in use."""
    world = make_world(issuer=BY_HAND, overlap=A_DAY)
    person = Person(world)
    old = world.adopt()
    worker = world.worker()
    worker.rotate()
    name = person.asked_to_make()

    report = worker.rotate(cause=Cause.COMPROMISED)

    assert not contained(report)
    assert person.asked_to_make() == name
    worker.hand_in(person.makes())
    person.deletes()
    report = worker.rotate(cause=Cause.COMPROMISED)
    assert contained(report)
    assert old not in world.alive()


def test_it_is_the_answer_even_to_a_compromise_that_was_declared_after_it_was_asked_for(world, person):
    world.adopt()
    worker = world.worker()
    worker.rotate()
    world.clock.move(days=2)
    order = Order(world.policies["app"], Cause.COMPROMISED, since=world.clock.now())
    assert emergency.rotate(worker.runner, order).refused is None
    worker.hand_in(person.makes())
    person.deletes()
    report = emergency.rotate(worker.runner, order)
    assert exit_code([report]) == 0
    assert len(world.issuer_fake.made()) == 2, "nobody is asked for a third"


def test_an_earlier_rotation_that_waits_for_a_deletion_does_not_hide_that_the_leaked_token_lives(world, person):
    world.adopt()
    worker = world.worker()
    worker.rotate()
    worker.hand_in(person.makes())
    report = worker.rotate(cause=Cause.COMPROMISED)
    assert not contained(report)
    assert "`rotate now app --compromised` again" in str(report.refused)


def test_revoke_first_asks_to_delete_before_it_asks_to_make(world, person):
    world.adopt()
    worker = world.worker()
    worker.rotate(mode=Mode.REVOKE_FIRST)
    assert person.asked_to_delete() == ["app-by-hand"]
    person.deletes()
    worker.resume()
    worker.hand_in(person.makes())
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


@pytest.mark.parametrize("made_meanwhile", [False, True])
def test_revoke_first_asks_to_delete_first_also_where_somebody_was_asked_to_make_one_before(
    world, person, made_meanwhile
):
    world.adopt()
    worker = world.worker()
    worker.rotate()
    value = person.makes()
    worker.rotate(cause=Cause.COMPROMISED, mode=Mode.REVOKE_FIRST)
    assert person.asked_to_delete() == ["app-by-hand"]
    if made_meanwhile:
        worker.hand_in(value)
        assert world.held_everywhere() == value
    person.deletes()
    worker.resume()
    if not made_meanwhile:
        worker.hand_in(value)
    assert world.rotation().phase is Phase.RETIRED
    assert world.rotation().old.proof is Proof.REFUSED
    assert world.alive() == {world.held_everywhere()} == {value}


# --- a full page ---------------------------------------------------------------------------------------------------


def test_a_page_that_is_full_is_refused_with_the_name_to_delete_first(make_world):
    world = make_world(issuer=replace(BY_HAND, max_active=2), overlap=Overlap(for_=timedelta()))
    person = Person(world)
    world.adopt()
    worker = world.worker()
    worker.rotate()
    assert "It allows 2" in world.rotation().trouble.remedy
    assert "app-by-hand, which we need" in world.rotation().trouble.remedy
    worker.hand_in(person.makes())
    new = world.rotation().new.name
    world.policies["other"] = world._policy("other", A_DAY)

    report = worker.rotate("other")

    assert report.outcome is Outcome.REFUSED
    assert f"app-by-hand, {new}" in str(report.refused)
    assert "Delete app-by-hand there first" in str(report.refused)


# --- the same word ends what no automatic issuer can prove ---------------------------------------------------------


def test_an_issuer_without_a_list_whose_old_value_is_gone_ends_with_a_persons_word(make_world):
    world = make_world(stores={"heroku": HEROKU}, issuer=IssuerTraits(lists=False))
    world.adopt()
    worker = world.worker()
    worker.rotate()
    assert f"`rotate retire {world.rotation().id} --gone`" in world.rotation().trouble.remedy
    worker.say_it_is_gone()
    assert (world.rotation().phase, world.rotation().old.proof) == (Phase.RETIRED, Proof.SAID)
    assert world.alive() == {world.held_everywhere()}


def test_nobodys_word_is_needed_where_the_issuer_can_be_asked(make_world):
    world = make_world(overlap=A_DAY)
    world.adopt()
    worker = world.worker()
    worker.rotate()
    with pytest.raises(NeedsOperator, match="lists its tokens"):
        worker.say_it_is_gone()
    assert world.rotation().old.state is TokenState.LIVE
