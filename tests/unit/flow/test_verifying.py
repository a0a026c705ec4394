"""What a policy asks for beside the issuer's word: it decides like the issuer, and about new tokens alone.

The trials are real commands: `/bin/true` accepts every token, `/bin/false` refuses every one.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rotator.domain.model import Phase, SecretName
from rotator.domain.trial import CommandTrial
from tests.fakes.world import HEROKU, VAULT, World

APP = SecretName("app")


def command(*words: str) -> CommandTrial:
    return CommandTrial(words, timedelta(seconds=30))


ACCEPTS = command("/bin/true")
REFUSES = command("/bin/false")
SAYS_NOTHING = command("/bin/sh", "-c", "exit 7")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def detail(world: World, kind: str) -> object:
    return next(event.detail for event in reversed(world.events) if event.kind == kind)


def test_a_token_that_passes_the_trial_is_rotated_and_the_history_says_who_was_asked(world: World) -> None:
    world.trials[APP] = ACCEPTS
    old = world.adopt()
    world.worker().rotate()
    assert world.rotation().phase is Phase.RETIRED
    assert world.held_everywhere() != old
    for kind in ("verified", "confirmed"):
        assert detail(world, kind)["tried"] == "the command /bin/true"


def test_a_token_that_the_trial_refuses_is_withdrawn_before_any_consumer_sees_it(world: World) -> None:
    world.trials[APP] = REFUSES
    old = world.adopt()
    world.worker().rotate()
    assert world.rotation().phase is Phase.WITHDRAWN
    assert (world.held_everywhere(), world.alive()) == (old, {old})
    assert "published" not in world.kinds_of_events()
    why = detail(world, "withdrawn")["why"]
    assert "but the command /bin/false refuses it. /bin/false ended with 1." in why
    assert "correct the policy's `verify`" in why


def test_a_trial_that_says_nothing_is_repeated_with_patience_and_the_rotation_withdrawn(world: World) -> None:
    world.trials[APP] = SAYS_NOTHING
    old = world.adopt()
    world.worker().rotate()
    assert world.rotation().phase is Phase.WITHDRAWN
    assert world.alive() == {old}
    assert "does not say whether it works. /bin/sh ended with 7." in detail(world, "trouble")["what"]
    assert world.clock.waited > timedelta(minutes=1)


def test_the_issuer_is_asked_first_and_its_no_is_enough(world: World) -> None:
    world.trials[APP] = ACCEPTS
    old = world.adopt()
    world.issuer_fake.makes_duds = True
    world.worker().rotate()
    assert world.rotation().phase is Phase.WITHDRAWN
    assert "The issuer refuses the new token" in detail(world, "withdrawn")["why"]
    assert world.held_everywhere() == old


def test_the_value_as_stored_is_tried_too_and_a_no_needs_a_person(world: World) -> None:
    world.trials[APP] = ACCEPTS
    old = world.adopt()
    world.hook = lambda moment: world.trials.update({APP: REFUSES}) if moment == "after vault.write" else None
    world.worker().rotate()
    assert world.rotation().phase is Phase.PUBLISHED
    assert world.rotation().trouble.needs_operator
    assert old in world.alive()

    world.hook = lambda _moment: None
    world.trials[APP] = ACCEPTS
    world.worker().resume()
    assert world.rotation().phase is Phase.RETIRED


def test_a_trial_that_was_wrong_is_corrected_while_the_rotation_is_open(world: World) -> None:
    world.trials[APP] = SAYS_NOTHING
    old = world.adopt()
    daemon = world.worker(stays=False)
    daemon.rotate()
    assert world.rotation().phase is Phase.ISSUED
    world.trials[APP] = ACCEPTS
    daemon.resume()
    assert world.rotation().phase is Phase.RETIRED
    assert world.held_everywhere() != old


def test_a_policy_that_is_gone_asks_for_nothing_more(world: World) -> None:
    world.trials[APP] = SAYS_NOTHING
    world.adopt()
    daemon = world.worker(stays=False)
    daemon.rotate()
    del world.trials[APP]
    daemon.resume()
    assert world.rotation().phase is Phase.RETIRED


def test_that_an_old_token_is_dead_is_the_issuers_word_alone(world: World) -> None:
    world.adopt()
    world.trials[APP] = ACCEPTS  # would call every dead token alive
    world.worker().rotate()
    assert detail(world, "retired")["proof"] == {world.rotation().old.handle: "refused"}


@pytest.mark.parametrize("moment", ["after issuer.verify", "before ledger.record", "after vault.write"])
def test_a_process_that_dies_on_the_way_leaves_nothing_that_the_next_one_does_not_finish(
    tmp_path: Path, moment: str
) -> None:
    world = World(tmp_path, stores={"vault": VAULT, "heroku": HEROKU})
    world.trials[APP] = ACCEPTS
    old = world.adopt()
    with world.killed_at(moment, occurrence=2 if moment == "before ledger.record" else 1):
        world.worker().rotate()
    world.lease_runs_out()
    world.worker().rotate()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()} != {old}


def test_where_nothing_can_be_read_back_the_new_value_was_tried_before_it_was_written(tmp_path: Path) -> None:
    world = World(tmp_path, stores={"heroku": HEROKU})
    world.trials[APP] = REFUSES
    world.issuer_fake.make_by_hand("before", foreign=False)
    world.worker().rotate()
    assert world.rotation().phase is Phase.WITHDRAWN
    assert world.stores["heroku"].holds("app") is None
