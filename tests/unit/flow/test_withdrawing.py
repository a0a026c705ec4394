"""Going back: the old token is in force everywhere again, and no token of the rotation lives."""

from __future__ import annotations

import pytest

from rotator.domain.contracts import StoreTraits
from rotator.domain.errors import NeedsOperator
from rotator.domain.model import Cause, Mode, Phase, TokenState
from rotator.domain.secret_value import SecretValue
from rotator.flow import budget
from rotator.flow.report import Outcome
from tests.fakes.scripted import denied, locked_by_somebody, unavailable
from tests.fakes.world import A_DAY, ENV_FILE, HEROKU, SECRETS_MANAGER, VAULT

READABLE = {"vault": VAULT, "aws": SECRETS_MANAGER, "file": ENV_FILE}


@pytest.mark.parametrize("kind", READABLE.values(), ids=READABLE.keys())
def test_withdrawing_puts_the_old_token_back_where_the_new_one_was_written(make_world, kind):
    world = make_world(stores={"first": kind, "second": kind})
    old = world.adopt()
    world.stores["second"].script.fail("write", denied())
    worker = world.worker()
    worker.rotate()
    assert {store.holds("app") for store in world.stores.values()} > {old}

    assert worker.withdraw().phase is Phase.WITHDRAWN

    assert world.held_everywhere() == old
    assert world.alive() == {old}
    assert all(store.pending("app") is None for store in world.stores.values())


def test_withdrawing_goes_back_where_the_process_that_wrote_is_gone(world):
    old = world.adopt()
    with world.killed_at("after vault.write"):
        world.worker().rotate()
    world.lease_runs_out()
    assert world.worker().withdraw().phase is Phase.WITHDRAWN
    assert world.held_everywhere() == old
    assert world.alive() == {old}


def test_what_cannot_be_read_back_is_not_withdrawn_and_nothing_else_is_put_back_either(make_world):
    world = make_world(stores={"vault": VAULT, "heroku": HEROKU})
    world.adopt()
    world.stores["heroku"].script.fail("settle", *[unavailable()] * 50)
    worker = world.worker()
    worker.rotate()
    assert world.rotation().phase is Phase.PUBLISHED
    new = world.held_everywhere()

    with pytest.raises(NeedsOperator, match="cannot be read"):
        worker.withdraw()

    assert world.held_everywhere() == new
    assert world.rotation().phase.is_open
    world.stores["heroku"].script.forgive()
    worker.resume()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {new}


@pytest.mark.parametrize("killed", [False, True])
def test_consumers_that_must_restart_have_gone_back_before_the_new_token_dies(make_world, killed):
    """The first store's consumers work with the new token already when the second one's restart fails."""
    world = make_world(stores={"first": StoreTraits(settles=True), "second": StoreTraits(settles=True)})
    old = world.adopt()
    world.stores["second"].script.fail("settle", locked_by_somebody())
    worker = world.worker()
    worker.rotate()
    assert world.stores["first"].consumers_read("app") == world.held_everywhere() != old

    if killed:
        with world.killed_at("after first.restore"):
            worker.withdraw()
        world.lease_runs_out()
        worker = world.worker()
    assert worker.withdraw().phase is Phase.WITHDRAWN
    assert {store.consumers_read("app") for store in world.stores.values()} == {old}
    assert world.alive() == {old}


def test_a_rotation_in_its_overlap_is_not_withdrawn_and_not_disturbed(make_world):
    """The new token is in force: going back is another rotation. The overlap ends as it would have."""
    world = make_world(overlap=A_DAY)
    world.adopt()
    worker = world.worker()
    worker.rotate()
    new = world.held_everywhere()

    with pytest.raises(NeedsOperator, match="confirmed"):
        worker.withdraw()

    assert world.held_everywhere() == new
    assert new in world.alive()
    world.clock.move(hours=25)
    worker.one_pass()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {new}


@pytest.mark.parametrize("same_process", [True, False], ids=["same process", "another process"])
def test_a_token_whose_revoke_was_begun_is_never_published(world, same_process):
    """A withdrawal that cannot prove the death of its token: a later run must not take that token for good."""
    world.adopt()
    world.stores["vault"].script.fail("write", denied())
    world.issuer_fake.revokes_in_vain = True
    worker = world.worker()
    worker.rotate()
    doomed = world.rotation().new
    assert doomed.state is TokenState.REVOKING

    world.issuer_fake.revokes_in_vain = False
    world.clock.move(hours=1)
    (worker if same_process else world.worker()).one_pass()

    assert world.ledger.fingerprint(SecretValue(world.held_everywhere())) != doomed.fingerprint
    assert world.alive() == {world.held_everywhere()}


