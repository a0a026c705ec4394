"""Killed at any call and any ledger write while people make and delete the tokens: nothing is lost, nothing claimed.

After each kill a person goes on who knows nothing but what the ledger asks them for.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count

import pytest

from rotator.domain.errors import NeedsOperator
from rotator.domain.model import Cause, Mode, Phase, Proof, SecretName, TokenState
from tests.fakes.person import Person
from tests.fakes.scripted import Killed
from tests.fakes.world import BY_HAND, HEROKU, VAULT, World
from tests.unit.flow.test_crashes import points_of

WAYS = {
    "who keeps what was shown": ({"vault": VAULT}, False),
    "who forgets it": ({"vault": VAULT, "heroku": HEROKU}, True),
    "who forgets it, where nothing can be read": ({"heroku": HEROKU}, True),
}


def the_whole_life(world: World, person: Person) -> None:
    """Each command is a process of its own."""
    world.worker().rotate()
    until_it_ends(world, person)


def with_a_value_that_was_lost(world: World, person: Person) -> None:
    """It is handed in, and its process dies; the person did not keep it."""
    world.worker().rotate()
    dies_handing_in(world, person)
    until_it_ends(world, person)


def given_up(world: World, person: Person) -> None:
    world.worker().rotate()
    person.makes()
    world.worker().withdraw()
    until_it_ends(world, person)


def compromised_revoking_first(world: World, person: Person) -> None:
    world.worker().rotate(cause=Cause.COMPROMISED, mode=Mode.REVOKE_FIRST)
    until_it_ends(world, person)


class DiedHandingIn(Killed):
    """Part of the story, and not one of the kills that it is tried with."""


def dies_handing_in(world: World, person: Person) -> None:
    hook, value = world.hook, person.makes()
    person.copied.clear()

    def die(moment: str) -> None:
        hook(moment)
        if moment.startswith("before") and moment.endswith(".write"):
            raise DiedHandingIn

    world.hook = die
    with suppress(DiedHandingIn):
        world.worker().hand_in(value)
    world.hook = hook
    world.lease_runs_out()


def until_it_ends(world: World, person: Person) -> None:
    for _ in range(12):
        world.clock.move(minutes=20)
        world.worker().one_pass()
        opened = world.secret().open
        if opened is None:
            return
        if opened.trouble is not None and opened.trouble.is_asked:
            try:
                person.does_as_asked(world.worker())
            except NeedsOperator:
                world.lease_runs_out()
    raise AssertionError(f"it does not end: {world.rotation()}")


@pytest.mark.parametrize(("kinds", "forgetful"), WAYS.values(), ids=WAYS)
def test_whenever_it_is_killed_a_person_can_go_on(tmp_path, kinds, forgetful):
    at_every_point(tmp_path, the_whole_life, kinds, forgetful=forgetful)


@pytest.mark.parametrize("life", [with_a_value_that_was_lost, given_up, compromised_revoking_first])
def test_whenever_it_is_killed_on_a_rarer_way_a_person_can_go_on(tmp_path, life):
    at_every_point(tmp_path, life, {"vault": VAULT})


def at_every_point(folder, life, kinds, *, forgetful=False):
    numbers = count()

    def prepared() -> tuple[World, Person]:
        made = folder / f"world-{next(numbers)}"
        made.mkdir()
        world = World(made, stores=kinds, issuer=BY_HAND)
        world.adopt()
        person = Person(world)
        person.forgetful = forgetful
        return world, person

    world, person = prepared()
    points = [point for point in points_of(lambda world: life(world, person), world) if _matters(point)]
    assert len(points) >= 7
    for point in points:
        world, person = prepared()
        with world.killed_at(*point):
            life(world, person)
        check_after_the_kill(world, person, point, contained=life is compromised_revoking_first)
        world.ledger.close()


def _matters(point: tuple[str, int]) -> bool:
    """Leave out leases and calls that change nothing. After a record is before whatever comes next."""
    return point[0] in ("before ledger.begin", "before ledger.record") or point[0].endswith((".write", ".promote"))


def check_after_the_kill(world, person, point, *, contained):
    no_consumer_reads_a_dead_token(world, point, contained=contained)
    every_living_token_is_known_by_name(world, point)
    world.lease_runs_out()
    if world.secret().open is not None:
        until_it_ends(world, person)
    no_consumer_reads_a_dead_token(world, point, contained=False)
    assert world.alive() == {world.held_everywhere()}, point
    rotation = world.ledger.last_rotation(SecretName("app"))
    if rotation is None:
        return  # it had not begun
    assert rotation.phase in (Phase.RETIRED, Phase.WITHDRAWN), point
    for token in (rotation.old, *rotation.tokens):
        if token.proof is Proof.REFUSED:
            assert token.name not in {alive.name for alive in world.issuer_fake.alive()}, point


def no_consumer_reads_a_dead_token(world, point, *, contained):
    if not contained:
        read = {store.consumers_read("app") for store in world.stores.values()}
        assert read <= world.alive(), f"{point}: a consumer reads a dead token"


def every_living_token_is_known_by_name(world, point):
    known = {world.secret().current.name}
    for rotation in world.ledger.open_rotations():
        tokens = (*rotation.tokens, *((rotation.old,) if rotation.old else ()))
        known |= {token.name for token in tokens if token.state is not TokenState.DEAD}
    unknown = {token.name for token in world.issuer_fake.alive()} - known
    assert not unknown, f"{point}: nobody knows of {unknown}"
