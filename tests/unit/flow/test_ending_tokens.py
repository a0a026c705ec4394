"""Revoking: only what is ours, by its exact handle, and never claimed without proof."""

from __future__ import annotations

import itertools
from datetime import timedelta

from rotator.domain.contracts import IssuerTraits
from rotator.domain.model import Phase, Proof, TokenState
from rotator.flow.report import Outcome
from tests.fakes.scripted import denied, locked_by_somebody, lost_answer, unavailable
from tests.fakes.world import ENV_FILE, HEROKU


def test_a_revoke_that_lies_is_found_out_and_never_called_done(world):
    old = world.adopt()
    world.issuer_fake.revokes_in_vain = True
    worker = world.worker()

    assert worker.rotate().outcome is Outcome.UNFINISHED
    for _ in range(3):
        world.clock.move(hours=2)
        worker.one_pass()
        assert world.rotation().phase is Phase.CONFIRMED
        assert world.rotation().old.state is TokenState.REVOKING
        assert world.rotation().trouble.kind == "temporary"
    assert old in world.alive()

    world.issuer_fake.revokes_in_vain = False
    world.clock.move(hours=2)
    worker.one_pass()
    assert world.rotation().phase is Phase.RETIRED
    assert old not in world.alive()


def test_a_revoke_that_lags_is_waited_for(world):
    world.adopt()
    world.issuer_fake.revoke_delay = timedelta(seconds=50)
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.alive() == {world.held_everywhere()}


def test_a_revoke_whose_answer_was_lost_is_repeated(world):
    world.adopt()
    world.issuer_fake.script.fail("revoke", lost_answer(), unavailable())
    assert world.worker().rotate().outcome is Outcome.ROTATED


def test_a_revoke_that_is_denied_waits_for_a_person(world):
    old = world.adopt()
    world.issuer_fake.script.fail("revoke", denied())
    worker = world.worker()
    worker.rotate()
    assert world.rotation().trouble.needs_operator
    assert old in world.alive()
    worker.resume()
    assert world.rotation().phase is Phase.RETIRED


def test_the_next_owner_of_a_reused_handle_is_not_revoked(make_world):
    """The old token died by somebody's hand, and its handle was given to somebody else's token."""
    world = make_world(issuer=IssuerTraits(reuses_handles=True))
    world.adopt()
    handle = world.secret().current.handle
    world.issuer_fake.revoke_by_hand(handle)
    world.clock.move(hours=1)
    stranger = world.issuer_fake.make_by_hand("strangers-token")
    assert stranger.handle == handle

    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert stranger.value in world.alive()


def test_a_token_whose_value_is_gone_is_proven_dead_by_the_list(make_world):
    """Two processes, and a store that keeps no earlier version: nobody has the old value at the end."""
    world = make_world(stores={"file": ENV_FILE})
    world.adopt()
    with world.killed_at("after ledger.record", occurrence=5):
        world.worker().rotate()
    world.lease_runs_out()
    world.worker().one_pass()
    assert world.rotation().old.proof is Proof.UNLISTED


def test_a_list_that_misses_a_token_now_and_then_does_not_prove_it_dead(make_world, monkeypatch):
    """Pages slide past one when somebody else's token is deleted while they are turned."""
    world = make_world(stores={"file": ENV_FILE})
    old = world.adopt()
    with world.killed_at("after ledger.record", occurrence=5):
        world.worker().rotate()
    issuer, looks = world.issuer_fake, itertools.count()
    listed, handle = issuer.tokens, world.rotation().old.handle
    issuer.revokes_in_vain = True
    world.lease_runs_out()
    monkeypatch.setattr(
        issuer, "tokens", lambda: tuple(info for info in listed() if info.handle != handle or next(looks) % 2)
    )
    world.worker().one_pass()
    assert (world.rotation().old.state, old in world.alive()) == (TokenState.REVOKING, True)


def test_without_value_and_without_list_a_person_has_to_look(make_world):
    world = make_world(stores={"heroku": HEROKU}, issuer=IssuerTraits(lists=False))
    world.adopt()
    world.worker().rotate()
    assert world.rotation().trouble.needs_operator
    assert world.rotation().phase is Phase.CONFIRMED


def test_a_new_token_that_the_issuer_does_not_list_yet_is_not_taken_for_dead(make_world):
    """Killed as soon as the token was made; the next run comes at once, before the issuer knows the token."""
    world = make_world(issuer=IssuerTraits(reuses_handles=True))
    world.adopt()
    world.issuer_fake.issue_delay = timedelta(seconds=8)
    made = []

    def stop_when_issued(moment):
        if moment == "before issuer.verify" and not made:
            made.append(world.clock.now())
            world.clock.stop()

    world.hook = stop_when_issued
    world.worker().rotate()
    world.clock.is_stopping = False
    world.hook = lambda _moment: None
    assert world.rotation().phase is Phase.ISSUED

    world.worker().withdraw()

    world.clock.move(minutes=5)
    assert world.rotation().phase is Phase.WITHDRAWN
    assert world.alive() == {world.held_everywhere()}


def test_a_value_that_was_never_accepted_proves_no_death_by_being_refused(world):
    """The issuer gave back something else than the token's value, and its revoke lies: the token lives."""
    world.adopt()
    world.issuer_fake.makes_duds = True
    world.issuer_fake.revokes_in_vain = True
    worker = world.worker()
    worker.rotate()
    assert world.rotation().new.state is TokenState.REVOKING

    world.issuer_fake.mend()
    world.clock.move(hours=1)
    worker.one_pass()
    assert world.rotation().phase is Phase.WITHDRAWN
    assert world.rotation().new.proof is Proof.UNLISTED
    assert world.alive() == {world.held_everywhere()}


def test_a_clock_that_jumps_ahead_does_not_make_a_new_token_look_dead(make_world):
    """The issuer knows it in eight seconds; by our clock, it should have known it for minutes."""
    world = make_world(issuer=IssuerTraits(names_tokens=False))
    world.adopt()
    world.issuer_fake.issue_delay = timedelta(seconds=8)
    world.issuer_fake.script.fail("verify", locked_by_somebody())
    world.worker().rotate()
    assert world.rotation().phase is Phase.ISSUED

    world.clock.wrong_by = timedelta(minutes=4)
    world.worker().resume()

    world.clock.move(minutes=1)
    assert world.alive() == {world.held_everywhere()}
