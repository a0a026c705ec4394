"""Writing to destinations, when somebody else writes too, or nobody can tell what was written."""

from __future__ import annotations

import pytest

from rotator.domain.contracts import StoreTraits
from rotator.domain.model import Phase, Placed, TokenState
from rotator.flow.report import Outcome
from tests.fakes.scripted import broken, denied, lost_answer, lost_request, unavailable
from tests.fakes.world import ENV_FILE, HEROKU, SECRETS_MANAGER, VAULT

EVERY_KIND = {"vault": VAULT, "aws": SECRETS_MANAGER, "file": ENV_FILE, "heroku": HEROKU}
READABLE = {"vault": VAULT, "aws": SECRETS_MANAGER, "file": ENV_FILE}
WRITE_ONLY_WITH_COMPARE_AND_SET = StoreTraits(readable=False, versioned=False)


def readable(kinds=READABLE):
    return pytest.mark.parametrize("kind", kinds.values(), ids=kinds.keys())


def each_kind(test):
    return pytest.mark.parametrize("kind", EVERY_KIND.values(), ids=EVERY_KIND.keys())(test)


@each_kind
def test_a_write_whose_answer_was_lost_is_repeated_without_harm(make_world, kind):
    world = make_world(stores={"store": kind})
    world.adopt()
    world.stores["store"].script.fail("write", lost_answer(), lost_request())
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.alive() == {world.held_everywhere()}
    assert len(world.rotation().tokens) == 1


def test_a_promotion_whose_answer_was_lost_is_repeated_without_harm(make_world):
    world = make_world(stores={"aws": SECRETS_MANAGER})
    world.adopt()
    world.stores["aws"].script.fail("promote", lost_answer(), lost_request())
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.stores["aws"].pending("app") is None


@readable()
def test_somebodys_change_to_another_field_does_not_stop_us(make_world, kind):
    world = make_world(stores={"store": kind})
    world.adopt()

    def somebody_changes_a_sibling(moment):
        if moment == "before store.write":
            world.hook = lambda _moment: None
            world.stores["store"].change_a_sibling("app", "password", "theirs")

    world.hook = somebody_changes_a_sibling
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert ("password", "theirs") in world.stores["store"].siblings("app")
    assert world.alive() == {world.held_everywhere()}


@readable({"vault": VAULT, "aws": SECRETS_MANAGER})
def test_many_changes_to_other_fields_are_waited_for_and_ask_nobody(make_world, kind):
    world = make_world(stores={"store": kind})
    world.adopt()
    changes = iter(range(10))

    def somebody_changes_a_sibling(moment):
        if moment == "before store.write" and (number := next(changes, None)) is not None:
            world.stores["store"].change_a_sibling("app", "password", f"theirs-{number}")

    world.hook = somebody_changes_a_sibling
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert next(changes, None) is None
    assert world.alive() == {world.held_everywhere()}
    assert [event.detail["family"] for event in world.ledger.history("app") if event.kind == "trouble"] == [
        "temporary",
        "temporary",
    ]


@readable()
@pytest.mark.parametrize("same_process", [True, False], ids=["same process", "another process"])
def test_somebodys_change_to_our_field_stops_us_until_a_person_says_to_go_on(make_world, kind, same_process):
    world = make_world(stores={"store": kind})
    world.adopt()

    def somebody_writes_our_field(moment):
        if moment == "before store.write":
            world.hook = lambda _moment: None
            world.stores["store"].put_by_hand("app", "their-own-value")

    world.hook = somebody_writes_our_field
    worker = world.worker()
    worker.rotate()

    assert world.rotation().trouble.needs_operator
    assert world.stores["store"].holds("app") == "their-own-value"
    assert worker.one_pass()[0].rotation.trouble.needs_operator
    assert world.stores["store"].holds("app") == "their-own-value"

    (worker if same_process else world.worker()).resume()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


def test_somebodys_change_between_staging_and_promotion_stops_us_too(make_world):
    world = make_world(stores={"aws": SECRETS_MANAGER})
    world.adopt()

    def somebody_writes_our_field(moment):
        if moment == "before aws.promote":
            world.hook = lambda _moment: None
            world.stores["aws"].put_by_hand("app", "their-own-value")

    world.hook = somebody_writes_our_field
    worker = world.worker()
    worker.rotate()
    assert world.rotation().trouble.needs_operator
    assert world.stores["aws"].holds("app") == "their-own-value"
    worker.resume()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}
    assert world.stores["aws"].pending("app") is None


def test_a_write_only_place_that_somebody_changed_is_not_written_over_blindly(make_world):
    world = make_world(stores={"store": WRITE_ONLY_WITH_COMPARE_AND_SET})
    world.adopt()

    def somebody_writes_our_field(moment):
        if moment == "before store.write":
            world.hook = lambda _moment: None
            world.stores["store"].put_by_hand("app", "their-own-value")

    world.hook = somebody_writes_our_field
    worker = world.worker()
    worker.rotate()
    assert world.rotation().trouble.needs_operator
    assert world.stores["store"].holds("app") == "their-own-value"
    worker.resume()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


