"""What the daemon does when time passes."""

from __future__ import annotations

import gc
import pickle
from dataclasses import replace
from datetime import time, timedelta
from typing import NoReturn

import pytest

from rotator.daemon.agenda import Agenda, Entry
from rotator.domain.durations import Duration
from rotator.domain.errors import LedgerUnavailable, NeedsOperator
from rotator.domain.model import Cause, IssuerRef, Phase, SecretName, Target
from rotator.domain.policy import Policy, PolicySet, Schedule, Window
from rotator.domain.secret_value import MASK, redact
from rotator.flow.runner import Runner
from tests.fakes.scripted import denied, locked_by_somebody, unavailable
from tests.fakes.world import A_DAY, World
from tests.unit.daemon.conftest import Daemon, policies_of

NAMES = tuple(f"app-{number}" for number in range(20))


def begun(world: World, name: str) -> int:
    return sum(event.kind == "opened" and event.secret == name for event in world.events)


def test_a_quarter_passes_and_nobody_notices(make_world):
    world = make_world(overlap=A_DAY)
    old = world.adopt()
    daemon = Daemon(world)
    daemon.run_for(days=89, every=timedelta(hours=6))
    assert daemon.told == []
    daemon.run_for(days=3, every=timedelta(hours=1))
    assert daemon.outcomes() == ["in overlap", "rotated"]
    assert not world.issuer_fake.accepts(old)
    assert world.alive() == {world.held_everywhere()}
    daemon.run_for(days=89, every=timedelta(hours=6))
    assert begun(world, "app") == 2


def test_nothing_due_costs_no_question_to_anybody(world):
    world.adopt()
    daemon = Daemon(world)
    daemon.run_for(minutes=30)
    before = len(world.issuer_fake.script.calls)
    daemon.run_for(days=80, every=timedelta(hours=12))
    assert len(world.issuer_fake.script.calls) == before


def test_a_daemon_that_runs_for_weeks_does_not_grow(make_world):
    world = make_world(secrets=NAMES)
    for name in NAMES:
        world.adopt(name, expires_at=world.clock.now() + timedelta(days=80))
    daemon = Daemon(world)
    daemon.run_for(days=1, every=timedelta(hours=1))
    size = len(pickle.dumps(daemon.service._agenda))
    daemon.run_for(days=60, every=timedelta(hours=1))
    assert len(pickle.dumps(daemon.service._agenda)) < 1.1 * size


def test_a_first_start_begins_nothing_for_tokens_that_nobody_adopted(world):
    daemon = Daemon(world)
    daemon.run_for(days=2)
    assert daemon.told == []
    assert world.alive() == set()


def test_a_token_that_is_adopted_while_it_runs_is_seen_at_once(world):
    daemon = Daemon(world)
    daemon.run_for(minutes=20)
    world.adopt()
    daemon.run_for(minutes=1, every=timedelta(seconds=15))
    assert daemon.service.snapshot()["app"].due is not None


def test_a_token_that_is_adopted_while_it_runs_is_rotated_in_time(world):
    daemon = Daemon(world)
    daemon.run_for(hours=1)
    world.adopt()
    daemon.run_for(days=91, every=timedelta(hours=6))
    assert begun(world, "app") == 1


def test_a_daemon_that_was_away_for_a_year_does_not_rotate_everything_at_once(make_world):
    world = make_world(secrets=NAMES)
    for name in NAMES:
        world.adopt(name)
    world.clock.move(days=365)
    daemon = Daemon(world, begin_per_hour=5)
    daemon.run_for(minutes=50)
    assert len(daemon.told) == 5
    daemon.run_for(hours=4)
    assert sorted(report.secret for report in daemon.told) == sorted(NAMES)


