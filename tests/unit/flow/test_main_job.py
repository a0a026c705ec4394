"""The main job: a token is replaced, everywhere, and the old one is proven dead."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.errors import LeadsElsewhere, NeedsOperator
from rotator.domain.model import Cause, ConnectionName, Event, IssuerRef, Overlap, Phase, Proof, TokenState
from rotator.flow import adoption
from rotator.flow.emergency import rotate, rotate_all
from rotator.flow.opening import Order
from rotator.flow.report import Outcome
from rotator.flow.runner import Runner
from tests.fakes.memory_issuer import MemoryIssuer
from tests.fakes.scripted import locked_by_somebody, unavailable
from tests.fakes.world import A_DAY, ENV_FILE, HEROKU, NO_OVERLAP, RESTARTED, SECRETS_MANAGER, VAULT


def test_a_token_is_replaced_everywhere_and_the_old_one_is_dead(make_world):
    world = make_world(stores={"vault": VAULT, "aws": SECRETS_MANAGER, "file": ENV_FILE, "heroku": HEROKU})
    old = world.adopt()

    report = world.worker().rotate()

    assert report.outcome is Outcome.ROTATED
    assert world.alive() == {world.held_everywhere()}
    assert world.held_everywhere() != old
    assert report.rotation.old.proof is Proof.REFUSED


def test_it_is_told_as_it_happens(world):
    world.adopt()
    world.worker().rotate()
    assert world.kinds_of_events() == [
        "adopted", "opened", "issuing", "issued", "verified", "publishing", "written", "published", "confirmed",
        "retiring", "retired",
    ]  # fmt: skip
    assert [event.kind for event in world.ledger.history(world.secret().name)] == world.kinds_of_events()


def test_somebody_who_watches_and_fails_stops_nothing(world, capsys):
    world.adopt()
    seen = []

    def nobody_reads(_event: Event) -> None:
        raise BrokenPipeError

    runner = Runner(replace(world.worker().runner.tools, observers=(nobody_reads, seen.append)))
    assert rotate(runner, Order(world.policies["app"], Cause.ASKED)).outcome is Outcome.ROTATED
    assert [event.kind for event in seen] == [event.kind for event in world.ledger.history(world.secret().name)][1:]
    assert "an event could not be shown" in "".join(capsys.readouterr())


def test_a_pass_that_is_to_stop_takes_up_nothing_else(make_world):
    world = make_world(secrets=("a", "b", "c"))
    for name in "abc":
        world.adopt(name)
    world.clock.move(days=91)
    world.hook = lambda moment: world.clock.stop() if moment == "after issuer.issue" else None
    [stopped] = world.worker().one_pass()
    assert (stopped.secret, stopped.rotation.phase) == ("a", Phase.ISSUED)
    assert [rotation.secret for rotation in world.ledger.open_rotations()] == ["a"]
    assert world.worker().one_pass() == [], "nor what is open already"


def test_of_many_one_that_could_not_be_begun_is_tried_again_when_the_others_are_done(make_world):
    world = make_world(secrets=("a", "b", "c"))
    for name in "abc":
        world.adopt(name)
    world.stores["vault"].script.fail("preflight", unavailable())
    orders = [Order(world.policies[name], Cause.ASKED, overlap=NO_OVERLAP) for name in "abc"]
    reports = list(rotate_all(world.worker().runner, orders, workers=1))
    assert [(report.secret, report.outcome) for report in reports] == [(name, Outcome.ROTATED) for name in "bca"]


def test_other_fields_of_the_document_are_left_alone(world):
    world.adopt()
    world.stores["vault"].change_a_sibling("app", "password", "theirs")
    before = world.stores["vault"].siblings("app")
    world.worker().rotate()
    assert world.stores["vault"].siblings("app") == before


def test_readable_and_versioned_stores_are_written_first_and_write_only_ones_last(make_world):
    world = make_world(stores={"heroku": HEROKU, "file": ENV_FILE, "vault": VAULT})
    world.adopt()
    written = []
    world.hook = lambda moment: written.append(moment) if moment.endswith(".write") else None
    world.worker().rotate()
    assert [moment for moment in written if moment.startswith("after")] == [
        "after vault.write", "after file.write", "after heroku.write",
    ]  # fmt: skip


def test_a_place_that_is_not_there_yet_is_made(world):
    world.worker().rotate()
    assert world.alive() == {world.held_everywhere()}


def test_consumers_that_must_restart_have_done_so_before_the_old_token_dies(make_world):
    world = make_world(stores={"file": RESTARTED})
    old = world.adopt()
    seen = []
    world.hook = lambda moment: (
        moment == "before issuer.revoke" and seen.append(world.stores["file"].consumers_read("app"))
    )
    world.worker().rotate()
    assert seen
    assert old not in seen


def test_a_secret_whose_time_has_come_is_rotated_by_a_pass(world):
    world.adopt()
    assert world.worker().one_pass() == []
    world.clock.move(days=91)
    assert [report.outcome for report in world.worker().one_pass()] == [Outcome.ROTATED]
    assert world.rotation().cause is Cause.DUE


def test_a_token_of_another_issuer_is_not_taken_for_dead_because_this_one_refuses_it(world, monkeypatch):
    world.adopt()
    world.worker().rotate()
    at_the_first, second = world.held_everywhere(), MemoryIssuer(world.clock)
    elsewhere = replace(world.policies["app"], issuer=IssuerRef(ConnectionName("second")))
    monkeypatch.setitem(world.policies, "app", elsewhere)
    monkeypatch.setattr(world, "issuer", lambda ref: second if ref.connection == "second" else world.issuer_fake)

    report = world.worker().rotate(cause=Cause.COMPROMISED)
    assert isinstance(report.refused, NeedsOperator)
    assert "rotate adopt app" in report.refused.remedy
    assert (second.made(), world.held_everywhere()) == ([], at_the_first)

    theirs = second.make_by_hand("app", foreign=False)
    world.stores["vault"].put_by_hand("app", theirs.value)
    tools = world.worker().runner.tools
    adoption.adopt(tools, elsewhere, theirs.handle)
    world.worker().one_pass()
    assert at_the_first not in world.alive()


def test_an_issuers_connection_may_have_another_name(world, monkeypatch):
    world.adopt()
    world.worker().rotate()
    renamed = replace(world.policies["app"], issuer=IssuerRef(ConnectionName("renamed")))
    monkeypatch.setitem(world.policies, "app", renamed)
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.alive() == {world.held_everywhere()}


def leads_to(world, host):
    """Have the issuer's connection lead there from now on."""
    here = IssuerRef(ConnectionName("issuer"), hosts=(host,))

    def opened(ref):
        if ref.may_be_another(here):
            raise LeadsElsewhere(f"it leads to {host} now, and led to {ref.hosts[0]}")
        return world.issuer_fake

    world.policies["app"] = replace(world.policies["app"], issuer=here)
    world.issuer = opened


