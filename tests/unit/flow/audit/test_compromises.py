"""Tokens that got out, and that nothing is about to end: nothing else about such a secret tells."""

from __future__ import annotations

from rotator.domain.model import Phase
from rotator.flow import adoption, emergency
from rotator.flow.opening import Order
from tests.fakes.scripted import denied, locked_by_somebody, unavailable
from tests.fakes.world import A_DAY, World
from tests.unit.flow.audit.auditing import audited, kinds, only
from tests.unit.flow.declaring import REASON, declare

COMMAND = f"`rotate now app --compromised --reason '{REASON}'`"


def rotate(world: World, order: Order) -> None:
    emergency.rotate(world.worker().runner, order)


def test_a_token_that_got_out_and_whose_store_was_down_is_urgent(world):
    world.adopt()
    world.stores["vault"].script.fail("preflight", unavailable())
    order = declare(world)
    rotate(world, order)
    assert world.secret().open is None, "it was refused"
    world.mend()
    world.clock.move(days=3)
    found = only(audited(world))
    assert (found.kind, found.weight, found.secret, found.where) == ("got-out", "urgent", "app", "issuer")
    assert found.since == order.since
    assert found.what == "Declared compromised (laptop stolen), and not ended: 1."
    assert COMMAND in found.remedy


def test_one_whose_rotation_was_withdrawn_is_as_urgent(world):
    world.adopt()
    world.stores["vault"].script.fail("write", denied())
    rotate(world, declare(world))
    assert world.rotation().phase is Phase.WITHDRAWN
    assert kinds(audited(world)) == ["got-out"]


def test_once_another_token_is_in_its_place_there_is_nothing_to_tell(world):
    world.adopt()
    rotate(world, declare(world))
    assert kinds(audited(world)) == []


def test_a_rotation_of_the_incident_that_is_open_tells_for_itself(world):
    world.adopt()
    world.stores["vault"].script.fail("write", locked_by_somebody())
    rotate(world, declare(world))
    assert world.secret().open is not None
    assert kinds(audited(world)) == ["stuck"]


def test_an_overlap_keeps_a_token_that_got_out_alive_and_is_no_answer(world):
    world.adopt()
    declare(world)
    world.worker().rotate(overlap=A_DAY)
    assert only(audited(world)).what.endswith("not ended: 1.")
    world.clock.move(hours=25)
    world.worker().one_pass()
    assert kinds(audited(world)) == []


def test_the_newest_declaration_counts(world):
    world.adopt()
    declare(world, "a first time")
    world.clock.move(days=1)
    order = declare(world, "once more")
    assert "(once more)" in only(audited(world)).what
    rotate(world, order)
    assert kinds(audited(world)) == []


def test_a_token_that_nobody_knew_got_out_too_and_is_found_when_it_is_adopted(world):
    token = world.issuer_fake.make_by_hand("old")
    world.stores["vault"].put_by_hand("app", token.value)
    world.clock.move(minutes=1)
    declare(world)
    [found] = [each for each in audited(world).findings if each.kind == "got-out"]
    assert "not ended: the token in use, which was never adopted." in found.what
    adoption.adopt(world.worker().runner.tools, world.policies["app"], token.handle, None)
    assert only(audited(world)).kind == "got-out"


def test_a_token_that_was_made_since_and_adopted_did_not_get_out(world):
    old = world.adopt()
    declare(world)
    world.clock.move(minutes=1)
    token = world.issuer_fake.make_by_hand("new")
    world.stores["vault"].put_by_hand("app", token.value)
    world.issuer_fake.revoke_by_hand(world.secret().current.handle)
    assert old not in world.alive()
    adoption.adopt(world.worker().runner.tools, world.policies["app"], token.handle, None)
    world.worker().one_pass()
    assert kinds(audited(world)) == []


def test_where_the_policy_is_gone_the_command_would_not_work(make_world):
    world = make_world(secrets=("app", "other"))
    world.adopt("app")
    declare(world)
    del world.policies["app"]
    [found] = [each for each in audited(world).findings if each.kind == "got-out"]
    assert found.remedy.startswith("Its policy is gone: delete the token at its issuer")


def test_only_what_was_chosen_is_told(make_world):
    world = make_world(secrets=("app", "other"))
    world.adopt("app")
    declare(world)
    assert "got-out" in kinds(audited(world, "app"))
    assert "got-out" not in kinds(audited(world, "other"))
