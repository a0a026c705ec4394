"""``rotate now --compromised``: success is only reported when every old token is proven dead."""

from __future__ import annotations

import pytest

from rotator.cli.reporting import exit_code
from rotator.domain.contracts import IssuerTraits
from rotator.domain.model import Cause, Handle, Mode, Phase, Proof, TokenState
from rotator.flow.report import Outcome, Report
from tests.fakes.containment import contained
from tests.fakes.scripted import Killed, denied, lost_answer, unavailable
from tests.fakes.world import A_DAY, ENV_FILE, HEROKU, VAULT
from tests.unit.domain.builders import a_rotation, a_token


def test_a_compromised_token_gets_no_overlap(make_world):
    world = make_world(overlap=A_DAY)
    old = world.adopt()
    report = world.worker().rotate(cause=Cause.COMPROMISED)
    assert exit_code([report]) == 0
    assert old not in world.alive()


def test_an_open_rotation_in_its_overlap_is_taken_over_and_both_its_tokens_die(make_world):
    world = make_world(overlap=A_DAY)
    old = world.adopt()
    world.worker().rotate()
    leaked = world.held_everywhere()

    report = world.worker().rotate(cause=Cause.COMPROMISED)

    assert exit_code([report]) == 0
    assert world.alive() == {world.held_everywhere()}
    assert not {old, leaked} & world.alive()


def test_a_taken_over_rotation_whose_old_token_could_not_be_tried_is_not_success(make_world):
    world = make_world(stores={"file": ENV_FILE}, overlap=A_DAY)
    first = world.adopt()
    world.worker().rotate()  # its process ends, and with it the only copy of the first token's value
    report = world.worker().rotate(cause=Cause.COMPROMISED)
    assert report.outcome is Outcome.ROTATED
    assert first not in world.alive()
    assert "could not be tried" in report.old_may_live
    assert not contained(report)


def test_a_taken_over_rotation_whose_lost_token_could_not_be_tried_is_not_success():
    refused = a_token("old", TokenState.DEAD, proof=Proof.REFUSED)
    lost = a_token("lost", TokenState.DEAD, proof=Proof.UNLISTED, handle=Handle("h-lost"))
    earlier = a_rotation(Phase.RETIRED, old=refused, tokens=(lost, a_token("leaked")))
    rotation = a_rotation(Phase.RETIRED, cause=Cause.COMPROMISED, old=refused, tokens=(a_token("new"),))
    alone = Report(rotation.secret, rotation)
    assert contained(alone)
    after_taking_over = Report(rotation.secret, rotation, taken_over=earlier)
    assert "h-lost was revoked" in after_taking_over.old_may_live
    assert not contained(after_taking_over)


def test_an_open_rotation_that_touched_nothing_is_withdrawn_first(world):
    old = world.adopt()
    world.issuer_fake.script.fail("verify", *[denied()] * 1)
    world.issuer_fake.script.fail("revoke", *[unavailable()] * 30)
    world.worker().rotate()
    assert world.rotation().phase.is_open
    world.issuer_fake.script.forgive()

    report = world.worker().rotate(cause=Cause.COMPROMISED)

    assert exit_code([report]) == 0
    assert old not in world.alive()
    assert world.alive() == {world.held_everywhere()}


def test_an_open_rotation_that_has_written_is_finished_first(make_world):
    world = make_world(stores={"vault": VAULT, "heroku": HEROKU})
    old = world.adopt()
    with world.killed_at("before heroku.write"):
        world.worker().rotate()
    leaked = world.stores["vault"].holds("app")
    world.lease_runs_out()

    report = world.worker().rotate(cause=Cause.COMPROMISED)

    assert exit_code([report]) == 0
    assert not {old, leaked} & world.alive()
    assert world.alive() == {world.held_everywhere()}


def test_it_is_not_success_while_the_old_token_still_works(world):
    world.adopt()
    world.issuer_fake.revokes_in_vain = True
    report = world.worker().rotate(cause=Cause.COMPROMISED)
    assert report.outcome is Outcome.UNFINISHED
    assert exit_code([report]) == 4


def test_it_is_not_success_when_the_old_token_could_not_be_tried(make_world):
    world = make_world(stores={"file": ENV_FILE})
    world.adopt()
    with world.killed_at("after ledger.record", occurrence=5):
        world.worker().rotate(cause=Cause.COMPROMISED)
    world.lease_runs_out()
    report = world.worker().rotate(cause=Cause.COMPROMISED)
    assert report.rotation.old.proof is Proof.UNLISTED
    assert exit_code([report]) == 4


def test_it_is_not_success_when_the_token_in_use_was_never_adopted(world):
    world.stores["vault"].put_by_hand("app", world.issuer_fake.make_by_hand().value)
    report = world.worker().rotate(cause=Cause.COMPROMISED)
    assert "never adopted" in report.old_may_live
    assert exit_code([report]) == 4


