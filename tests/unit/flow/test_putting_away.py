"""After a death nobody goes back to a version that holds the dead token: put away, and never before it is proven."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rotator.domain.model import Cause, Phase, Proof
from rotator.flow.report import Outcome
from rotator.observe.events import sentence
from tests.fakes.scripted import broken, denied
from tests.fakes.world import ENV_FILE, VAULT

DISABLES = replace(VAULT, puts_away=True)


def calls(world, store: str = "vault") -> int:
    return world.stores[store].script.calls.count("put_away")


def earlier_values(world, store: str = "vault") -> set[str | None]:
    """Give the values that somebody could go back to."""
    document = world.stores[store]._documents["app"]
    return {edition.value for edition in document.history if edition is not document.current}


@pytest.mark.parametrize(
    ("kind", "cause", "times"),
    [
        pytest.param(VAULT, Cause.ASKED, 0, id="an earlier version may stay"),
        pytest.param(VAULT, Cause.COMPROMISED, 1, id="after a compromise it may not"),
        pytest.param(DISABLES, Cause.ASKED, 1, id="a store that disables dead ones always does"),
        pytest.param(ENV_FILE, Cause.COMPROMISED, 0, id="there is no earlier version"),
    ],
)
def test_a_version_is_put_away_when_it_may_harm(make_world, kind, cause, times):
    world = make_world(stores={"vault": kind})
    world.adopt()
    before = world.stores["vault"].version("app")
    assert world.worker().rotate("app", cause).outcome is Outcome.ROTATED
    assert calls(world) == times
    document = world.stores["vault"]._documents["app"]
    assert (before in {edition.version for edition in document.history}) == (not times)
    assert world.alive() == {world.held_everywhere()}


def test_the_death_is_durable_before_its_proof_is_put_away(make_world):
    world = make_world(stores={"vault": VAULT})
    world.adopt()
    with world.killed_at("after vault.put_away"):
        world.worker().rotate("app", Cause.COMPROMISED)
    assert world.rotation().old.proof is Proof.REFUSED
    world.lease_runs_out()
    world.worker().one_pass()
    assert world.rotation().phase is Phase.RETIRED
    assert world.rotation().old.proof is Proof.REFUSED
    assert calls(world) == 2


@pytest.mark.parametrize(("fault", "why"), [(denied(), "403 Forbidden"), (broken(IndexError()), "which is a bug")])
def test_a_store_that_refuses_stops_nothing_and_the_history_says_so(make_world, fault, why):
    world = make_world(stores={"vault": VAULT, "other": VAULT})
    world.adopt()
    world.stores["vault"].script.fail("put_away", fault)
    assert world.worker().rotate("app", Cause.COMPROMISED).outcome is Outcome.ROTATED
    told = sentence(world.events[-1])
    assert "the version with the old one is put away" in told
    assert "it is still kept at vault name=app" in told
    assert why in told


def test_a_version_with_somebody_elses_value_is_left_alone(make_world):
    world = make_world(stores={"vault": DISABLES, "other": DISABLES})
    world.adopt()
    world.stores["other"].put_by_hand("app", "a stranger's value")
    assert world.worker().rotate("app", Cause.COMPROMISED).outcome is Outcome.ROTATED
    assert earlier_values(world) == set()
    assert earlier_values(world, "other") == {"a stranger's value"}


def test_every_version_with_a_dead_token_goes_whoever_made_it(world):
    first = world.adopt()
    world.worker().rotate()
    second = world.held_everywhere()
    world.stores["vault"].change_a_sibling("app", "password", "theirs")
    world.stores["vault"].put_by_hand("app", first)
    world.stores["vault"].put_by_hand("app", second)
    assert earlier_values(world) == {first, second}

    def somebody_changes_a_sibling(moment):
        if moment == "before vault.write":
            world.hook = lambda _moment: None
            world.stores["vault"].change_a_sibling("app", "password", "theirs again")

    world.hook = somebody_changes_a_sibling
    assert world.worker().rotate("app", Cause.COMPROMISED).outcome is Outcome.ROTATED
    assert earlier_values(world) == set()
    assert ("password", "theirs again") in world.stores["vault"].siblings("app")


def test_what_somebody_wrote_over_the_old_token_does_not_hide_it(world):
    old = world.adopt()

    def somebody_writes_our_field(moment):
        if moment == "before vault.write":
            world.hook = lambda _moment: None
            world.stores["vault"].put_by_hand("app", "a stranger's value")

    world.hook = somebody_writes_our_field
    worker = world.worker()
    worker.rotate("app", Cause.COMPROMISED)
    assert worker.resume().phase is Phase.RETIRED
    assert earlier_values(world) == {"a stranger's value"}
    assert world.rotation().old.proof is Proof.REFUSED
    assert old not in world.alive()