def test_a_token_that_expires_soon_does_not_wait_for_its_turn(make_world):
    world = make_world(secrets=NAMES)
    for name in NAMES:
        world.adopt(name)
    hasty = SecretName("app-7")
    world.policies[hasty] = replace(
        world.policies[hasty],
        lifetime=Duration.parse("90 days"),
        schedule=Schedule(before_expiry=Duration.parse("12h")),
    )
    world.worker().rotate(hasty)
    world.clock.move(days=89, hours=13)
    for name in NAMES:
        world.policies[name] = replace(
            world.policies[name], schedule=replace(world.policies[name].schedule, every=Duration.parse("30 days"))
        )
    daemon = Daemon(world, begin_per_hour=1)
    daemon.run_for(minutes=20)
    assert hasty in {report.secret for report in daemon.told}
    assert len(daemon.told) == 2


def test_of_those_that_expire_soon_the_first_to_expire_comes_first(world):
    agenda, now = Agenda(), world.clock.now()
    for name, hours in ("a", 20), ("b", 10), ("c", 15):
        agenda.put(SecretName(name), Entry(now, expires_at=now + timedelta(hours=hours)))
    assert [agenda.next(now, only_rescues=True) for _ in "abc"] == ["b", "c", "a"]


def test_a_clock_that_is_put_back_stops_nothing(world):
    world.adopt()
    daemon = Daemon(world)
    daemon.run_for(days=1)
    world.clock.move(days=-30)
    daemon.run_for(days=119, every=timedelta(hours=6))
    assert begun(world, "app") == 1


def test_a_rotation_in_trouble_is_left_and_taken_up_again_when_its_time_comes(world):
    world.adopt()
    daemon = Daemon(world)
    world.clock.move(days=90)
    world.stores["vault"].script.fail("write", unavailable(), unavailable())
    waited = world.clock.waited
    daemon.service.work()
    assert world.rotation().phase is Phase.VERIFIED
    assert world.clock.waited == waited, "no thread waits with it"
    daemon.run_for(minutes=2, every=timedelta(seconds=10))
    assert daemon.outcomes()[-1] == "rotated"
    assert len(world.issuer_fake.made()) == 2, "the value was kept meanwhile"


def test_what_cannot_begin_is_tried_later_and_later(world):
    world.adopt()
    daemon = Daemon(world)
    world.clock.move(days=90)
    world.stores["vault"].script.fail("preflight", *[denied()] * 100)
    daemon.run_for(hours=12, every=timedelta(minutes=1))
    assert 10 <= len(daemon.told) <= 20
    assert set(daemon.outcomes()) == {"refused"}
    world.mend()
    daemon.run_for(hours=2)
    assert daemon.outcomes()[-1] == "rotated"


def test_what_only_a_person_can_move_is_told_once_and_not_tried_again(world):
    world.adopt()
    daemon = Daemon(world)
    world.clock.move(days=90)
    world.stores["vault"].script.fail("write", locked_by_somebody())
    daemon.run_for(days=2, every=timedelta(hours=1))
    assert daemon.outcomes() == ["unfinished"]
    assert world.rotation().trouble.needs_operator
    world.worker().resume()
    assert world.rotation().phase is Phase.RETIRED


def test_new_policies_are_acted_on_at_once_and_what_went_away_is_left_alone(make_world):
    world = make_world(secrets=("app", "other"))
    old = world.adopt("app")
    world.adopt("other")
    daemon = Daemon(world)
    daemon.run_for(hours=2)
    kept = replace(world.policies["other"], schedule=Schedule(every=Duration.parse("5 days")))
    daemon.service.accept(PolicySet((kept,), {}, commit="beef"))
    daemon.run_for(days=100, every=timedelta(hours=12))
    assert begun(world, "app") == 0
    assert world.issuer_fake.accepts(old)
    assert begun(world, "other") in (19, 20)
    assert world.rotation("other").commit == "beef"
    assert SecretName("app") not in daemon.service.snapshot()


