"""Adoption: the token in use now is known from then on, and nothing is touched."""

from __future__ import annotations

import pytest

from rotator.domain.contracts import IssuerTraits
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from rotator.flow.adoption import adopt
from tests.fakes.scripted import unavailable
from tests.fakes.world import HEROKU, VAULT


def taken_over(world, handle=None):
    return adopt(world.worker().runner.tools, world.policies["app"], handle)


def test_a_token_is_adopted_by_the_handle_that_the_issuer_tells(make_world):
    world = make_world(issuer=IssuerTraits(binds_value_to_handle=True))
    made = world.issuer_fake.make_by_hand()
    world.stores["vault"].put_by_hand("app", made.value)
    assert taken_over(world).handle == made.handle
    assert world.secret().current.fingerprint == world.ledger.fingerprint(SecretValue(made.value))


def test_where_the_issuer_does_not_tell_the_person_must(world):
    made = world.issuer_fake.make_by_hand()
    world.stores["vault"].put_by_hand("app", made.value)
    with pytest.raises(NeedsOperator, match="--handle"):
        taken_over(world)
    assert taken_over(world, made.handle).handle == made.handle


def test_a_person_who_names_another_handle_than_the_issuer_is_not_believed(make_world):
    world = make_world(issuer=IssuerTraits(binds_value_to_handle=True))
    made, other = world.issuer_fake.make_by_hand(), world.issuer_fake.make_by_hand()
    world.stores["vault"].put_by_hand("app", made.value)
    with pytest.raises(NeedsOperator, match="not"):
        taken_over(world, other.handle)


def test_a_handle_that_the_issuer_does_not_list_is_refused(world):
    world.stores["vault"].put_by_hand("app", world.issuer_fake.make_by_hand().value)
    with pytest.raises(Permanent, match="lists no token 77"):
        taken_over(world, Handle("77"))


def test_a_dead_value_is_not_adopted(world):
    made = world.issuer_fake.make_by_hand()
    world.stores["vault"].put_by_hand("app", made.value)
    world.issuer_fake.revoke_by_hand(made.handle)
    with pytest.raises(Permanent, match="dead already"):
        taken_over(world, made.handle)


def test_destinations_that_disagree_are_left_to_the_person(make_world):
    world = make_world(stores={"vault": VAULT, "other": VAULT})
    for store in world.stores.values():
        store.put_by_hand("app", world.issuer_fake.make_by_hand().value)
    with pytest.raises(NeedsOperator, match="different tokens"):
        taken_over(world, Handle("1"))


def test_where_nothing_can_be_read_the_persons_word_is_enough(make_world):
    world = make_world(stores={"heroku": HEROKU})
    made = world.issuer_fake.make_by_hand()
    assert taken_over(world, made.handle).fingerprint is None


def test_there_is_nothing_to_adopt_where_no_destination_holds_a_token(world):
    with pytest.raises(NeedsOperator, match="none to adopt"):
        taken_over(world, Handle("1"))


def test_a_store_that_is_down_is_told_as_it_is(world):
    world.stores["vault"].script.fail("current", unavailable())
    with pytest.raises(Temporary, match="503"):
        taken_over(world, Handle("1"))
