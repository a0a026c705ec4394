"""Where making a token cuts the old one's life short, the ledger knows when the old one ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.domain import plan
from rotator.domain.contracts import Coexistence, IssuerTraits
from rotator.domain.model import Phase
from rotator.domain.plan import Action, Reason
from rotator.flow.report import Outcome
from tests.fakes.scripted import denied, unavailable
from tests.fakes.world import A_DAY, HEROKU, World

SHORTENS = IssuerTraits(coexistence=Coexistence.SHORTENS_OLD)
TWO_DAYS = timedelta(days=2)


@pytest.fixture
def shortening(make_world) -> World:
    world = make_world(issuer=SHORTENS)
    world.issuer_fake.shortens_to = TWO_DAYS
    return world


def decision(world: World) -> plan.Decision:
    return plan.decide(world.policies["app"], world.secret(), world.clock.now())


def test_a_withdrawn_rotation_leaves_the_old_token_with_the_end_that_the_issuer_gave_it(shortening):
    world = shortening
    old = world.adopt()
    assert world.secret().current.expires_at is None
    assert decision(world).reason is Reason.NOT_DUE
    world.stores["vault"].script.fail("write", denied())

    assert world.worker().rotate().outcome is Outcome.WITHDRAWN

    end = world.issuer_fake.token_of(old).expires_at
    assert world.secret().current.expires_at == end
    world.clock.move(hours=1)
    assert (decision(world).action, decision(world).text) == (Action.WAIT, f"it expires at {end:%F %R}")
    world.clock.move(hours=46)
    assert decision(world).action is Action.ROTATE


def test_it_is_known_too_where_the_new_token_was_refused_or_its_answer_was_lost(shortening):
    world = shortening
    world.issuer_fake.makes_duds = True
    old = world.adopt()
    assert world.worker().rotate().outcome is Outcome.WITHDRAWN
    assert world.secret().current.expires_at == world.issuer_fake.token_of(old).expires_at is not None


def test_it_is_known_while_a_rotation_is_stuck(make_world):
    world = make_world(issuer=SHORTENS, stores={"heroku": HEROKU})
    world.issuer_fake.shortens_to = TWO_DAYS
    old = world.adopt()
    world.stores["heroku"].script.fail("settle", *[unavailable()] * 50)
    world.worker().rotate()
    assert world.rotation().phase is Phase.PUBLISHED
    assert world.secret().current.expires_at == world.issuer_fake.token_of(old).expires_at is not None
    assert "shortened" in world.kinds_of_events()


def test_an_old_token_that_is_not_listed_any_more_has_ended(shortening):
    world = shortening
    world.issuer_fake.shortens_to = timedelta()
    world.adopt()
    world.stores["vault"].script.fail("write", denied())
    world.worker().rotate()
    world.clock.move(hours=1)
    assert decision(world).reason is Reason.EXPIRED


def test_one_that_came_when_others_had_gone_on_has_shortened_theirs(shortening):
    world = shortening
    world.adopt()

    def others_go_on(moment):
        if moment == "before issuer.issue":
            world.hook = lambda _moment: None
            world.lease_runs_out()
            world.worker().one_pass()

    world.hook = others_go_on
    world.worker().rotate()
    assert world.rotation().phase is Phase.RETIRED
    [in_force] = world.issuer_fake.alive()
    assert in_force.expires_at == world.secret().current.expires_at is not None
    assert world.ledger.broken_links() == []


def test_a_lost_one_that_was_made_after_the_new_one_has_shortened_it(make_world):
    world = make_world(issuer=SHORTENS, overlap=A_DAY)
    world.adopt()
    issuer = world.issuer_fake
    issuer.lose_the_next_create(arrives_after=issuer.traits.issue_propagation + timedelta(minutes=1))
    world.worker().rotate()
    issuer.shortens_to = TWO_DAYS
    world.clock.move(minutes=5)
    assert len(issuer.alive()) == 3
    issuer.token_of(world.held_everywhere()).expires_at = world.clock.now() + TWO_DAYS
    world.clock.move(hours=25)
    world.worker().one_pass()
    [in_force] = issuer.alive()
    assert in_force.expires_at == world.secret().current.expires_at is not None


def test_a_rotation_that_made_no_token_shortens_nothing_and_asks_for_no_list(shortening):
    world = shortening
    world.adopt()
    world.issuer_fake.script.calls.clear()
    world.issuer_fake.script.fail("issue", denied())
    assert world.worker().rotate().outcome is Outcome.WITHDRAWN
    assert "tokens" not in world.issuer_fake.script.calls


def test_an_issuer_that_leaves_old_tokens_alone_is_asked_for_no_list(world):
    world.adopt()
    world.issuer_fake.script.calls.clear()
    world.worker().rotate()
    assert "tokens" not in world.issuer_fake.script.calls
