"""Two processes at one rotation: the one that was held up too long can move nothing, and does no harm."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta

import pytest

from rotator.domain.contracts import IssuerTraits
from rotator.domain.errors import LeaseLost, WrongOrder
from rotator.domain.model import Phase, Proof, TokenState
from rotator.domain.secret_value import SecretValue
from rotator.flow import publishing
from rotator.flow.opening import Order, begin
from rotator.flow.report import Outcome, Report
from rotator.flow.work import LEASE, Held, Work
from tests.fakes.scripted import Fault, Killed, denied, unavailable
from tests.fakes.world import A_DAY, ENV_FILE, HEROKU, SECRETS_MANAGER, VAULT
from tests.unit.flow.audit.auditing import audited, only


def held_up_at(world, moment, meanwhile, occurrence=1):
    """Stop whoever comes to this moment until its lease is over; let others work; then let it go on."""
    came = []

    def pause(now):
        if now == moment:
            came.append(now)
            if len(came) == occurrence:
                world.hook = lambda _moment: None
                world.lease_runs_out()
                meanwhile()

    world.hook = pause


def test_a_rotation_that_somebody_works_on_is_left_to_them(world):
    world.adopt()
    with world.killed_at("before vault.write"):
        world.worker().rotate()
    other = world.worker()
    assert other.one_pass() == []
    assert other.rotate().outcome is Outcome.UNFINISHED
    world.lease_runs_out()
    other.one_pass()
    assert world.rotation().phase is Phase.RETIRED


def test_two_workers_that_begin_at_once_make_one_rotation(world):
    world.adopt()
    other = world.worker()
    seen = []

    def begin_too(moment):
        if moment == "before ledger.begin":
            world.hook = lambda _moment: None
            seen.append(other.rotate().outcome)

    world.hook = begin_too
    report = world.worker().rotate()
    assert (seen, report.outcome) == ([Outcome.ROTATED], Outcome.REFUSED)
    assert world.alive() == {world.held_everywhere()}


@pytest.mark.parametrize("moment", ["before issuer.issue", "after issuer.issue"])
def test_a_process_held_up_while_it_asks_for_a_token_revokes_what_it_gets(world, moment):
    """Its rotation was taken over and has ended: nobody else will ever look for that token."""
    world.adopt()
    other = world.worker()
    held_up_at(world, moment, other.one_pass)

    report = world.worker().rotate()

    assert report.outcome is Outcome.UNFINISHED
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


def test_what_a_held_up_process_gets_from_a_slow_issuer_is_revoked_once_it_is_known_there(world):
    world.adopt()
    world.issuer_fake.issue_delay = timedelta(seconds=8)
    held_up_at(world, "before issuer.issue", world.worker().one_pass)
    world.worker().rotate()
    world.clock.move(minutes=1)
    assert world.alive() == {world.held_everywhere()}


def test_what_a_held_up_process_gets_is_revoked_though_its_issuer_fails_for_a_while(world):
    world.adopt()

    def others_go_on():
        world.worker().one_pass()
        world.issuer_fake.script.fail("revoke", *[unavailable()] * 8)

    held_up_at(world, "before issuer.issue", others_go_on)
    world.worker().rotate()
    assert world.alive() == {world.held_everywhere()}
    came, ended = [event for event in world.ledger.history("app") if "late" in event.kind]
    assert (came.kind, ended.kind, ended.detail["proof"]) == ("came too late", "late one ended", Proof.UNLISTED)


@pytest.mark.parametrize("traits", [IssuerTraits(), IssuerTraits(names_tokens=False)], ids=["named", "nameless"])
@pytest.mark.parametrize("fault", [denied(), Fault(lambda: Killed("revoke"))], ids=["denied", "killed"])
def test_what_a_held_up_process_gets_and_cannot_revoke_is_found_by_an_audit(make_world, traits, fault):
    world = make_world(issuer=traits)
    world.adopt()

    def others_go_on():
        world.worker().one_pass()
        world.issuer_fake.script.fail("revoke", fault)

    held_up_at(world, "before issuer.issue", others_go_on)
    with suppress(Killed):
        world.worker().rotate()
    [late] = world.alive() - {world.held_everywhere()}
    found = only(audited(world))
    assert (found.kind, found.token.handle) == ("undead", world.issuer_fake.token_of(late).handle)
    assert "came too late" in found.what

    world.issuer_fake.revoke_by_hand(found.token.handle)
    assert audited(world).findings == ()


def test_where_nothing_is_listed_an_audit_still_tells_of_what_came_too_late(make_world):
    world = make_world(issuer=IssuerTraits(lists=False), stores={"vault": VAULT})
    world.adopt()

    def others_take_a_persons_word():
        world.worker().one_pass()
        world.worker().resume()
        world.issuer_fake.script.fail("revoke", denied())

    held_up_at(world, "before issuer.issue", others_take_a_persons_word)
    world.worker().rotate()
    [late] = world.alive() - {world.held_everywhere()}
    told = [found.what for found in audited(world).findings]
    assert any(f"Token {world.issuer_fake.token_of(late).handle} (" in what for what in told)


def test_a_held_up_process_does_not_revoke_the_next_owner_of_its_tokens_handle(make_world):
    """Those who went on revoked its token, and their own got the same handle."""
    world = make_world(issuer=IssuerTraits(reuses_handles=True))
    world.adopt()
    held_up_at(world, "after issuer.issue", world.worker().one_pass)
    world.worker().rotate()
    assert world.alive() == {world.held_everywhere()}


@pytest.mark.parametrize("kind", [VAULT, SECRETS_MANAGER, ENV_FILE], ids=["vault", "aws", "file"])
@pytest.mark.parametrize("moment", ["before store.write", "after store.write", "before ledger.record"])
def test_a_process_held_up_while_it_writes_cannot_undo_what_was_done_meanwhile(make_world, kind, moment):
    world = make_world(stores={"store": kind})
    world.adopt()
    other = world.worker()
    held_up_at(world, moment, other.one_pass, occurrence=3 if "ledger" in moment else 1)
    world.worker().rotate()
    world.lease_runs_out()
    other.one_pass()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


def test_a_process_held_up_between_staging_and_promotion_promotes_nothing(make_world):
    world = make_world(stores={"aws": SECRETS_MANAGER})
    old = world.adopt()
    other = world.worker()
    held_up_at(world, "after aws.write", other.withdraw)
    world.worker().rotate()
    assert world.rotation().phase is Phase.WITHDRAWN
    assert world.held_everywhere() == old
    assert world.alive() == {old}


def test_a_value_from_before_the_lease_was_lost_is_not_taken_for_the_new_one(make_world):
    """The first process still remembers its token; meanwhile another one issued and wrote a second."""
    world = make_world(stores={"heroku": HEROKU})
    world.adopt()
    first, second = world.worker(), world.worker()

    def another_goes_on_and_dies():
        with world.killed_at("before heroku.write"):
            second.one_pass()

    held_up_at(world, "before issuer.verify", another_goes_on_and_dies)
    first.rotate()
    world.lease_runs_out()

    first.one_pass()

    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


def test_what_a_held_up_thread_gets_reaches_no_other_thread_of_its_process(make_world):
    """The second one has published its own token to the first store when the first one's answer comes."""
    world = make_world(stores={"vault": VAULT, "heroku": HEROKU})
    world.adopt()
    runner, went_on, lost = world.worker(stays=False).runner, threading.Event(), []
    begun = begin(runner.tools, Order(world.policies["app"]))
    is_asked = threading.Event()

    def first_thread():
        try:
            runner.advance(begun.rotation, begun.lease, begun.held)
        except LeaseLost as error:
            lost.append(error)

    held_up = threading.Thread(target=first_thread)

    def at(moment):
        if threading.current_thread() is held_up and moment == "after issuer.issue":
            is_asked.set()
            assert went_on.wait(timeout=30)
        elif threading.current_thread() is not held_up and moment == "before vault.write":
            went_on.set()
            held_up.join(timeout=30)

    world.hook = at
    held_up.start()
    assert is_asked.wait(timeout=30)
    world.lease_runs_out()
    [(rotation, lease)] = runner.tools.ledger.claim_ready(runner.tools.owner, world.clock.now(), LEASE, 1)

    assert runner.advance(rotation, lease).phase is Phase.RETIRED
    assert len(lost) == 1
    assert world.alive() == {world.held_everywhere()}


