"""Asking for a token: once, and never forgetting one whose answer was lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.contracts import IssuerTraits
from rotator.domain.model import ConnectionName, IssuerRef, Mode, Phase, Proof, TokenState
from rotator.flow import adoption
from rotator.flow.report import Outcome
from tests.fakes.memory_issuer import MemoryIssuer
from tests.fakes.scripted import broken, denied, lost_answer, lost_request, throttled, unavailable
from tests.fakes.world import A_DAY


def test_a_create_whose_answer_was_lost_is_sought_by_its_name_revoked_and_asked_again(world):
    world.adopt()
    world.issuer_fake.script.fail("issue", lost_answer())

    assert world.worker().rotate().outcome is Outcome.ROTATED

    lost, new = world.rotation().tokens
    assert (lost.state, lost.handle is not None) == (TokenState.DEAD, True)
    assert lost.name != new.name
    assert world.alive() == {world.held_everywhere()}


def test_a_create_that_never_happened_is_looked_for_twice_and_asked_again(world):
    world.adopt()
    world.issuer_fake.script.fail("issue", lost_request())
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert [token.proof for token in world.rotation().tokens] == [Proof.NEVER_MADE, None]
    assert world.alive() == {world.held_everywhere()}


def test_a_create_that_arrives_after_it_was_looked_for_is_found_before_the_end(make_world):
    world = make_world(overlap=A_DAY)
    world.adopt()
    world.issuer_fake.lose_the_next_create(arrives_after=timedelta(minutes=3))
    worker = world.worker()
    worker.rotate()
    assert world.rotation().tokens[0].state is TokenState.ABSENT

    world.clock.move(hours=25)
    worker.one_pass()

    assert world.rotation().phase is Phase.RETIRED
    assert world.rotation().tokens[0].proof is not Proof.NEVER_MADE
    assert world.alive() == {world.held_everywhere()}


def test_a_slow_issuer_gets_the_time_to_list_what_it_made(world):
    world.adopt()
    world.issuer_fake.issue_delay = timedelta(seconds=8)
    world.issuer_fake.script.fail("issue", lost_answer())
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.alive() == {world.held_everywhere()}


def test_giving_up_does_not_forget_a_token_that_the_issuer_is_slow_to_list(world):
    """The lost answer uses up the patience at once, so the rotation is withdrawn without ever seeking."""
    old = world.adopt()
    world.issuer_fake.issue_delay = timedelta(seconds=8)
    world.issuer_fake.script.fail("issue", lost_answer())

    report = world.worker(patience=timedelta()).rotate()

    assert report.outcome is Outcome.WITHDRAWN
    world.clock.move(minutes=1)
    assert world.alive() == {old}


def test_a_process_that_is_asked_to_stop_does_not_take_a_slow_list_for_the_truth(world):
    world.adopt()
    world.issuer_fake.issue_delay = timedelta(seconds=8)
    world.issuer_fake.script.fail("issue", lost_answer())
    world.hook = lambda moment: world.clock.stop() if moment == "after issuer.issue" else None

    world.worker().rotate()

    assert world.rotation().phase is Phase.PLANNED
    assert world.rotation().new.state is TokenState.INTENDED
    world.clock.is_stopping = False
    world.hook = lambda _moment: None
    world.clock.move(minutes=1)
    world.worker().one_pass()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


def test_where_tokens_have_no_names_a_lost_one_is_found_by_its_new_handle(make_world):
    world = make_world(issuer=IssuerTraits(names_tokens=False))
    world.adopt()
    world.issuer_fake.script.fail("issue", lost_answer())
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.alive() == {world.held_everywhere()}


def test_where_tokens_have_no_names_one_that_somebody_made_later_is_not_taken_for_the_lost_one(make_world):
    world = make_world(issuer=IssuerTraits(names_tokens=False), overlap=A_DAY)
    world.adopt()
    world.issuer_fake.script.fail("issue", lost_request())
    worker = world.worker()
    worker.rotate()
    world.clock.move(hours=1)
    theirs = world.issuer_fake.make_by_hand().value

    world.clock.move(hours=24)
    worker.one_pass()

    assert theirs in world.alive()
    assert world.rotation().phase is Phase.RETIRED


def test_where_tokens_have_no_names_another_secrets_token_is_not_taken_for_the_lost_one(make_world):
    world = make_world(issuer=IssuerTraits(names_tokens=False), secrets=("app", "other"))
    world.adopt("app")
    world.adopt("other")

    def the_other_one_is_rotated_meanwhile(moment):
        if moment == "before issuer.issue":
            world.hook = lambda _moment: None
            world.worker().rotate("other")
            world.issuer_fake.script.fail("issue", lost_request())

    world.hook = the_other_one_is_rotated_meanwhile
    world.worker().rotate("app")

    assert world.stores["vault"].holds("other") in world.alive()
    assert world.stores["vault"].holds("app") in world.alive()


def test_where_tokens_have_no_names_a_lost_one_is_found_though_another_issuer_has_the_same_handle(
    make_world, monkeypatch
):
    world = make_world(issuer=IssuerTraits(names_tokens=False), secrets=("app", "other"))
    second = MemoryIssuer(world.clock)
    monkeypatch.setitem(
        world.policies, "other", replace(world.policies["other"], issuer=IssuerRef(ConnectionName("second")))
    )
    monkeypatch.setattr(world, "issuer", lambda ref: second if ref.connection == "second" else world.issuer_fake)
    world.adopt("app")
    for name in ("one", "two"):
        theirs = second.make_by_hand(name, foreign=False)
    world.stores["vault"].put_by_hand("other", theirs.value)
    adoption.adopt(world.worker().runner.tools, world.policies["other"], theirs.handle)

    world.clock.move(hours=1)
    world.issuer_fake.script.fail("issue", lost_answer())
    assert world.worker().rotate("app").outcome is Outcome.ROTATED
    assert theirs.handle in {token.handle for token in world.rotation("app").tokens}
    assert world.alive() == {world.held_everywhere("app")}


def test_where_tokens_have_no_names_two_that_begin_together_do_not_both_ask(make_world):
    world = make_world(issuer=IssuerTraits(names_tokens=False), secrets=("app", "other"))
    world.adopt("app")
    world.adopt("other")
    daemon = world.worker(timedelta(hours=1), stays=False)

    def the_other_one_asks_meanwhile_and_hears_nothing_yet(moment):
        if moment == "after issuer.tokens":
            with world.killed_at("after issuer.issue"):
                world.worker().rotate("other")

    world.hook = the_other_one_asks_meanwhile_and_hears_nothing_yet
    daemon.rotate("app")
    assert world.issuer_fake.script.calls.count("issue") == 1
    assert world.rotation("app").tokens[0].proof is Proof.NEVER_MADE

    for _ in range(3):
        world.lease_runs_out()
        daemon.one_pass()
    assert {world.rotation(name).phase for name in ("app", "other")} == {Phase.RETIRED}
    assert world.alive() == {world.held_everywhere("app"), world.held_everywhere("other")}


def test_where_tokens_have_no_names_one_that_waits_for_a_person_holds_up_nobody_and_takes_nobodys_token(make_world):
    world = make_world(issuer=IssuerTraits(names_tokens=False), secrets=("app", "other"))
    world.adopt("app")
    world.adopt("other")
    world.issuer_fake.script.fail("issue", lost_answer())
    world.hook = lambda moment: world.issuer_fake.make_by_hand() if moment == "before issuer.issue" else None
    world.worker().rotate("app")  # two tokens could be the one
    assert world.rotation("app").trouble.needs_operator
    for token in world.issuer_fake.alive():
        if token.value not in (world.held_everywhere("app"), world.held_everywhere("other")):
            world.issuer_fake.revoke_by_hand(token.handle)  # they tidied up

    def app_is_resumed_while_the_other_one_waits_for_its_answer(moment):
        if moment == "after issuer.issue":
            world.hook = lambda _moment: None
            world.worker(stays=False).resume("app")

    world.hook = app_is_resumed_while_the_other_one_waits_for_its_answer
    assert world.worker().rotate("other").outcome is Outcome.ROTATED
    assert world.held_everywhere("other") in world.alive()
    world.lease_runs_out()
    world.worker().one_pass()
    assert world.rotation("app").phase is Phase.RETIRED


def test_two_tokens_that_could_be_the_lost_one_are_left_to_a_person(make_world):
    world = make_world(issuer=IssuerTraits(names_tokens=False))
    world.adopt()
    world.issuer_fake.script.fail("issue", lost_answer())
    world.hook = lambda moment: world.issuer_fake.make_by_hand() if moment == "before issuer.issue" else None
    world.worker().rotate()
    assert world.rotation().trouble.needs_operator
    assert all(token.times_revoked == 0 for token in world.issuer_fake.made())


def test_a_lost_token_of_an_issuer_that_lists_nothing_waits_for_a_person_who_looks(make_world):
    world = make_world(issuer=IssuerTraits(lists=False))
    world.adopt()
    world.issuer_fake.script.fail("issue", lost_answer())
    worker = world.worker()
    worker.rotate()
    trouble = world.rotation().trouble
    assert trouble.needs_operator
    assert world.rotation().new.name in trouble.remedy

    lost = next(token for token in world.issuer_fake.alive() if token.name == world.rotation().new.name)
    world.issuer_fake.revoke_by_hand(lost.handle)
    worker.resume()

    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


def test_a_full_quota_is_refused_before_anything_is_touched(make_world):
    world = make_world(issuer=IssuerTraits(max_active=2))
    old = world.adopt()
    world.issuer_fake.make_by_hand("somebody-elses")
    before = world.stores["vault"].version("app")

    report = world.worker().rotate()

    assert report.outcome is Outcome.REFUSED
    assert "somebody-elses" in str(report.refused)
    assert "issue" not in world.issuer_fake.script.calls
    assert (world.stores["vault"].holds("app"), world.stores["vault"].version("app")) == (old, before)
    assert world.secret().open is None


def test_an_issuer_that_refuses_leaves_the_old_token_in_force(world):
    old = world.adopt()
    world.issuer_fake.script.fail("issue", denied())
    assert world.worker().rotate().outcome is Outcome.WITHDRAWN
    assert world.alive() == {old} == {world.held_everywhere()}


def test_an_issuer_that_is_down_for_a_while_is_asked_again(world):
    world.adopt()
    world.issuer_fake.script.fail("issue", unavailable(), throttled(timedelta(seconds=40)))
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.clock.waited >= timedelta(seconds=40)


def test_an_issuer_that_stays_down_leaves_the_old_token_in_force(world):
    old = world.adopt()
    world.issuer_fake.script.fail("issue", *[unavailable()] * 20)
    assert world.worker().rotate().outcome is Outcome.WITHDRAWN
    assert world.alive() == {old} == {world.held_everywhere()}


def test_an_issuer_that_gives_back_the_token_in_use_is_found_out(world):
    old = world.adopt()
    world.issuer_fake.gives_back_the_newest = True
    world.worker().rotate()
    assert world.rotation().trouble.needs_operator
    assert world.alive() == {old} == {world.held_everywhere()}


def test_an_issuer_that_gives_back_another_secrets_token_is_found_out(make_world):
    world = make_world(secrets=("app", "other"))
    world.adopt("app")
    world.adopt("other")
    world.worker().rotate("other")
    world.issuer_fake.gives_back_the_newest = True
    worker = world.worker()
    worker.rotate("app")
    world.issuer_fake.mend()
    worker.resume("app")
    assert world.rotation("app").phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere("app"), world.held_everywhere("other")}


@pytest.mark.parametrize("names", [True, False], ids=["named", "nameless"])
def test_an_issuer_that_gives_back_somebody_elses_token_is_found_out(make_world, names):
    world = make_world(issuer=IssuerTraits(names_tokens=names))
    world.adopt()
    theirs = world.issuer_fake.make_by_hand()
    world.issuer_fake.gives_back_the_newest = True
    world.worker().rotate()
    world.worker().withdraw()
    assert theirs.times_revoked == 0


def test_a_token_with_the_handle_of_the_old_one_that_died_by_itself_is_a_new_one(make_world):
    world = make_world(issuer=IssuerTraits(reuses_handles=True))
    world.adopt()
    world.issuer_fake.revoke_by_hand(world.secret().current.handle)
    report = world.worker().rotate()
    assert report.outcome is Outcome.ROTATED
    assert report.rotation.new.handle == report.rotation.old.handle
    assert world.alive() == {world.held_everywhere()}


def test_after_revoke_first_the_next_token_may_have_the_dead_ones_handle(make_world):
    world = make_world(issuer=IssuerTraits(reuses_handles=True))
    world.adopt()
    report = world.worker().rotate(mode=Mode.REVOKE_FIRST)
    assert report.outcome is Outcome.ROTATED
    assert report.rotation.new.handle == report.rotation.old.handle
    assert world.alive() == {world.held_everywhere()}


# --- verify ---


def test_a_failed_verify_leaves_the_old_token_in_force_and_no_other_alive(world):
    old = world.adopt()
    world.issuer_fake.makes_duds = True
    assert world.worker().rotate().outcome is Outcome.WITHDRAWN
    assert "write" not in world.stores["vault"].script.calls
    assert world.alive() == {old} == {world.held_everywhere()}


def test_an_issuer_that_is_slow_to_know_its_new_token_is_polled(world):
    world.adopt()
    world.issuer_fake.issue_delay = timedelta(seconds=8)
    assert world.worker().rotate().outcome is Outcome.ROTATED


def test_a_bug_in_a_plugin_loses_nothing_and_waits_for_a_person(world, known_values, capsys):
    world.adopt()
    hint = "value-in-a-bugs-message"
    world.issuer_fake.script.fail("verify", broken(RuntimeError(hint)))
    worker = world.worker()

    worker.rotate()

    rotation = world.rotation()
    assert rotation.trouble.needs_operator
    assert "RuntimeError" in rotation.trouble.what
    assert hint not in f"{rotation!r} {world.ledger.history(rotation.secret)!r}"
    worker.resume()
    assert world.rotation().phase is Phase.RETIRED


@pytest.mark.parametrize("call", ["issue", "verify", "revoke"])
def test_a_bug_in_any_call_of_the_issuer_can_be_gone_on_from(world, call, capsys):
    world.adopt()
    world.issuer_fake.script.fail(call, broken(KeyError("id")))
    worker = world.worker()
    worker.rotate()
    assert world.rotation().trouble.needs_operator
    worker.resume()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}
