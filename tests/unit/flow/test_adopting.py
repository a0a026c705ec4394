"""Adoption: the token in use now is known from then on, and nothing is touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.contracts import IssuerTraits
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.domain.model import Cause, ConnectionName, Handle, IssuerRef, Phase, Proof, TokenState
from rotator.domain.policy import PolicySet
from rotator.domain.secret_value import SecretValue
from rotator.flow.adoption import adopt
from rotator.flow.opening import Order
from rotator.flow.outlook import survey
from rotator.ledger.errors import AlreadyOpen
from tests.fakes.containment import contained
from tests.fakes.memory_issuer import MemoryIssuer
from tests.fakes.scripted import unavailable
from tests.fakes.world import A_DAY, BY_HAND, ENV_FILE, HEROKU, VAULT
from tests.unit.flow.test_incident import Emergency


def taken_over(world, handle=None, *, name="app", expires_at=None):
    policies = PolicySet(tuple(world.policies.values()), {})
    return adopt(world.worker().runner.tools, world.policies[name], handle, expires_at, policies)


def replaced_by_hand(world, *stores):
    """Make a token by hand, and put it where it belongs, or only there."""
    made = world.issuer_fake.make_by_hand(foreign=False)
    for store in stores or world.stores:
        world.stores[store].put_by_hand("app", made.value)
    return made


def tokens_known(world):
    return {known.token for known in world.ledger.picture().tokens}


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


# --- once more ---


@pytest.mark.parametrize("how", ["adopted", "issued"])
def test_the_token_in_force_adopted_once_more_changes_nothing(world, how):
    world.adopt()
    if how == "issued":
        world.worker().rotate()
    current, told = world.secret().current, len(world.ledger.history("app"))
    assert taken_over(world, current.handle) == current
    assert tokens_known(world) == {current}
    assert len(world.ledger.history("app")) == told


def test_when_it_expires_can_be_told_later(make_world):
    world = make_world(issuer=BY_HAND)
    world.adopt()
    first, end = world.secret().current, world.clock.now() + timedelta(days=30)
    taken_over(world, first.handle, expires_at=end)
    assert world.secret().current.expires_at == end
    assert [token.id for token in tokens_known(world)] == [first.id]


def test_a_wrong_handle_that_a_person_told_is_put_right(world):
    made, of_somebody_else = replaced_by_hand(world), world.issuer_fake.make_by_hand()
    taken_over(world, of_somebody_else.handle)
    taken_over(world, made.handle)
    assert [token.handle for token in tokens_known(world)] == [made.handle]
    world.worker().rotate()
    assert of_somebody_else.value in world.alive()
    assert made.value not in world.alive()


def test_a_handle_that_came_with_its_value_is_believed_before_a_person(world):
    world.adopt()
    world.worker().rotate()
    with pytest.raises(NeedsOperator, match="token in use is 2, not 1"):
        taken_over(world, Handle("1"))


def test_a_token_whose_value_was_changed_by_hand_is_the_same_token(world):
    """A login's password, say: revoking the one would end the other."""
    made = replaced_by_hand(world)
    taken_over(world, made.handle)
    made.value = "another-password"
    world.stores["vault"].put_by_hand("app", made.value)
    taken_over(world, made.handle)
    assert world.secret().open is None
    assert world.worker().rotate().rotation.old.proof is Proof.REFUSED


# --- another one ---


def test_a_token_that_a_person_replaced_by_hand_dies_after_the_overlap(make_world):
    world = make_world(stores={"vault": VAULT, "file": ENV_FILE}, overlap=A_DAY)
    world.adopt()
    world.worker().rotate()
    world.worker().retire()
    ours = world.held_everywhere()
    made = replaced_by_hand(world)
    taken_over(world, made.handle)
    assert world.secret().current.handle == made.handle

    world.worker().one_pass()
    assert world.alive() == {ours, made.value}
    world.clock.move(hours=25)
    world.worker().one_pass()
    assert (world.rotation().phase, world.rotation().old.proof) == (Phase.RETIRED, Proof.REFUSED)
    assert world.alive() == {made.value} == {world.held_everywhere()}

    world.worker().rotate(overlap=A_DAY)
    world.worker().retire()
    assert world.alive() == {world.held_everywhere()} != {made.value}
    assert {token.state for token in tokens_known(world)} == {TokenState.LIVE}


def test_a_wrong_handle_is_put_right_also_of_one_that_replaced_another(world):
    world.adopt()
    made, of_somebody_else = replaced_by_hand(world), world.issuer_fake.make_by_hand()
    taken_over(world, of_somebody_else.handle)
    world.worker().one_pass()
    taken_over(world, made.handle)
    world.worker().rotate()
    assert world.alive() == {world.held_everywhere(), of_somebody_else.value}


def test_both_die_after_a_compromise(make_world):
    world = make_world(overlap=A_DAY)
    world.adopt()
    taken_over(world, replaced_by_hand(world).handle)
    report = world.worker().rotate(cause=Cause.COMPROMISED)
    assert not contained(report), "the first one's value was nowhere to be had"
    assert world.alive() == {world.held_everywhere()}


def test_after_a_compromise_the_one_that_got_out_has_no_overlap(make_world):
    world = make_world(overlap=A_DAY)
    world.adopt()
    Emergency(world).declare()
    made = replaced_by_hand(world)
    taken_over(world, made.handle)
    world.worker().one_pass()
    assert world.alive() == {made.value}