def test_a_token_is_not_taken_for_dead_because_another_service_at_a_new_address_refuses_it(world):
    leads_to(world, "first.example")
    world.worker().rotate()
    first, ours = world.issuer_fake, world.held_everywhere()
    world.issuer_fake = MemoryIssuer(world.clock)
    stranger = world.issuer_fake.make_by_hand()
    leads_to(world, "second.example")
    report = world.worker().rotate(cause=Cause.COMPROMISED)
    assert "when the connection issuer led to first.example" in str(report.refused)
    assert world.issuer_fake.made() == [stranger]
    assert first.accepts(ours)


def test_a_service_may_move_to_a_new_address(world):
    leads_to(world, "first.example")
    world.worker().rotate()
    leads_to(world, "second.example")
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.alive() == {world.held_everywhere()}


def test_an_overlap_does_not_end_at_another_service(make_world):
    world = make_world(overlap=A_DAY)
    leads_to(world, "first.example")
    old = world.adopt()
    world.worker().rotate()
    leads_to(world, "second.example")
    world.clock.move(hours=25)
    world.worker().one_pass()
    assert "leads to second.example now" in world.rotation().trouble.what
    assert old in world.alive()

    world.worker().resume()
    assert world.rotation().old.proof is Proof.REFUSED
    assert world.alive() == {world.held_everywhere()}


def test_that_a_service_moved_is_the_word_of_those_only_who_were_told(make_world):
    world = make_world()
    leads_to(world, "first.example")
    world.adopt()
    world.stores["vault"].script.fail("write", locked_by_somebody())
    world.worker().rotate()
    leads_to(world, "second.example")
    assert "leads to second.example now" in world.worker().resume().trouble.what
    assert world.worker().resume().phase is Phase.RETIRED