def test_a_policy_whose_service_does_not_answer_is_begun_when_it_may_be_asked_again(world):
    world.adopt()
    world.clock.move(days=91)
    rests_until = world.clock.now() + timedelta(minutes=7)
    daemon = Daemon(world, rests_until=lambda _: rests_until if world.clock.now() < rests_until else None)
    daemon.run_for(minutes=6, every=timedelta(minutes=1))
    assert begun(world, "app") == 0
    daemon.run_for(minutes=2, every=timedelta(minutes=1))
    assert begun(world, "app") == 1


def test_compromised_rotations_are_finished_before_anything_else_is_begun(make_world):
    world = make_world(secrets=("app", "other"))
    for name in ("app", "other"):
        world.adopt(name)
    world.clock.move(days=91)
    with world.killed_at("after vault.write"):
        world.worker().rotate("other", Cause.COMPROMISED)
    world.lease_runs_out()
    daemon = Daemon(world)
    daemon.run_for(minutes=1)
    assert [report.secret for report in daemon.told] == ["other", "app"]


def test_two_daemons_rotate_nothing_twice(make_world):
    world = make_world(secrets=NAMES[:6])
    for name in NAMES[:6]:
        world.adopt(name)
    world.clock.move(days=91)
    first, second = Daemon(world), Daemon(world)
    first.run_for(minutes=10)
    second.run_for(hours=5)
    assert [begun(world, name) for name in NAMES[:6]] == [1] * 6


@pytest.mark.parametrize("call", ["issuer.issue", "vault.write", "issuer.revoke"])
def test_a_rotation_whose_call_outlasts_its_lease_is_not_taken_from_the_thread_that_is_at_it(world, call):
    world.adopt()
    world.clock.move(days=91)
    daemon, seen = Daemon(world), []

    def wait_long(moment):
        if moment == f"before {call}" and not seen:
            world.lease_runs_out()
            seen.append(daemon.service.next_work())

    world.hook = wait_long
    daemon.run_for(minutes=1)
    assert seen == [None]
    assert world.rotation().phase is Phase.RETIRED
    assert [world.kinds_of_events().count(kind) for kind in ("issuing", "publishing", "retiring")] == [1, 1, 1]


def test_the_values_of_a_rotation_that_a_person_has_ended_do_not_stay_in_memory(make_world):
    world = make_world(overlap=A_DAY)
    old = world.adopt()
    world.clock.move(days=91)
    daemon = Daemon(world)
    daemon.run_for(minutes=1)
    new = world.held_everywhere()
    assert (redact(old), redact(new)) == (MASK, MASK)
    world.worker().retire()
    daemon.run_for(minutes=1)
    gc.collect()
    assert (redact(old), redact(new)) == (old, new)


@pytest.mark.parametrize("moment", ["before ledger.begin", "after issuer.issue"])
def test_another_daemon_that_was_quicker_is_no_trouble(world, moment):
    world.adopt()
    world.clock.move(days=91)
    slow, quick = Daemon(world), Daemon(world)

    def overtake(now: str) -> None:
        if now == moment:
            world.hook = lambda _moment: None
            world.lease_runs_out()
            quick.run_for(minutes=10)

    world.hook = overtake
    slow.run_for(minutes=30)
    assert slow.told == []
    assert quick.outcomes() == ["rotated"]
    assert begun(world, "app") == 1
    slow.run_for(days=91, every=timedelta(hours=6))
    assert slow.outcomes() == ["rotated"], "nothing is held against it"


class NoPolicies:
    """The connections of a daemon whose policies have none."""

    def issuer(self, ref: IssuerRef) -> NoReturn:
        raise NeedsOperator(f"The policies have no connection {ref.connection} any more.")

    def destination(self, target: Target) -> NoReturn:
        raise NeedsOperator(f"The policies have no connection {target.connection} any more.")


def a_daemon_without_policies(world: World) -> Daemon:
    daemon = Daemon(world, knows=lambda _rotation: False)
    daemon.service.accept(PolicySet((), {}))
    tools = world.worker().runner.tools
    daemon.service._runner = Runner(replace(tools, connections=NoPolicies()), stays=False)
    return daemon


