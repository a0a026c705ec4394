"""What the ledger knows at the moment of each call that changes something: an intent is always there before it."""

from __future__ import annotations

import pytest

from rotator.domain.model import Phase, Placed, TokenState
from tests.fakes.world import A_DAY, HEROKU, VAULT


def what_the_ledger_knew(world, moment):
    """Rotate, and give the rotation as it stood in the ledger at this moment."""
    known = []

    def look(now):
        if now == moment:
            known.append(world.rotation())

    world.hook = look
    world.worker().rotate()
    return known[-1]


def test_before_a_token_is_asked_for_its_name_is_known(world):
    world.adopt()
    rotation = what_the_ledger_knew(world, "before issuer.issue")
    assert rotation.new.state is TokenState.INTENDED
    assert rotation.new.name


def test_before_a_write_the_token_is_known_to_work_and_the_place_to_be_in_doubt(world):
    world.adopt()
    rotation = what_the_ledger_knew(world, "before vault.write")
    assert rotation.phase is Phase.VERIFIED
    assert [place.state for place in rotation.destinations] == [Placed.WRITING]


def test_before_the_second_wave_of_writes_the_outcome_of_the_first_is_known(make_world):
    world = make_world(stores={"vault": VAULT, "heroku": HEROKU})
    world.adopt()
    rotation = what_the_ledger_knew(world, "before heroku.write")
    assert [place.state for place in rotation.destinations] == [Placed.WRITTEN, Placed.WRITING]


def test_before_a_revoke_the_new_token_is_known_to_be_everywhere(world):
    world.adopt()
    rotation = what_the_ledger_knew(world, "before issuer.revoke")
    assert rotation.phase is Phase.CONFIRMED
    assert rotation.old.state is TokenState.REVOKING


@pytest.mark.parametrize(
    ("last_call", "phase"), [("after issuer.verify", Phase.VERIFIED), ("after vault.current", Phase.CONFIRMED)]
)
def test_a_run_that_is_asked_to_stop_leaves_nothing_unsaid(make_world, last_call, phase):
    world = make_world(overlap=A_DAY)
    world.adopt()
    world.hook = lambda moment: world.clock.stop() if moment == last_call else None
    report = world.worker().rotate()
    assert world.rotation() == report.rotation
    assert world.rotation().phase is phase
    assert world.ledger.broken_links() == []


def test_observers_hear_of_every_move_in_its_order(world):
    world.adopt()
    world.events.clear()
    world.worker().rotate()
    assert world.kinds_of_events() == [
        "opened", "issuing", "issued", "verified", "publishing", "written", "published", "confirmed", "retiring",
        "retired",
    ]  # fmt: skip
    assert [event.kind for event in world.ledger.history(world.secret().name)][1:] == world.kinds_of_events()