def test_a_service_whose_values_nobody_can_read_moves_by_a_persons_word(make_world):
    world = make_world(stores={"heroku": HEROKU})
    leads_to(world, "first.example")
    world.adopt()
    world.worker().rotate()
    leads_to(world, "second.example")
    refused = world.worker().rotate().refused
    handle = world.secret().current.handle
    assert f"`rotate adopt app --handle {handle}`" in str(refused)
    adoption.adopt(world.worker().runner.tools, world.policies["app"], handle)
    assert world.worker().rotate().outcome is Outcome.ROTATED


def test_one_secret_that_fails_holds_up_no_other(make_world):
    world = make_world(secrets=("first", "second"))
    for name in ("first", "second"):
        world.adopt(name)
    world.clock.move(days=91)
    world.stores["vault"].stage_by_hand("first", "pending-version-of-somebody")
    outcomes = {report.secret: report.outcome for report in world.worker().one_pass()}
    assert outcomes == {"first": Outcome.REFUSED, "second": Outcome.ROTATED}


# --- the overlap ---


def test_the_old_token_lives_through_its_overlap_and_then_dies(make_world):
    world = make_world(overlap=A_DAY)
    old = world.adopt()
    worker = world.worker()

    assert worker.rotate().outcome is Outcome.IN_OVERLAP
    assert world.alive() == {old, world.held_everywhere()}
    world.clock.move(hours=23)
    assert worker.one_pass() == []
    assert old in world.alive()
    world.clock.move(hours=2)
    assert [report.outcome for report in worker.one_pass()] == [Outcome.ROTATED]
    assert world.alive() == {world.held_everywhere()}


def test_the_overlap_goes_on_while_the_old_token_is_used(make_world):
    overlap = Overlap(for_=timedelta(hours=1), until_unused_for=timedelta(hours=1), at_most=timedelta(hours=4))
    world = make_world(overlap=overlap)
    world.issuer_fake.with_traits(reports_last_use=True)
    old = world.adopt()
    world.worker().rotate()

    world.clock.move(minutes=50)
    world.issuer_fake.token_of(old).last_used_at = world.clock.now()
    world.clock.move(minutes=11)
    world.worker().one_pass()
    assert old in world.alive()
    world.clock.move(minutes=50)
    world.worker().one_pass()
    assert world.rotation().phase is Phase.RETIRED


def test_an_old_token_that_is_used_beyond_its_longest_overlap_is_left_to_a_person(make_world):
    overlap = Overlap(for_=timedelta(hours=1), until_unused_for=timedelta(hours=3), at_most=timedelta(hours=2))
    world = make_world(overlap=overlap)
    world.issuer_fake.with_traits(reports_last_use=True)
    old = world.adopt()
    worker = world.worker()
    worker.rotate()
    world.clock.move(hours=2)
    world.issuer_fake.token_of(old).last_used_at = world.clock.now()

    worker.one_pass()

    assert world.rotation().trouble.needs_operator
    assert old in world.alive()
    assert worker.retire().phase is Phase.RETIRED
    assert old not in world.alive()


def test_a_person_can_end_the_overlap_early(make_world):
    world = make_world(overlap=A_DAY)
    old = world.adopt()
    world.worker().rotate()
    assert world.worker().retire().phase is Phase.RETIRED
    assert old not in world.alive()


def test_asking_again_without_an_overlap_ends_the_one_that_goes_on(make_world):
    world = make_world(overlap=A_DAY)
    old = world.adopt()
    world.worker().rotate()
    assert world.worker().rotate().outcome is Outcome.IN_OVERLAP
    assert world.worker().rotate(overlap=NO_OVERLAP).outcome is Outcome.ROTATED
    assert old not in world.alive()


@pytest.mark.parametrize("same_process", [True, False])
def test_an_old_token_that_somebody_put_back_during_the_overlap_is_not_revoked(make_world, same_process):
    world = make_world(overlap=A_DAY)
    old = world.adopt()
    worker = world.worker()
    worker.rotate()
    world.stores["vault"].put_by_hand("app", old)
    world.clock.move(hours=25)

    (worker if same_process else world.worker()).one_pass()

    assert old in world.alive()
    assert world.rotation().trouble.needs_operator
    assert world.rotation().old.state is TokenState.LIVE
