"""What should have happened by now: rotations, deaths, adoptions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from rotator.domain.durations import Duration
from rotator.domain.model import Cause, Overlap, Phase
from rotator.domain.policy import Schedule, Window
from tests.fakes.scripted import denied
from tests.fakes.world import A_DAY, ENV_FILE, World
from tests.unit.flow.audit.auditing import audited, kinds, notes, only

NEVER = Schedule()


def with_schedule(world: World, schedule: Schedule, **changes: object) -> None:
    world.policies["app"] = replace(world.policies["app"], schedule=schedule, **changes)


def test_a_policy_whose_token_nobody_knows_is_to_be_adopted(world):
    found = only(audited(world))
    assert (found.kind, found.weight) == ("not-adopted", "warning")
    assert "`rotate adopt app` takes it over" in found.remedy


def test_an_empty_ledger_is_said_to_be_empty(world):
    result = audited(world)
    assert "no-history" in notes(result)
    world.adopt()
    assert notes(audited(world)) == []


@pytest.mark.parametrize(("days", "found"), [(90, []), (91, ["overdue"])])
def test_a_token_that_should_have_been_rotated_a_day_ago_is_overdue(world, days, found):
    world.adopt()
    world.clock.move(days=days, hours=-1)
    result = audited(world)
    assert kinds(result) == []
    world.clock.move(hours=2)
    result = audited(world)
    assert kinds(result) == found


def test_an_overdue_one_says_since_when_and_how_often_it_failed(world):
    world.adopt()
    made = world.secret().current.created_at
    world.clock.move(days=100)
    world.stores["vault"].script.fail("write", denied())
    world.worker().rotate()
    assert world.rotation().phase is Phase.WITHDRAWN
    found = only(audited(world))
    assert found.since == made + timedelta(days=90)
    assert "withdrawn 1 times in a row" in found.what


def test_a_due_token_whose_window_has_not_opened_since_is_not_overdue(world):
    world.adopt()
    world.clock.move(days=95)
    tomorrow = (world.clock.now() + timedelta(days=1)).weekday()
    schedule = Schedule(every=Duration.parse("90 days"), window=Window(frozenset([tomorrow]), time(9), time(10), "UTC"))
    with_schedule(world, schedule)
    assert kinds(audited(world)) == []
    world.clock.move(days=3)
    assert kinds(audited(world)) == ["overdue"]


def test_an_expired_token_is_urgent_and_not_told_again_as_missing_from_the_list(world):
    with_schedule(world, NEVER, lifetime=Duration.parse("10 days"))
    world.adopt()
    world.worker().rotate()
    expires = world.secret().current.expires_at
    assert expires is not None
    world.clock.move(days=11)
    found = only(audited(world))
    assert (found.kind, found.weight, found.since) == ("expired", "urgent", expires)


def test_a_token_that_expires_and_is_never_due_is_told_before_it_does(world):
    with_schedule(world, NEVER, lifetime=Duration.parse("10 days"))
    world.adopt()
    world.worker().rotate()
    found = only(audited(world))
    assert (found.kind, found.weight) == ("expires-first", "warning")
    assert "its schedule never replaces it" in found.what


def test_a_token_that_would_expire_while_its_window_is_closed_is_told(world):
    a_day_a_week = Window(frozenset([0]), time(9), time(10), "UTC")
    schedule = Schedule(before_expiry=Duration.parse("1 day"), window=a_day_a_week)
    with_schedule(world, schedule, lifetime=Duration.parse("10 days"))
    world.adopt()
    world.worker().rotate()
    assert world.clock.now() < datetime(2026, 11, 24, tzinfo=UTC), "a Sunday, so ten days later is a Wednesday"
    found = only(audited(world))
    assert found.kind == "expires-first"
    assert "outside of its window" in found.remedy


def test_an_old_token_that_is_only_rotated_when_asked_is_a_note(world):
    with_schedule(world, NEVER)
    world.adopt()
    world.clock.move(days=364)
    assert audited(world).findings == ()
    world.clock.move(days=2)
    result = audited(world)
    assert (kinds(result), notes(result)) == ([], ["not-scheduled"])


def test_a_secret_without_a_policy_is_told_while_its_token_lives(make_world):
    world = make_world(secrets=("app", "other"))
    world.adopt("app")
    world.adopt("other")
    policy = world.policies.pop("other")
    found = only(audited(world))
    assert (found.kind, found.secret) == ("no-policy", "other")
    world.policies["other"] = policy
    assert audited(world).findings == ()


@pytest.fixture
def stuck(make_world) -> World:
    world = make_world(stores={"vault": ENV_FILE, "file": ENV_FILE})
    world.adopt()
    world.stores["file"].script.fail("write", denied())
    world.worker().rotate()
    assert world.rotation().phase is Phase.VERIFIED
    return world


def test_a_rotation_that_stands_still_for_a_day_is_told_with_the_way_out(stuck):
    stuck.clock.move(hours=23)
    assert audited(stuck).findings == ()
    stuck.clock.move(hours=2)
    found = only(audited(stuck))
    rotation = stuck.rotation()
    assert (found.kind, found.weight, found.since) == ("stuck", "warning", rotation.phase_at)
    assert f"`rotate resume {rotation.id}`" in found.remedy


def test_one_whose_old_token_got_out_is_urgent_at_once(make_world):
    world = make_world(stores={"vault": ENV_FILE, "file": ENV_FILE})
    world.adopt()
    world.stores["file"].script.fail("write", denied())
    world.worker().rotate(cause=Cause.COMPROMISED)
    found = only(audited(world))
    assert (found.kind, found.weight) == ("stuck", "urgent")


@pytest.mark.parametrize(("hours", "found"), [(24.9, []), (25.1, ["outlived"])])
def test_an_old_token_that_outlived_its_overlap_is_told(make_world, hours, found):
    world = make_world(overlap=A_DAY)
    world.adopt()
    world.worker().rotate()
    world.clock.move(hours=hours)
    result = audited(world)
    assert kinds(result) == found
    assert all(f"`rotate resume {world.rotation().id}`" in finding.remedy for finding in result.findings)


def test_an_old_token_that_is_waited_for_because_it_is_used_is_as_it_should_be(make_world):
    overlap = Overlap(timedelta(hours=1), until_unused_for=timedelta(hours=6), at_most=timedelta(days=7))
    world = make_world(overlap=overlap)
    world.issuer_fake.with_traits(reports_last_use=True)
    world.adopt()
    world.worker().rotate()
    old = world.issuer_fake.made()[0]
    world.clock.move(days=3)
    old.last_used_at = world.clock.now()
    world.clock.move(hours=5)
    assert kinds(audited(world)) == []
    world.clock.move(days=5)
    old.last_used_at = world.clock.now()
    assert "outlived" in kinds(audited(world))


def test_a_death_that_nobody_could_try_is_a_note(make_world):
    world = make_world(stores={"file": ENV_FILE}, overlap=A_DAY)
    world.adopt()
    world.worker().rotate()
    world.worker().retire()
    result = audited(world)
    assert (kinds(result), notes(result)) == ([], ["weak-proof"])
    [note] = result.findings
    assert (note.secret, note.since) == ("app", world.rotation().old.ended_at)
