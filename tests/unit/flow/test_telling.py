"""What people are told when time passes: once, with reminders, and when it has healed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.domain.contracts import IssuerTraits
from rotator.domain.durations import Duration
from rotator.domain.errors import Problem, Temporary
from rotator.domain.model import Cause, Overlap, SecretName
from rotator.domain.policy import PolicySet, Schedule
from rotator.domain.secret_value import SecretValue
from rotator.flow import emergency
from rotator.flow.delivery import Delivery
from rotator.flow.reconcile import one_pass
from rotator.flow.telling import Telling
from rotator.ledger.notices import CLAIM
from rotator.observe.sending import Channel
from tests.fakes.scripted import Killed, denied, locked_by_somebody, unavailable
from tests.fakes.world import World
from tests.unit.flow.declaring import REASON, declare

NEVER = Schedule()


class People:
    """Those who are told, by one or several daemons of a world; ``heard`` is what reached them, by channel."""

    def __init__(self, world: World, *channels: str, notify: tuple[str, ...] = ("ops",), owner: str = "team") -> None:
        self.world = world
        self.heard: list[tuple[str, str]] = []
        self.bodies: list[str] = []
        self.is_deaf = False
        for name, policy in world.policies.items():
            world.policies[name] = replace(policy, notify=notify, owner=owner)
        self.channels = [Channel(name, lambda: SecretValue("json://x"), name == "audit") for name in channels or notify]
        self.daemons = [self.new_daemon()]

    def new_daemon(self, *, knows_all: bool = True) -> tuple[Telling, Delivery]:
        world = self.world
        owner = f"daemon-{len(getattr(self, 'daemons', ()))}"
        telling = Telling(lambda: world.ledger, world.clock, self.channels, knows_all=knows_all)
        delivery = Delivery(lambda: world.ledger, world.clock, self.channels, owner, self._hear)
        telling.use(self.policies(), ())
        return telling, delivery

    def policies(self) -> PolicySet:
        return PolicySet(tuple(self.world.policies.values()), {})

    def _hear(self, channel: Channel, subject: str, body: str) -> None:
        if self.is_deaf:
            raise Temporary("deaf")
        self.heard.append((channel.name, subject.removeprefix("Rotator: ")))
        self.bodies.append(body)

    def look(self) -> list[str]:
        """Have every daemon look; give what is heard now."""
        before = len(self.heard)
        for telling, delivery in self.daemons:
            telling.look()
            delivery.deliver()
        return [subject for _, subject in self.heard[before:]]

    def pass_by(self) -> list[str]:
        """Make a pass as the first daemon does, and have everybody look."""
        for report in one_pass(self.world.worker(stays=False).runner, self.policies()):
            self.daemons[0][0].report(report)
        return self.look()

    def days_heard(self, days: int, *, begin: int = 0) -> list[int]:
        """Let days pass; give those on which anything was heard."""
        heard = []
        for day in range(begin, days):
            heard += [day for _ in self.look()]
            self.world.clock.move(days=1)
        return heard


@pytest.fixture
def stuck(world: World) -> World:
    world.adopt()
    world.clock.move(days=90)
    world.stores["vault"].script.fail("write", locked_by_somebody())
    world.worker(stays=False).one_pass()
    assert world.rotation().trouble.needs_operator
    return world


def test_what_needs_a_person_is_told_with_what_and_who_and_the_command(stuck):
    people = People(stuck)
    assert people.look() == ["app: the rotation needs a person"]
    [body] = people.bodies
    for part in ("Secret: app", "Owner: team", stuck.rotation().trouble.what, f"`rotate resume {stuck.rotation().id}`"):
        assert part in body
    assert "consumers have a token that works" in body


def test_two_daemons_and_a_restart_tell_it_once_and_remind_more_and_more_rarely(stuck):
    people = People(stuck)
    people.daemons.append(people.new_daemon())
    assert people.look() == ["app: the rotation needs a person"]
    people.daemons = [people.new_daemon(), people.new_daemon()]
    assert people.look() == []
    assert people.days_heard(30) == [1, 3, 7, 14, 21, 28]
    assert "told 6 times before" in people.bodies[-1]


def test_when_it_heals_that_is_told_once(stuck):
    people = People(stuck)
    people.look()
    stuck.clock.move(hours=5)
    stuck.mend()
    stuck.worker().resume()
    people.daemons.append(people.new_daemon())
    assert people.look() == ["app: healed (the rotation needs a person)"]
    assert "after 5 hours" in people.bodies[-1]
    assert people.look() == []


def test_a_failure_that_passes_within_the_hour_is_not_told(world):
    world.adopt()
    people = People(world)
    world.clock.move(days=90)
    world.stores["vault"].script.fail("preflight", denied())
    assert people.pass_by() == []
    world.clock.move(minutes=30)
    assert people.pass_by() == []
    world.clock.move(days=2)
    assert people.look() == []


@pytest.mark.parametrize(
    ("call", "fault", "said"),
    [("preflight", denied(), "403 Forbidden."), ("write", unavailable(), "503 Service Unavailable.")],
)
def test_what_fails_for_an_hour_is_told_with_its_reason_and_so_is_its_end(world, call, fault, said):
    world.adopt()
    people = People(world)
    world.clock.move(days=90)
    world.stores["vault"].script.fail(call, *[fault] * 50)
    heard = []
    for _ in range(8):
        heard += people.pass_by()
        world.clock.move(minutes=10)
    assert heard == ["app: cannot be rotated"]
    assert said in people.bodies[0]
    world.mend()
    world.clock.move(hours=3)
    assert people.pass_by() == ["app: healed (cannot be rotated)"]


def test_a_refusal_is_healed_only_when_the_token_is_new_or_nobody_wants_it(world):
    world.adopt()
    people = People(world)
    world.clock.move(days=90)
    world.stores["vault"].script.fail("preflight", *[denied()] * 9)
    people.pass_by()
    world.clock.move(hours=2)
    people.daemons = [people.new_daemon()]
    assert people.look() == ["app: cannot be rotated"]
    assert people.look() == []
    world.policies["app"] = replace(world.policies["app"], schedule=NEVER)
    people.daemons = [people.new_daemon()]
    assert people.look() == ["app: healed (cannot be rotated)"]


def expiring_in(world: World, days: int, schedule: Schedule) -> None:
    """Let the token of ``app`` expire then."""
    world.adopt()
    world.policies["app"] = replace(world.policies["app"], lifetime=Duration.parse(f"{days} days"), schedule=schedule)
    world.worker().rotate()


def test_a_token_that_nothing_rotates_is_told_from_a_week_before_its_end_every_day(world):
    expiring_in(world, 20, NEVER)
    people = People(world)
    assert people.days_heard(21) == [14, 15, 16, 17, 18, 19, 20]
    assert people.heard[0][1] == "app: the token expires in 6 days"
    assert people.heard[-1][1] == "app: the token has expired"
    assert "only rotated when asked" in people.bodies[0]


def test_a_token_that_is_rotated_in_time_is_not_told(world):
    expiring_in(world, 20, Schedule(before_expiry=Duration.parse("2 days")))
    people = People(world)
    assert people.days_heard(18) == []


def test_a_token_that_is_due_and_not_rotated_is_told_within_the_hour(world):
    expiring_in(world, 20, Schedule(before_expiry=Duration.parse("2 days")))
    people = People(world)
    world.clock.move(days=18, minutes=1)
    assert people.look() == []
    world.clock.move(hours=1)
    assert people.look() == ["app: the token expires in 1 day"]
    world.worker().one_pass()
    assert people.look() == ["app: healed (the token expires in 1 day)"]


def test_an_old_token_that_is_used_after_its_longest_overlap_is_told_with_the_places(make_world):
    overlap = Overlap(timedelta(hours=1), until_unused_for=timedelta(hours=2), at_most=timedelta(hours=4))
    world = make_world(issuer=IssuerTraits(reports_last_use=True), overlap=overlap)
    old = world.adopt()
    people = People(world)
    world.clock.move(days=90)
    for _ in range(8):
        world.issuer_fake.token_of(old).last_used_at = world.clock.now()
        people.pass_by()
        world.clock.move(hours=1)
    assert people.heard == [("ops", "app: the old token is still used, and its longest overlap is over")]
    assert "Consumers read the new one from: vault name=app" in people.bodies[0]
    assert f"`rotate retire {world.rotation().id}`" in people.bodies[0]


def test_a_policy_that_disappears_while_its_token_lives_is_told_to_everybody(make_world):
    world = make_world(secrets=("app", "other"))
    world.adopt("app")
    world.adopt("other")
    people = People(world, "ops", "mail")
    kept = world.policies.pop("app")
    people.daemons = [people.new_daemon(), people.new_daemon(knows_all=False)]
    people.look()
    assert people.heard == [("mail", "app: no policy any more"), ("ops", "app: no policy any more")]
    world.policies["app"] = kept
    people.daemons = [people.new_daemon()]
    assert people.look() == ["app: healed (no policy any more)"]


def test_refused_policies_are_told_with_their_lines_and_when_they_are_good_again(world):
    people = People(world)
    policies, bad = people.policies(), Problem("unknown key `x`", "remove it", Path("p.yaml"), 3, 5)
    telling, _ = people.daemons[0]
    people.daemons.append(people.new_daemon())
    telling.use(policies, [bad])
    assert people.look() == ["the newest policies are refused"]
    assert "p.yaml:3:5: unknown key `x`; remove it" in people.bodies[0]
    world.clock.move(minutes=6)
    assert people.look() == []
    world.clock.move(minutes=10)
    assert people.look() == [], "another machine has not got them yet; that does not mean that they are good"
    telling.use(policies, [])
    world.clock.move(minutes=20)
    assert people.look() == ["healed (the newest policies are refused)"]


@pytest.mark.parametrize("outcome", ["contained", "not contained"])
def test_the_end_of_a_compromise_is_told_with_its_proof(world, outcome):
    world.adopt()
    people = People(world)
    if outcome == "not contained":
        world.issuer_fake.script.fail("issue", denied())
    people.daemons[0][0].report(world.worker().rotate("app", Cause.COMPROMISED))
    subject = {"contained": "is contained", "not contained": "is NOT contained"}[outcome]
    assert people.look() == [f"app: the compromise {subject}"]
    assert ("refused" in people.bodies[0]) == (outcome == "contained")
    world.clock.move(days=2)
    assert people.look() == []


def test_a_token_that_got_out_and_that_nothing_ends_is_told_after_an_hour_until_it_is_dead(world):
    world.adopt()
    people = People(world)
    world.stores["vault"].script.fail("preflight", unavailable())
    order = declare(world)
    emergency.rotate(world.worker().runner, order)
    world.clock.move(minutes=59)
    assert people.look() == [], "its command may be at work"
    world.clock.move(minutes=1)
    assert people.look() == ["app: a compromised token may still live"]
    for part in ("Owner: team", f"({REASON})", "not ended: 1.", "`rotate now app --compromised --reason"):
        assert part in people.bodies[0]
    assert people.days_heard(8) == [1, 3, 7]

    world.mend()
    world.stores["vault"].script.fail("write", unavailable())
    emergency.rotate(world.worker(stays=False).runner, order)
    assert world.secret().open is not None
    assert people.look() == [], "a rotation is under way, and the token is not dead yet"
    world.mend()
    world.clock.move(hours=2)
    world.worker().one_pass()
    assert people.look() == ["app: healed (a compromised token may still live)"]


def test_a_token_that_got_out_and_whose_policy_is_gone_is_told_with_what_to_do(world):
    world.adopt()
    declare(world)
    del world.policies["app"]
    world.clock.move(hours=1)
    people = People(world, "ops")
    assert people.look() == ["2 matters"], "and that it has no policy"
    assert "Its policy is gone: delete the token at its issuer" in people.bodies[0]


def test_ordinary_success_is_told_only_to_a_channel_that_asks_for_it(world):
    world.adopt()
    people = People(world, notify=("ops", "audit"))
    world.clock.move(days=90)
    people.pass_by()
    assert people.heard == [("audit", "app: rotated")]


def test_a_channel_that_is_deaf_is_told_later_and_nothing_is_lost(stuck):
    people = People(stuck)
    people.is_deaf = True
    for _ in range(5):
        assert people.look() == []
    people.is_deaf = False
    assert people.look() == []
    stuck.clock.move(minutes=3)
    assert people.look() == ["app: the rotation needs a person"]


def killed(*_: object) -> None:
    raise Killed("before the ledger knows")


def test_who_dies_between_sending_and_writing_it_down_has_it_told_again(stuck, monkeypatch):
    people = People(stuck)
    telling, delivery = people.daemons[0]
    telling.look()
    monkeypatch.setattr(stuck.ledger.notices, "told", killed)
    with pytest.raises(Killed):
        delivery.deliver()
    monkeypatch.undo()
    assert len(people.heard) == 1
    people = People(stuck)
    assert people.look() == []
    stuck.clock.move(seconds=CLAIM.total_seconds())
    assert people.look() == ["app: the rotation needs a person"]


def test_many_matters_are_one_message(make_world):
    names = tuple(f"app-{number:02}" for number in range(50))
    world = make_world(secrets=names)
    for name in names:
        world.adopt(name)
    world.clock.move(days=91)
    people = People(world)
    world.stores["vault"].script.fail("preflight", *[denied()] * 50)
    people.pass_by()
    world.clock.move(hours=1)
    assert people.look() == ["50 matters"]
    assert people.bodies[0].count("What:") == 8
    assert "app-20: cannot be rotated" in people.bodies[0]
    assert "and 12 more" in people.bodies[0]


def test_a_policy_without_channels_tells_nobody(stuck):
    people = People(stuck, "ops", notify=())
    assert people.look() == []


def test_a_channel_that_a_policy_no_longer_names_hears_no_more(stuck):
    people = People(stuck)
    people.look()
    stuck.policies["app"] = replace(stuck.policies["app"], notify=("mail",))
    people.channels.append(Channel("mail", lambda: SecretValue("json://x")))
    people.daemons = [people.new_daemon()]
    people.look()
    stuck.clock.move(days=1)
    people.look()
    assert people.heard[1:] == [("mail", "app: the rotation needs a person")] * 2


def test_a_ledger_that_is_gone_is_told_from_memory_once_and_so_is_its_return(world):
    people = People(world)
    _, delivery = people.daemons[0]
    for _ in range(10):
        delivery.ledger_gone("The disk is full.")
        delivery.deliver()
        world.clock.move(minutes=1)
    assert people.heard == [("ops", "the ledger cannot be used")]
    delivery.ledger_back()
    delivery.deliver()
    assert people.heard[1:] == [("ops", "healed (the ledger cannot be used)")]
    delivery.ledger_gone("The disk is full.")
    delivery.ledger_back()
    delivery.deliver()
    assert len(people.heard) == 2


def test_a_part_of_the_policies_says_nothing_of_the_others(make_world):
    world = make_world(secrets=("app", "other"))
    for name in ("app", "other"):
        world.adopt(name)
    people = People(world)
    world.clock.move(days=91)
    world.stores["vault"].script.fail("preflight", *[denied()] * 9)
    people.pass_by()
    world.clock.move(hours=1)
    assert people.look() == ["2 matters"]
    del world.policies[SecretName("app")]
    people.daemons = [people.new_daemon(knows_all=False)]
    assert people.look() == []
    assert len(world.ledger.notices.remembered()) == 2