def test_a_withdrawal_that_was_interrupted_can_be_gone_on_from(world):
    """Killed after the old value was put back and the new token was revoked."""
    world.adopt()
    world.stores["vault"].script.fail("settle", *[unavailable()] * 50)
    worker = world.worker()
    worker.rotate()
    assert world.rotation().phase is Phase.PUBLISHED
    world.stores["vault"].script.forgive()
    with world.killed_at("after issuer.revoke"):
        worker.withdraw()
    world.lease_runs_out()

    world.worker().one_pass()

    assert not world.rotation().phase.is_open
    assert world.alive() == {world.held_everywhere()}


def test_there_is_no_way_back_to_a_token_whose_revoke_was_begun(world):
    world.adopt()
    world.issuer_fake.revokes_in_vain = True
    worker = world.worker()
    worker.rotate(mode=Mode.REVOKE_FIRST)
    assert world.rotation().old.state is TokenState.REVOKING
    with pytest.raises(NeedsOperator, match="nothing to go back to"):
        worker.withdraw()


def test_a_withdrawn_rotation_is_tried_again_later_and_ever_more_rarely(world):
    world.adopt()
    world.clock.move(days=91)
    world.issuer_fake.makes_duds = True
    worker = world.worker()
    assert worker.one_pass()[0].outcome is Outcome.WITHDRAWN
    assert worker.one_pass() == []
    world.clock.move(minutes=5)
    assert worker.one_pass()[0].outcome is Outcome.WITHDRAWN
    world.clock.move(minutes=3)
    assert worker.one_pass() == []


def test_taking_back_that_a_kill_interrupts_is_brought_to_its_end_by_the_next_run(make_world):
    world = make_world(stores={"first": VAULT, "second": VAULT})
    old = world.adopt()
    with world.killed_at("before first.settle"):
        world.worker().rotate()
    world.lease_runs_out()
    with world.killed_at("after first.restore"):
        world.worker().withdraw()
    assert {store.holds("app") for store in world.stores.values()} > {old}
    world.lease_runs_out()
    world.worker().one_pass()
    assert world.rotation().phase is Phase.WITHDRAWN
    assert world.held_everywhere() == old
    assert world.alive() == {old}


def test_where_a_place_has_no_way_back_the_rotation_may_still_go_forward(make_world):
    world = make_world(stores={"first": VAULT, "second": VAULT})
    old = world.adopt()
    with world.killed_at("before first.settle"):
        world.worker().rotate()
    world.lease_runs_out()
    world.stores["second"].script.fail("restore", denied())
    worker = world.worker()
    assert worker.withdraw().trouble.needs_operator
    assert world.rotation().given_up is None
    assert world.alive() > {old}
    assert worker.resume().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


def test_going_back_after_a_compromise_goes_ahead_of_others_and_keeps_its_lease_while_it_waits(world, monkeypatch):
    world.adopt()
    store, seen = world.stores["vault"], []
    store.script.fail("settle", locked_by_somebody())
    worker = world.worker()
    worker.rotate("app", Cause.COMPROMISED)
    look = store.current

    def watched(place: object) -> object:
        seen.append((budget._urgent.get(), budget._keep_lease.get() is not budget._nothing))
        return look(place)

    monkeypatch.setattr(store, "current", watched)
    assert worker.withdraw().phase is Phase.WITHDRAWN
    assert set(seen) == {(True, True)}


def test_a_bug_in_a_plug_in_leaves_the_rotation_free_for_another_try(world, monkeypatch):
    world.adopt()
    store = world.stores["vault"]
    store.script.fail("settle", locked_by_somebody())
    worker = world.worker()
    worker.rotate()

    with monkeypatch.context() as broken:
        broken.setattr(store, "current", lambda _place: 1 / 0)
        assert "ZeroDivisionError" in worker.withdraw().trouble.what

    assert world.worker().withdraw().phase is Phase.WITHDRAWN