def test_nothing_is_adopted_while_a_rotation_is_under_way(make_world):
    world = make_world(overlap=A_DAY)
    world.adopt()
    taken_over(world, replaced_by_hand(world).handle)
    with pytest.raises(AlreadyOpen):
        taken_over(world, replaced_by_hand(world).handle)
    assert len(tokens_known(world)) == 2


def test_a_place_that_nobody_can_read_must_have_been_written_since(make_world):
    world = make_world(stores={"vault": VAULT, "heroku": HEROKU})
    world.adopt()
    world.worker().rotate()
    ours = world.held_everywhere()
    made = replaced_by_hand(world, "vault")
    with pytest.raises(NeedsOperator, match="heroku name=app holds 2 yet"):
        taken_over(world, made.handle)
    assert world.stores["heroku"].holds("app") == ours
    world.stores["heroku"].put_by_hand("app", made.value)
    taken_over(world, made.handle)
    world.worker().one_pass()
    assert world.alive() == {made.value} == {world.held_everywhere()}


def test_a_place_that_nobody_can_read_may_hold_a_token_that_was_never_rotated(make_world):
    world = make_world(stores={"vault": VAULT, "heroku": HEROKU})
    old = world.adopt()
    made = replaced_by_hand(world, "vault")
    with pytest.raises(NeedsOperator, match="heroku name=app cannot be read, and may hold 1 yet"):
        taken_over(world, made.handle)
    world.worker().rotate()
    assert world.alive() == {made.value, world.held_everywhere()}
    assert old not in world.alive()


def test_where_no_place_can_be_read_a_person_is_believed_that_they_replaced_the_token(make_world):
    world = make_world(stores={"heroku": HEROKU})
    world.adopt()
    made = replaced_by_hand(world)
    taken_over(world, made.handle)
    world.worker().one_pass()
    assert world.alive() == {made.value}


# --- another issuer's ---


@pytest.fixture
def second(make_world, monkeypatch):
    """An issuer to which the secret of a world was moved: its token is adopted, and the one of the first is dead."""
    world = make_world(stores={"vault": ENV_FILE})
    world.adopt()
    world.worker().rotate()
    world.clock.move(hours=1)
    second = MemoryIssuer(world.clock, IssuerTraits(names_tokens=False))
    monkeypatch.setattr(world, "issuer", lambda ref: second if ref.connection == "second" else world.issuer_fake)
    second.make_by_hand("already there")
    second.make_by_hand("already there, too")
    uses(world, "second")
    taken_over(world, put_there(world, second).handle)
    world.worker().one_pass()
    assert world.alive() == set()
    second.world = world
    return second


def uses(world, connection):
    world.policies["app"] = replace(world.policies["app"], issuer=IssuerRef(ConnectionName(connection)))


def put_there(world, issuer):
    made = issuer.make_by_hand("app", foreign=False)
    world.stores["vault"].put_by_hand("app", made.value)
    return made


def test_a_token_that_was_adopted_at_another_issuer_is_ended_there(second):
    world, adopted = second.world, second.made()[-1]
    strangers = [world.issuer_fake.make_by_hand("somebody else's") for _ in range(3)]
    assert adopted.handle in {stranger.handle for stranger in strangers}
    another = put_there(world, second)
    taken_over(world, another.handle)
    world.worker().one_pass()
    assert not second.accepts(adopted.value)
    assert world.alive() == {stranger.value for stranger in strangers}


def test_a_token_that_was_adopted_at_another_issuer_is_not_taken_for_dead_because_this_one_refuses_it(second):
    uses(second.world, "issuer")
    report = second.world.worker().rotate(cause=Cause.COMPROMISED)
    assert "made through the connection second" in str(report.refused)
    assert second.accepts(second.world.held_everywhere())


def test_a_token_of_another_issuer_with_the_same_handle_is_not_taken_for_the_same(second):
    world = second.world
    uses(world, "issuer")
    ours = next(
        made
        for made in (world.issuer_fake.make_by_hand() for _ in range(4))
        if made.handle == world.secret().current.handle
    )
    world.stores["vault"].put_by_hand("app", ours.value)
    with pytest.raises(NeedsOperator, match="was made through second"):
        taken_over(world, ours.handle)


def test_what_was_taken_for_dead_at_another_issuer_is_not_revoked_again_here(second):
    world = second.world
    assert world.rotation().old.proof is Proof.UNLISTED
    assert world.rotation().old.handle in {stranger.handle for stranger in second.made()[:-1]}
    order = Order(world.policies["app"], Cause.COMPROMISED)
    [outlook] = survey(world.worker().runner.tools, [order], {}, workers=1).outlooks
    assert outlook.returned == ()


# --- another secret's ---


@pytest.mark.parametrize("kind", [VAULT, HEROKU], ids=["by its value", "by its handle"])
def test_one_token_is_not_adopted_by_two_secrets(make_world, kind):
    world = make_world(secrets=("app", "web"), stores={"store": kind})
    world.adopt("app")
    current = world.secret("app").current
    world.stores["store"].put_by_hand("web", world.stores["store"].holds("app"))
    with pytest.raises(NeedsOperator, match="is the token of app"):
        taken_over(world, current.handle, name="web")
    assert world.secret("web").current is None


def test_a_secret_that_was_renamed_takes_its_token_along(make_world):
    world = make_world(secrets=("app", "web"))
    value = world.adopt("app")
    world.stores["vault"].put_by_hand("web", value)
    handle = world.secret("app").current.handle
    del world.policies["app"]
    assert taken_over(world, handle, name="web").handle == handle