def test_what_another_process_works_on_is_left_to_it_and_is_not_success(world):
    world.adopt()
    with world.killed_at("before vault.write"):
        world.worker().rotate()
    report = world.worker().rotate(cause=Cause.COMPROMISED)
    assert report.outcome is Outcome.UNFINISHED
    assert "Another process" in str(report.refused)
    assert exit_code([report]) == 4


# --- revoke first ---


def test_revoke_first_ends_the_old_token_before_there_is_a_new_one(world):
    old = world.adopt()
    seen = []
    world.hook = lambda moment: moment == "before issuer.issue" and seen.append(old in world.alive())
    report = world.worker().rotate(cause=Cause.COMPROMISED, mode=Mode.REVOKE_FIRST)
    assert seen == [False]
    assert exit_code([report]) == 0
    assert world.alive() == {world.held_everywhere()}


@pytest.mark.parametrize("call", ["issue", "verify"])
def test_after_containment_there_is_only_forward(world, call):
    world.adopt()
    world.issuer_fake.script.fail(call, denied())
    worker = world.worker()
    worker.rotate(mode=Mode.REVOKE_FIRST)
    assert world.rotation().trouble.needs_operator
    worker.resume()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


def test_the_old_token_that_was_revoked_first_is_not_revoked_again(world):
    world.adopt()
    revoked = []

    def count(moment):
        if moment == "before issuer.revoke":
            revoked.append(moment)
            if len(revoked) > 1:
                raise Killed(moment)

    world.hook = count
    world.worker().rotate(mode=Mode.REVOKE_FIRST)
    assert len(revoked) == 1


def test_a_store_that_is_down_keeps_no_compromised_token_alive_when_containment_comes_first(make_world):
    world = make_world(stores={"vault": VAULT, "file": ENV_FILE})
    old = world.adopt()
    world.stores["file"].script.fail("preflight", *[unavailable()] * 2)
    world.stores["file"].script.fail("write", *[unavailable()] * 30)
    refused = world.worker().rotate(cause=Cause.COMPROMISED)
    assert refused.outcome is Outcome.REFUSED
    assert old in world.alive()

    report = world.worker().rotate(cause=Cause.COMPROMISED, mode=Mode.REVOKE_FIRST)
    assert old not in world.alive()
    assert (report.outcome, exit_code([report])) == (Outcome.UNFINISHED, 4)

    world.mend()
    world.clock.move(minutes=10)
    report = world.worker().rotate(cause=Cause.COMPROMISED)
    assert contained(report)
    assert world.kinds_of_events().count("opened") == 1
    assert world.alive() == {world.held_everywhere()}


def test_once_the_old_token_is_dead_no_store_waits_for_another_that_is_down(make_world):
    world = make_world(stores={"vault": VAULT, "file": ENV_FILE, "heroku": HEROKU})
    world.adopt()
    world.stores["vault"].script.fail("preflight", unavailable())
    world.stores["vault"].script.fail("write", *[unavailable()] * 30)
    world.worker().rotate(cause=Cause.COMPROMISED, mode=Mode.REVOKE_FIRST)
    (new,) = world.alive()
    assert [world.stores[name].holds("app") for name in ("file", "heroku")] == [new, new]


# --- asked for again ---


def test_asking_again_is_nobodys_word_that_a_lost_token_is_not_there(make_world):
    world = make_world(issuer=IssuerTraits(lists=False))
    world.adopt()
    world.issuer_fake.script.fail("issue", lost_answer())
    for _ in range(2):
        report = world.worker().rotate(cause=Cause.COMPROMISED)
        assert not contained(report)
        assert "may exist, unknown to anybody" in report.rotation.trouble.what
    assert [token.state for token in world.rotation().tokens] == [TokenState.INTENDED]


def test_a_lost_token_that_is_gone_on_a_persons_word_alone_is_not_success(make_world):
    world = make_world(issuer=IssuerTraits(lists=False))
    world.adopt()
    world.issuer_fake.script.fail("issue", lost_answer())
    world.worker().rotate(cause=Cause.COMPROMISED)
    rotation = world.worker().resume()
    report = Report(rotation.secret, rotation)
    assert (report.outcome, contained(report)) == (Outcome.ROTATED, False)
    assert f"{rotation.tokens[0].name} is gone was said by a person" in report.old_may_live


def test_asking_again_writes_over_nobodys_value(world):
    world.adopt()

    def somebody_is_quicker(moment):
        if moment == "before vault.write":
            world.hook = lambda _moment: None
            world.stores["vault"].put_by_hand("app", "of-somebody-else")

    world.hook = somebody_is_quicker
    for _ in range(2):
        assert world.worker().rotate().outcome is Outcome.UNFINISHED
        assert world.held_everywhere() == "of-somebody-else"
    world.worker().resume()
    assert world.alive() == {world.held_everywhere()}
