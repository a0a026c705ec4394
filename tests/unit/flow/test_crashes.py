"""Killed at any call and any ledger write, for each kind of store: nothing is lost, and the next run finishes."""

from __future__ import annotations

from collections import Counter
from itertools import count

import pytest

from rotator.domain.contracts import Coexistence, IssuerTraits
from rotator.domain.model import Cause, Mode, Phase, Proof
from rotator.observe.troubles import way_out
from tests.fakes.world import ENV_FILE, HEROKU, RESTARTED, SECRETS_MANAGER, VAULT, World

INSTALLATIONS = {
    "vault": {"vault": VAULT},
    "secrets manager": {"aws": SECRETS_MANAGER},
    "env file": {"file": ENV_FILE},
    "write-only": {"heroku": HEROKU},
    "restarted": {"file": RESTARTED},
    "readable and write-only": {"vault": VAULT, "heroku": HEROKU},
    "staging and write-only": {"aws": SECRETS_MANAGER, "heroku": HEROKU},
}


CHANGES_NOTHING = ("current", "preflight", "read", "written", "tokens", "verify")


def points_of(run, world) -> list[tuple[str, int]]:
    """Give every moment of a run without faults, with how many times it had come by then.

    The moment after a call that changes nothing is left out: it is the one before whatever comes next.
    """
    seen: Counter[str] = Counter()
    points = []

    def note(moment):
        seen[moment] += 1
        if not (moment.startswith("after") and moment.endswith(CHANGES_NOTHING)):
            points.append((moment, seen[moment]))

    world.hook = note
    run(world)
    world.hook = lambda _moment: None
    return points


def rotate(world):
    world.worker().rotate()


def rotate_compromised(world):
    world.worker().rotate(cause=Cause.COMPROMISED)


def rotate_revoking_first(world):
    world.worker().rotate(mode=Mode.REVOKE_FIRST)


@pytest.mark.parametrize("kinds", INSTALLATIONS.values(), ids=INSTALLATIONS.keys())
def test_whenever_it_is_killed_the_next_run_leaves_one_live_token_everywhere(tmp_path, kinds):
    at_every_point(tmp_path, rotate, kinds)


@pytest.mark.parametrize("run", [rotate_compromised, rotate_revoking_first])
def test_whenever_it_is_killed_in_an_emergency_the_next_run_finishes(tmp_path, run):
    at_every_point(tmp_path, run, {"vault": VAULT, "heroku": HEROKU})


@pytest.mark.parametrize(
    "issuer",
    [IssuerTraits(names_tokens=False), IssuerTraits(reuses_handles=True), IssuerTraits(binds_value_to_handle=True)],
    ids=["nameless", "reuses handles", "binds values"],
)
def test_whenever_it_is_killed_no_token_is_lost_whatever_the_issuer_is_like(tmp_path, issuer):
    at_every_point(tmp_path, rotate, {"vault": VAULT}, issuer)


def at_every_point(folder, run, kinds, issuer=None):
    """Kill a new world's process at each moment that a run without faults comes to; then let another one go on."""
    numbers = count()

    def prepared():
        made = folder / f"world-{next(numbers)}"
        made.mkdir()
        world = World(made, stores=kinds, issuer=issuer)
        world.adopt()
        return world

    points = points_of(run, prepared())
    assert len(points) > 24
    for point in points:
        world = prepared()
        with world.killed_at(*point):
            run(world)
        check_after_the_kill(world, point, contained=run is rotate_revoking_first)
        world.ledger.close()


def check_after_the_kill(world, point, *, contained):
    if not contained:
        read = {store.consumers_read("app") for store in world.stores.values()}
        assert read <= world.alive(), f"{point}: a consumer reads a dead token"
    world.lease_runs_out()
    if world.secret().open is not None:
        world.worker().one_pass()
        assert world.rotation().phase is Phase.RETIRED, point
    assert world.alive() == {world.held_everywhere()}, point
    assert all(store.pending("app") is None for store in world.stores.values()), point


@pytest.mark.parametrize("moment", ["after issuer.issue", "before issuer.verify", "before file.write"])
def test_who_goes_on_before_anything_was_written_takes_the_old_value_along_as_a_proof(make_world, moment):
    world = make_world(stores={"file": ENV_FILE})
    world.adopt()
    with world.killed_at(moment):
        rotate_compromised(world)
    world.lease_runs_out()
    rotate_compromised(world)
    assert world.rotation().old.proof is Proof.REFUSED
    assert world.alive() == {world.held_everywhere()}


@pytest.mark.parametrize("deletes", ["the old one", "the lost one"])
def test_where_there_is_room_for_two_tokens_a_person_is_told_which_ones_are_in_the_way(make_world, deletes):
    two = IssuerTraits(coexistence=Coexistence.TWO, max_active=2)
    world = make_world(issuer=two, stores={"heroku": HEROKU})
    world.adopt()
    with world.killed_at("after heroku.write"):
        world.worker().rotate()
    world.lease_runs_out()
    world.worker().one_pass()
    rotation = world.rotation()
    lost = rotation.tokens[0]
    assert rotation.trouble.what.startswith("issuer allows 2 tokens and has app-by-hand, ")
    assert f"{lost.name}; nobody can read which of them heroku name=app gives" in rotation.trouble.what
    assert way_out(rotation, rotation.trouble).endswith(f"Then run `rotate resume {rotation.id}`.")

    world.issuer_fake.delete_by_hand(rotation.old.name if deletes == "the old one" else lost.name)
    assert world.worker().resume().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}