def test_a_write_only_place_that_somebody_changed_after_us_is_not_confirmed_and_can_be_written_again(make_world):
    world = make_world(stores={"vault": VAULT, "heroku": HEROKU})
    world.adopt()

    def somebody_writes_after_us(moment):
        if moment == "after heroku.write":
            world.hook = lambda _moment: None
            world.stores["heroku"].put_by_hand("app", "their-own-value")

    world.hook = somebody_writes_after_us
    worker = world.worker()
    worker.rotate()
    assert world.rotation().phase is Phase.PUBLISHED
    assert world.rotation().trouble.needs_operator
    worker.resume()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


@readable()
def test_somebodys_change_after_it_was_published_is_seen_when_it_is_read_back(make_world, kind):
    world = make_world(stores={"store": kind})
    old = world.adopt()

    def somebody_writes_our_field(moment):
        if moment == "before store.settle":
            world.hook = lambda _moment: None
            world.stores["store"].put_by_hand("app", "their-own-value")

    world.hook = somebody_writes_our_field
    worker = world.worker()
    worker.rotate()
    assert world.rotation().trouble.needs_operator
    assert old in world.alive()
    worker.resume()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


def test_a_store_that_refuses_leaves_the_old_token_in_force(world):
    old = world.adopt()
    world.stores["vault"].script.fail("write", denied())
    assert world.worker().rotate().outcome is Outcome.WITHDRAWN
    assert world.alive() == {old} == {world.held_everywhere()}


def test_a_store_that_refuses_after_another_was_written_waits_for_a_person(make_world):
    world = make_world(stores={"vault": VAULT, "heroku": HEROKU})
    old = world.adopt()
    world.stores["heroku"].script.fail("write", denied())
    worker = world.worker()

    worker.rotate()

    rotation = world.rotation()
    assert rotation.trouble.needs_operator
    assert [place.state for place in rotation.destinations] == [Placed.WRITTEN, Placed.PENDING]
    assert world.alive() == {old, world.stores["vault"].holds("app")}
    worker.resume()
    assert world.alive() == {world.held_everywhere()}


def test_a_store_that_is_down_for_long_is_written_by_a_later_run(make_world):
    world = make_world(stores={"vault": VAULT, "heroku": HEROKU})
    world.adopt()
    world.stores["heroku"].script.fail("write", *[unavailable()] * 50)
    worker = world.worker()
    assert worker.rotate().outcome is Outcome.UNFINISHED
    assert [report.outcome for report in worker.one_pass()] == [Outcome.UNFINISHED]  # it is not time to try again
    world.stores["heroku"].script.forgive()
    world.clock.move(hours=1)
    worker.one_pass()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


@each_kind
def test_a_bug_in_a_stores_plugin_loses_nothing(make_world, kind, capsys):
    world = make_world(stores={"store": kind})
    world.adopt()
    world.stores["store"].script.fail("write", broken(IndexError()))
    worker = world.worker()
    worker.rotate()
    assert world.rotation().trouble.needs_operator
    worker.resume()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


def test_a_bug_in_a_plugin_that_shows_before_anything_was_touched_is_reported_and_not_raised(make_world, capsys):
    world = make_world(stores={"vault": VAULT})
    old = world.adopt()
    world.stores["vault"].script.fail("preflight", broken(IndexError()))
    report = world.worker().rotate()
    assert report.outcome is Outcome.REFUSED
    assert "failed with IndexError, which is a bug" in str(report.refused)
    assert world.alive() == {old}


def test_what_was_staged_wrong_is_shown_to_nobody(make_world):
    world = make_world(stores={"aws": SECRETS_MANAGER})
    old = world.adopt()
    store = world.stores["aws"]
    honest, store._read = store._read, lambda place, version: None
    world.worker().rotate()
    store._read = honest
    assert store.holds("app") == old
    assert old in world.alive()


def test_a_token_that_only_a_write_only_store_may_hold_is_never_revoked_before_another_is_there(make_world):
    """Its process is killed; the value is lost, so another token is published, and both earlier ones die."""
    world = make_world(stores={"heroku": HEROKU})
    old = world.adopt()
    with world.killed_at("after heroku.write"):
        world.worker().rotate()
    stray = world.held_everywhere()
    world.lease_runs_out()

    with world.killed_at("before heroku.write"):
        world.worker().one_pass()
    assert world.alive() >= {old, stray}
    assert world.held_everywhere() == stray

    world.lease_runs_out()
    world.worker().one_pass()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}
    assert all(token.state is TokenState.DEAD for token in world.rotation().strays)