def test_a_value_that_is_not_the_tokens_is_never_written(world):
    world.adopt()
    with world.killed_at("before vault.write"):
        world.worker().rotate()
    world.lease_runs_out()
    tools, rotation = world.worker().runner.tools, world.rotation()
    lease = tools.ledger.claim(rotation.id, tools.owner, world.clock.now(), LEASE)
    with pytest.raises(WrongOrder, match="the value in hand is another's"):
        publishing.publish(Work(tools, rotation, lease, Held(new=SecretValue("of-an-earlier-token"))))
    assert "write" not in world.stores["vault"].script.calls


def test_a_process_held_up_while_it_revokes_does_no_harm(make_world):
    world = make_world(overlap=A_DAY)
    world.adopt()
    worker, other = world.worker(), world.worker()
    worker.rotate()
    world.clock.move(hours=25)
    held_up_at(world, "before issuer.revoke", other.one_pass)
    worker.one_pass()
    assert world.rotation().phase is Phase.RETIRED
    assert world.alive() == {world.held_everywhere()}


def test_a_rotation_that_was_stopped_for_a_person_meanwhile_is_not_moved(world):
    """Between looking at the list of open rotations and taking the lease, somebody else noted a trouble."""
    world.adopt()
    world.stores["vault"].script.fail("write", *[unavailable()] * 30)
    with world.killed_at("after ledger.record", occurrence=2):
        world.worker().rotate()
    world.stores["vault"].script.forgive()
    world.lease_runs_out()
    worker, other = world.worker(), world.worker()
    world.issuer_fake.gives_back_the_newest = True

    def other_is_quicker(moment):
        if moment == "before ledger.claim":
            world.hook = lambda _moment: None
            other.one_pass()
            assert world.rotation().trouble.needs_operator

    world.hook = other_is_quicker
    worker.one_pass()
    asked = [event for event in world.events if event.kind == "issuing"]
    assert len(asked) == 2