def test_a_rotation_of_newer_policies_than_ours_is_left_to_those_who_have_them(world):
    world.adopt()
    world.clock.move(days=91)
    newer, older = Daemon(world), a_daemon_without_policies(world)
    world.stores["vault"].script.fail("write", unavailable())
    newer.service.work()
    for _ in range(6):
        world.clock.move(seconds=10)
        older.service.work()
        newer.service.work()
    assert newer.outcomes() == ["unfinished", "rotated"]
    assert older.told == []
    assert len(world.issuer_fake.made()) == 2, "the value was kept meanwhile"


def test_a_rotation_whose_connection_was_removed_waits_for_a_person(world):
    world.adopt()
    world.clock.move(days=91)
    world.stores["vault"].script.fail("write", unavailable())
    Daemon(world).service.work()
    left_over = a_daemon_without_policies(world)
    left_over.run_for(minutes=5, every=timedelta(seconds=15))
    assert left_over.told == []
    left_over.run_for(minutes=30, every=timedelta(seconds=15))
    assert left_over.outcomes() == ["unfinished"]
    assert world.rotation().trouble.needs_operator


def test_a_daemon_that_was_held_up_between_deciding_and_beginning_rotates_nothing_twice(world):
    world.adopt()
    world.clock.move(days=91)
    slow, quick = Daemon(world), Daemon(world)
    begin = slow.service.next_work()
    assert begin is not None
    quick.run_for(minutes=10)
    assert quick.outcomes() == ["rotated"]
    assert begin() is None
    assert begun(world, "app") == 1
    slow.run_for(days=91, every=timedelta(hours=6))
    assert slow.outcomes() == ["rotated"], "it looks again in time"


@pytest.mark.parametrize("call", ["changed_since", "claim_ready", "secret", "secrets"])
def test_a_ledger_that_goes_away_and_comes_back_loses_nothing(world, call, monkeypatch):
    world.adopt()
    daemon = Daemon(world)
    if call != "secrets":
        daemon.service.work()
    world.clock.move(minutes=10 if call == "changed_since" else 60 * 24 * 91)

    def gone(*_, **__):
        raise LedgerUnavailable("the disk is full")

    with monkeypatch.context() as away:
        away.setattr(world.ledger, call, gone)
        with pytest.raises(LedgerUnavailable):
            daemon.service.work()
    daemon.run_for(days=92 if call == "changed_since" else 1, every=timedelta(hours=2))
    assert begun(world, "app") == 1


def test_a_daemon_that_is_to_stop_begins_nothing_more(world):
    world.adopt()
    daemon = Daemon(world)
    world.clock.move(days=91)
    world.clock.stop()
    assert daemon.service.work() == 0


def test_a_policy_that_nobody_can_judge_stops_no_other_and_is_written_down(make_world, capsys):
    world = make_world(secrets=("app", "odd"))
    for name in ("app", "odd"):
        world.adopt(name)
    daemon = Daemon(world)
    daemon.run_for(minutes=10)
    world.policies["odd"] = with_a_window_that_no_policy_can_have(world.policies["odd"])
    daemon.service.accept(policies_of(world))
    daemon.run_for(days=92, every=timedelta(hours=6))
    assert [report.secret for report in daemon.told] == ["app"]
    assert "nobody can tell when this is due" in "".join(capsys.readouterr())


def with_a_window_that_no_policy_can_have(policy: Policy) -> Policy:
    """Give a policy that is a bug: deciding about it fails once it is due."""
    return replace(policy, schedule=replace(policy.schedule, window=Window(frozenset(), time(), time(), "UTC")))


def test_every_rotation_says_by_which_commit(world):
    world.adopt()
    daemon = Daemon(world)
    daemon.service.accept(policies_of(world))
    world.clock.move(days=91)
    daemon.run_for(minutes=5)
    assert world.rotation().commit == "c0ffee"
