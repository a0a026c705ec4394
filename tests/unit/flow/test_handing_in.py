"""Handing in a value: what is refused leaves everything as it was, and is never told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.contracts import ExpiryRules, Verdict, Verification
from rotator.domain.durations import Duration
from rotator.domain.errors import InvalidInput, NeedsOperator, RotatorError, Temporary
from rotator.domain.model import Phase, SecretName, TokenState
from rotator.domain.trial import CommandTrial
from tests.fakes.person import Person
from tests.fakes.scripted import denied, unavailable
from tests.fakes.world import BY_HAND, ENV_FILE, HEROKU, VAULT, World


@pytest.fixture
def world(make_world) -> World:
    """A rotation that waits for a person to hand in what they made."""
    world = make_world(issuer=replace(BY_HAND, value_pattern=r"tok_[0-9a-f]{24}"))
    world.adopt()
    world.worker().rotate()
    return world


@pytest.fixture
def person(world) -> Person:
    return Person(world)


def refused(world: World, value: str, name: str = "app") -> str:
    """Hand a value in that must not be taken; give what is said. Nothing has moved."""
    before = world.rotation(name), world.stores["vault"].version(name)
    with pytest.raises(RotatorError) as error:
        world.worker().hand_in(value, name)
    assert value not in str(error.value)
    after = world.rotation(name)
    assert (after, world.stores["vault"].version(name)) == before
    return str(error.value)


@pytest.mark.parametrize(
    "value",
    ["tok_0123 4567", "tok_0123\ntok_4567", "tok_\u200b0123", "Bearer tok_0123"],
    ids=["a blank", "two lines", "an invisible character", "with its header"],
)
def test_what_cannot_be_a_token_is_refused(world, value):
    assert "blanks, line breaks or unusual characters" in refused(world, value)


@pytest.mark.parametrize("value", ["app-abcdefg", "tok_0123", "tok_0123456789abcdef012345670"])
def test_what_does_not_look_like_this_issuers_tokens_is_refused(world, value):
    assert "does not look like a token of issuer" in refused(world, value)


def test_the_token_in_use_is_refused(world):
    said = refused(world, world.held_everywhere())
    assert "the value of app-by-hand, the token that is in use now" in said
    assert f"make a new one, named {world.rotation().new.name}" in said


def test_a_token_of_another_secret_is_refused(make_world):
    world = make_world(issuer=BY_HAND, secrets=("app", "web"))
    world.adopt("app")
    theirs = world.adopt("web")
    world.worker().rotate("app")
    assert "This is the value of web-by-hand, one of web" in refused(world, theirs)


def test_an_earlier_token_is_refused(world, person):
    first = world.held_everywhere()
    worker = world.worker()
    worker.hand_in(person.makes())
    person.deletes()
    worker.resume()
    worker.rotate()
    assert "an earlier one" in refused(world, first)


def test_a_token_that_the_issuer_refuses_is_refused_with_what_to_do(world, person):
    name = person.asked_to_make()
    person.makes()
    world.issuer_fake.delete_by_hand(name)
    said = refused(world, person.copied[name])
    assert "issuer refuses this value" in said
    assert f"delete {name} there, make another with the same name" in said


def test_where_the_old_token_is_refused_too_it_may_be_the_account(world, person):
    value = person.makes()
    world.issuer_fake.account_is_closed = True
    assert "look whether its subscription is paid" in refused(world, value)


def test_a_token_that_cannot_be_tried_now_is_not_taken(world, person):
    value = person.makes()
    world.issuer_fake.script.fail("verify", *[unavailable()] * 5)
    with pytest.raises(Temporary):
        world.worker().hand_in(value)
    assert world.rotation().new.state is TokenState.INTENDED
    world.issuer_fake.mend()
    assert world.worker().hand_in(value).phase is Phase.CONFIRMED


def test_a_token_that_its_policy_refuses_is_refused_while_another_can_be_made(world, person):
    name, value = person.asked_to_make(), person.makes()
    world.trials[SecretName("app")] = CommandTrial(("/bin/false",), timedelta(seconds=30))
    said = refused(world, value)
    assert f"The issuer accepts the new token {name}, but the command /bin/false refuses it." in said
    assert "make another with the same name that may do more" in said


def test_a_token_that_its_policy_cannot_try_now_is_not_taken(world, person):
    value = person.makes()
    world.trials[SecretName("app")] = CommandTrial(("/nowhere/to-be-found",), timedelta(seconds=30))
    said = refused(world, value)
    assert "/nowhere/to-be-found cannot be run: No such file or directory. So it was not taken." in said
    world.trials[SecretName("app")] = CommandTrial(("/bin/true",), timedelta(seconds=30))
    assert world.worker().hand_in(value).phase is Phase.CONFIRMED


@pytest.mark.parametrize("fault", [denied, unavailable])
def test_a_store_that_cannot_be_written_is_found_before_the_value_is_taken(world, person, fault):
    value = person.makes()
    world.stores["vault"].script.fail("preflight", fault())
    refused(world, value)
    assert world.worker().hand_in(value).phase is Phase.CONFIRMED


def test_a_place_that_somebody_else_wrote_meanwhile_is_not_written_over_unasked(world, person):
    value = person.makes()
    world.stores["vault"].put_by_hand("app", "a-value-of-somebody-else")
    said = refused(world, value)
    assert "it holds another value than when this rotation began" in said
    worker = world.worker()
    worker.resume()
    worker.hand_in(value)
    assert world.held_everywhere() == value


def test_a_place_whose_other_fields_changed_in_the_meantime_is_written(world, person):
    world.stores["vault"].change_a_sibling("app", "password", "theirs")
    changed = world.stores["vault"].siblings("app")
    assert world.worker().hand_in(person.makes()).phase is Phase.CONFIRMED
    assert world.stores["vault"].siblings("app") == changed


def test_a_place_that_nobody_can_read_is_written_as_it_stands_now(make_world):
    world = make_world(issuer=BY_HAND, stores={"heroku": replace(HEROKU, compares_and_sets=True)})
    person = Person(world)
    world.adopt()
    world.worker().rotate()
    world.stores["heroku"].put_by_hand("app", "changed days later")
    assert world.worker().hand_in(person.makes()).phase is Phase.CONFIRMED


def test_a_rotation_that_waits_for_no_value_takes_none(make_world):
    world = make_world(stores={"vault": VAULT}, issuer=BY_HAND)
    person = Person(world)
    world.adopt()
    world.worker().rotate()
    world.worker().hand_in(person.makes())
    with pytest.raises(InvalidInput, match="waits for no value: it is CONFIRMED"):
        world.worker().hand_in("tok_0123456789abcdef01234567")


def test_an_automatic_issuers_rotation_takes_no_value(make_world):
    world = make_world()
    world.adopt()
    with world.killed_at("after issuer.issue"):
        world.worker().rotate()
    world.lease_runs_out()
    with pytest.raises(InvalidInput, match="waits for no value"):
        world.worker().hand_in("tok_0123456789abcdef01234567")


@pytest.mark.parametrize(
    ("rules", "lifetime", "days"),
    [
        (ExpiryRules(choices=(Duration.parse("90 days"),)), "90 days", 90),
        (ExpiryRules(never_means=Duration.parse("4 years")), None, 1461),
        (ExpiryRules(), None, None),
    ],
    ids=["the lifetime that was chosen", "never, which ends", "never"],
)
def test_the_expiry_is_counted_from_the_day_it_was_handed_in(make_world, rules, lifetime, days):
    world = make_world(issuer=replace(BY_HAND, expiry=rules))
    world.policies["app"] = replace(world.policies["app"], lifetime=Duration.parse(lifetime) if lifetime else None)
    person = Person(world)
    world.adopt()
    world.worker().rotate()
    world.clock.move(days=5)
    world.worker().hand_in(person.makes())
    expires_at = world.rotation().new.expires_at
    assert (expires_at and (expires_at - world.clock.now()).days) == days


# --- a value that was lost -----------------------------------------------------------------------------------------


@pytest.fixture
def lost(world, person) -> World:
    """The process that took the value died before it wrote it anywhere."""
    value = person.makes()
    with world.killed_at("before vault.write"):
        world.worker().hand_in(value)
    world.lease_runs_out()
    world.worker().one_pass()
    return world


def test_a_value_that_was_lost_is_asked_for_once_more(lost, person):
    asked = lost.rotation().trouble
    assert asked.is_asked
    assert f"`rotate provide {lost.rotation().id} --lost`" in asked.remedy
    value = person.copied[lost.rotation().new.name]
    assert lost.worker().hand_in(value).phase is Phase.CONFIRMED
    assert lost.held_everywhere() == value
    assert len(lost.rotation().tokens) == 1


def test_it_may_be_handed_in_again_before_anybody_looked(world, person):
    value = person.makes()
    with world.killed_at("before vault.write"):
        world.worker().hand_in(value)
    world.lease_runs_out()
    assert world.worker().hand_in(value).phase is Phase.CONFIRMED


def test_another_value_is_not_taken_for_the_one_that_was_lost(lost):
    other = lost.issuer_fake.make_by_hand("another").value
    assert "not the value of" in refused(lost, other)


def test_who_does_not_have_it_any_more_deletes_it_and_makes_another(lost, person):
    first = lost.rotation().new.name
    lost.worker().say_it_is_lost()
    assert person.asked_to_delete() == [first]
    assert "--gone" in lost.rotation().trouble.remedy
    person.deletes()
    lost.worker().say_it_is_gone()
    assert person.asked_to_make() != first
    lost.worker().hand_in(person.makes())
    assert lost.rotation().phase is Phase.CONFIRMED
    assert lost.rotation().tokens[0].state is TokenState.DEAD


def test_a_lost_token_that_a_consumer_may_hold_lives_until_another_is_everywhere(make_world):
    world = make_world(issuer=BY_HAND, stores={"heroku": HEROKU})
    person = Person(world)
    world.adopt()
    world.worker().rotate()
    value = person.makes()
    with world.killed_at("after heroku.write"):
        world.worker().hand_in(value)
    world.lease_runs_out()
    world.worker().one_pass()
    world.worker().say_it_is_lost()
    assert value in world.alive()
    second = person.makes()
    world.worker().hand_in(second)
    assert set(person.asked_to_delete()) == {"app-by-hand", world.rotation().tokens[0].name}
    person.deletes()
    world.worker().say_it_is_gone()
    assert world.alive() == {second} == {world.held_everywhere()}


def test_what_a_place_can_give_back_is_not_lost(make_world):
    world = make_world(issuer=BY_HAND, stores={"vault": VAULT, "file": ENV_FILE})
    person = Person(world)
    world.adopt()
    world.worker().rotate()
    with world.killed_at("before file.write"):
        world.worker().hand_in(person.makes())
    world.lease_runs_out()
    world.worker().one_pass()
    assert world.rotation().phase is Phase.CONFIRMED


def test_nothing_is_given_up_that_was_never_handed_in(world):
    with pytest.raises(InvalidInput, match="waits for no value that was handed in and lost"):
        world.worker().say_it_is_lost()


def test_a_value_that_the_issuer_neither_accepts_nor_refuses_is_kept_by_the_person(world, person, monkeypatch):
    value = person.makes()
    unclear = Verification(Verdict.INDETERMINATE, reason="402: the balance is empty.")
    monkeypatch.setattr(world.issuer_fake, "_verify", lambda _value: unclear)
    with pytest.raises(NeedsOperator, match="402: the balance is empty"):
        world.worker().hand_in(value)
    assert world.rotation().new.state is TokenState.INTENDED