def test_the_lease_is_kept_through_a_long_wait(world):
    world.adopt()
    world.issuer_fake.with_traits(revoke_propagation=timedelta(minutes=30))
    world.issuer_fake.revoke_delay = timedelta(minutes=20)
    assert world.worker().rotate().outcome is Outcome.ROTATED


def test_a_killed_process_is_not_waited_for_longer_than_its_lease(world):
    world.adopt()
    with world.killed_at("after vault.write"):
        world.worker().rotate()
    world.clock.move(minutes=5, seconds=1)
    world.worker().one_pass()
    assert world.rotation().phase is Phase.RETIRED
    assert all(token.state is not TokenState.REVOKING for token in world.rotation().tokens)


def test_a_nameless_issuer_is_no_obstacle_for_a_held_up_process(make_world):
    world = make_world(issuer=IssuerTraits(names_tokens=False))
    world.adopt()
    held_up_at(world, "after issuer.issue", world.worker().one_pass)
    world.worker().rotate()
    assert world.alive() == {world.held_everywhere()}


def test_two_passes_at_once_rotate_nothing_twice(make_world):
    """The slower one reads what is due before the other one has rotated it."""
    world = make_world(secrets=("app", "web"))
    for name in ("app", "web"):
        world.adopt(name)
    world.clock.move(days=91)
    others = list[Report]()

    def overtake(moment: str) -> None:
        if moment == "after issuer.issue":
            world.hook = lambda _moment: None
            others.extend(world.worker().one_pass())

    world.hook = overtake
    reports = world.worker().one_pass()
    assert [report.secret for report in (*reports, *others)] == ["app", "web"]
    assert world.kinds_of_events().count("opened") == 2
