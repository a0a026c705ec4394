"""An incident: declared in each secret's history, gone on with by the same command, reported with proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.contracts import Coexistence, IssuerTraits
from rotator.domain.model import Cause, Handle, Mode, Phase, Proof, SecretName, TokenState
from rotator.flow import incident, incident_report, returned
from rotator.flow.emergency import rotate_all
from rotator.flow.lanes import account_key
from rotator.flow.opening import Order
from rotator.flow.outlook import Account, foresee, survey
from rotator.flow.report import Outcome
from rotator.observe.events import sentence
from rotator.observe.incident import Fate, Status
from tests.fakes.scripted import denied, lost_answer, unavailable
from tests.fakes.world import A_DAY, ENV_FILE, VAULT
from tests.unit.domain.builders import ISSUER, a_policy, a_secret, a_token

USED = IssuerTraits(reports_last_use=True)


class Emergency:
    """One run of the command, without its screen."""

    def __init__(self, world, *, reason="leaked", mode=Mode.ROTATE_FIRST, anew=False):
        self.world = world
        self.runner = world.worker().runner
        tools, names = self.runner.tools, list(world.policies)
        self.incident = incident.current(tools, names, reason, anew=anew)
        self.answered = incident.answered(tools, self.incident, names)
        orders = [
            Order(policy, Cause.COMPROMISED, mode, reason=reason, since=self.incident.began)
            for policy in world.policies.values()
        ]
        self.survey = survey(tools, orders, self.answered, workers=1)
        self.reports = {}
        self.again = []

    def declare(self):
        incident.declare(self.runner.tools, self.incident, self.survey.to_do)
        return self

    def run(self):
        self.declare()
        orders = [each.order for each in self.survey.to_do]
        room = {account_key(each.account.ref): each.account.room for each in self.survey.to_do}
        for report in rotate_all(self.runner, orders, 1, room):
            self.reports[report.secret] = report
        for outlook in self.survey.outlooks:
            self.again += returned.end_again(self.runner.tools, outlook)
        return self.report()

    def report(self, *, interrupted=False):
        course = incident_report.Course(
            self.incident, "rotate now app --compromised", self.survey.outlooks, self.reports, self.again
        )
        return incident_report.write_up(self.runner.tools, course, interrupted=interrupted)

    def only(self):
        [outlook] = self.survey.outlooks
        return outlook


# --- proof ---


def test_a_contained_incident_proves_each_death_and_says_how_long_the_token_was_exposed(make_world):
    world = make_world(issuer=USED)
    world.adopt()
    used = world.clock.now()
    world.issuer_fake.alive()[0].last_used_at = used
    world.clock.move(minutes=5)
    world.hook = lambda moment: moment == "before issuer.revoke" and world.clock.move(seconds=40)
    report = Emergency(world).run()

    assert (report.status, report.is_contained) == (Status.CONTAINED, True)
    [token] = report.tokens
    assert (token.fate, token.proof, token.handle) == (Fate.DEAD, "refused", "1")
    assert token.exposed_for == timedelta(seconds=40)
    assert (token.last_used_at, token.last_use_asked_at) == (used, report.began)
    [secret] = report.secrets
    assert (secret.outcome, secret.new_handle, secret.to_do) == ("rotated", "2", "")
    assert [(place.target, place.state) for place in secret.destinations] == [("vault name=app", "CONFIRMED")]


def test_an_open_overlap_ends_too_and_both_its_tokens_are_reported(make_world):
    world = make_world(overlap=A_DAY)
    world.adopt()
    world.worker().rotate()
    begun = Emergency(world)
    assert {token.handle for token in begun.only().dying} == {"1", "2"}
    report = begun.run()
    assert {(token.handle, token.fate) for token in report.tokens} == {("1", Fate.DEAD), ("2", Fate.DEAD)}
    assert report.is_contained
    assert len(report.secrets[0].rotations) == 2


def test_a_revoke_that_is_in_vain_is_not_contained_and_says_what_to_do(world):
    world.adopt()
    world.issuer_fake.revokes_in_vain = True
    report = Emergency(world).run()
    assert report.status is Status.NOT_CONTAINED
    assert [(token.handle, token.fate) for token in report.alive] == [("1", Fate.ALIVE)]
    assert "does not refuse it yet" in report.secrets[0].to_do
    assert "`rotate resume" in report.secrets[0].to_do


def test_a_token_that_was_never_adopted_is_reported_as_alive(world):
    world.stores["vault"].put_by_hand("app", world.issuer_fake.make_by_hand().value)
    begun = Emergency(world)
    assert "`rotate adopt app`" in begun.only().needs
    report = begun.run()
    assert not report.is_contained
    assert [(token.known, token.fate) for token in report.alive] == [(False, Fate.ALIVE)]


def test_a_token_that_could_not_be_tried_is_unproven(make_world):
    world = make_world(stores={"file": ENV_FILE}, overlap=A_DAY)
    world.adopt()
    world.worker().rotate()  # its process ends, and with it the only copy of the first token's value
    report = Emergency(world).run()
    assert {token.handle: token.fate for token in report.tokens} == {"1": Fate.UNPROVEN, "2": Fate.DEAD}
    assert not report.is_contained
    assert report.secrets[0].needs_person


def test_a_lost_token_that_is_gone_on_a_persons_word_alone_is_unproven(make_world):
    world = make_world(issuer=IssuerTraits(lists=False))
    world.adopt()
    world.issuer_fake.script.fail("issue", lost_answer())
    lost = Emergency(world).run()
    assert (lost.is_contained, lost.unfinished[0].needs_person) == (False, True)
    world.worker().resume()
    report = Emergency(world).run()
    assert [(token.name, token.fate) for token in report.alive] == [(world.rotation().tokens[0].name, Fate.UNPROVEN)]
    assert not report.is_contained


def test_a_token_that_came_too_late_and_could_not_be_revoked_is_reported_and_revoked_by_the_next_run(world):
    world.adopt()

    def others_go_on(moment):
        if moment == "before issuer.issue":
            world.hook = lambda _moment: None
            world.lease_runs_out()
            world.worker().one_pass()
            world.issuer_fake.script.fail("revoke", denied())

    world.hook = others_go_on
    report = Emergency(world).run()
    [late] = world.alive() - {world.held_everywhere()}
    handle = world.issuer_fake.token_of(late).handle
    assert (handle, Fate.ALIVE) in [(token.handle, token.fate) for token in report.alive]

    again = Emergency(world)
    assert [token.handle for token in again.only().returned] == [handle]
    report = again.run()
    assert world.alive() == {world.held_everywhere()}
    assert [(token.handle, token.fate) for token in report.alive] == [(handle, Fate.UNPROVEN)]
    assert Emergency(world).run().is_contained


def test_one_bad_token_holds_up_no_other(make_world):
    world = make_world(secrets=("bad", "good"))
    world.adopt("bad")
    good = world.adopt("good")
    world.issuer_fake.script.fail("issue", denied())
    report = Emergency(world).run()
    assert {secret.secret: secret.outcome for secret in report.secrets} == {"bad": "withdrawn", "good": "rotated"}
    assert good not in world.alive()
    assert [token.secret for token in report.alive] == ["bad"]
    assert "`rotate now bad --compromised --reason leaked`" in report.unfinished[0].to_do


def test_a_plug_ins_bug_holds_up_no_other(make_world, monkeypatch):
    world = make_world(secrets=("bad", "good"), overlap=A_DAY)
    for name in ("bad", "good"):
        world.adopt(name)
        world.worker().rotate(name)
    begun = Emergency(world)
    take_over = begun.runner.retire_now

    def with_a_bug(rotation, lease):
        if rotation.secret == "bad":
            raise ZeroDivisionError
        return take_over(rotation, lease)

    monkeypatch.setattr(begun.runner, "retire_now", with_a_bug)
    begun.run()
    assert "which is a bug" in str(begun.reports[SecretName("bad")].refused)
    assert begun.reports[SecretName("good")].outcome is Outcome.ROTATED


def test_a_token_that_was_taken_for_dead_and_is_listed_again_is_revoked_again(make_world):
    world = make_world(stores={"file": ENV_FILE}, overlap=A_DAY)
    first = world.adopt()
    world.worker().rotate()
    world.worker().retire()
    assert first not in world.alive()
    world.issuer_fake.token_of(first).dies_at = None  # somebody at the issuer brought it back
    begun = Emergency(world)
    assert [token.handle for token in begun.only().returned] == ["1"]
    report = begun.run()
    assert first not in world.alive()
    assert [(token.handle, token.fate) for token in report.alive] == [("1", Fate.UNPROVEN)]
    assert "revoked again" in world.kinds_of_events()
    assert world.ledger.broken_links() == []


# --- before ---


def test_a_full_account_is_seen_before_anything_is_touched(make_world):
    world = make_world(issuer=IssuerTraits(max_active=2))
    world.adopt()
    world.issuer_fake.make_by_hand()
    begun = Emergency(world)
    assert "allows 2 tokens and has 2" in begun.only().in_the_way
    report = begun.run()
    assert not report.is_contained
    assert "--compromised --revoke-first --reason leaked`" in report.secrets[0].to_do


def test_downtime_that_was_agreed_to_makes_room(make_world):
    world = make_world(issuer=IssuerTraits(max_active=2))
    world.adopt()
    world.issuer_fake.make_by_hand()
    begun = Emergency(world)
    begun.survey = begun.survey.revoking_first()
    assert "refused until they have read the new one" in begun.only().downtime
    assert begun.run().is_contained


def test_an_issuer_that_cannot_have_two_says_so(make_world):
    world = make_world(issuer=IssuerTraits(coexistence=Coexistence.ONE))
    world.adopt()
    assert "cannot have two tokens" in Emergency(world).only().in_the_way


def test_three_tokens_share_the_last_room_of_an_account_in_turns(make_world):
    world = make_world(issuer=IssuerTraits(max_active=4), secrets=("a", "b", "c"))
    for name in "abc":
        world.adopt(name)
    begun = Emergency(world)
    assert begun.survey.in_the_way == ()
    assert begun.run().is_contained


def test_a_full_account_leaves_the_choice_between_room_and_downtime(make_world):
    world = make_world(issuer=IssuerTraits(max_active=1))
    world.adopt()
    [secret] = Emergency(world).run().secrets
    assert "Then run `rotate now app --compromised --reason leaked`." in secret.to_do
    assert "with DOWNTIME: `rotate now app --compromised --revoke-first --reason leaked`." in secret.to_do


def test_where_two_tokens_can_never_be_only_downtime_is_offered(make_world):
    world = make_world(issuer=IssuerTraits(coexistence=Coexistence.ONE))
    world.adopt()
    [secret] = Emergency(world).run().secrets
    assert "`rotate now app --compromised --reason" not in secret.to_do
    assert "with DOWNTIME: `rotate now app --compromised --revoke-first" in secret.to_do


def test_a_store_that_does_not_answer_is_told_before_anything_is_tried(make_world):
    world = make_world(stores={"vault": VAULT, "file": ENV_FILE}, secrets=("a", "b"))
    for name in "ab":
        world.adopt(name)
    before = world.stores["vault"].script.calls.count("current")
    world.stores["vault"].script.fail("current", unavailable())
    told = [outlook.unanswered for outlook in Emergency(world).survey.outlooks]
    assert all(each.startswith("vault: ") for each in told)
    assert world.stores["vault"].script.calls.count("current") == before + 1, "one place of it is enough"


def test_one_that_could_not_be_begun_is_tried_again_when_the_others_are_done(make_world):
    world = make_world(secrets=("a", "b", "c"))
    for name in "abc":
        world.adopt(name)
    begun = Emergency(world)
    world.stores["vault"].script.fail("preflight", unavailable())
    assert begun.run().is_contained
    assert list(begun.reports) == ["b", "c", "a"]


def test_a_store_that_stays_away_is_not_tried_for_ever(make_world):
    world = make_world(secrets=("a", "b"))
    for name in "ab":
        world.adopt(name)
    begun = Emergency(world)
    world.stores["vault"].script.fail("preflight", *[unavailable()] * 10)
    begun.run()
    assert [report.outcome for report in begun.reports.values()] == [Outcome.REFUSED, Outcome.REFUSED]
    assert world.stores["vault"].script.calls.count("preflight") == 2


def test_an_issuer_that_does_not_answer_is_told_and_not_raised(make_world):
    world = make_world(issuer=USED)
    world.adopt()
    world.issuer_fake.script.fail("tokens", unavailable())
    begun = Emergency(world)
    assert any("could not be asked" in note for note in begun.only().notes)
    assert begun.run().is_contained


def test_an_issuer_whose_list_would_tell_nothing_is_not_asked_for_it(world):
    world.adopt()
    before = world.issuer_fake.script.calls.count("tokens")
    Emergency(world)
    assert world.issuer_fake.script.calls.count("tokens") == before


def test_a_token_that_is_dead_only_on_a_persons_word_is_told():
    said = a_token("old", TokenState.DEAD, proof=Proof.SAID, handle=Handle("h-old"))
    order = Order(a_policy(), Cause.COMPROMISED)
    [note] = foresee(order, a_secret(), Account(ISSUER, IssuerTraits()), [said]).notes
    assert note.startswith("h-old is taken for dead on a person's word")


def test_a_rotation_that_waits_for_a_person_is_listed(world):
    world.adopt()
    world.stores["vault"].script.fail("write", denied())
    world.issuer_fake.script.fail("revoke", denied())
    world.worker().rotate()
    assert world.rotation().trouble.needs_operator
    assert "`rotate resume" in Emergency(world).only().needs


# --- again ---


def test_the_same_command_goes_on_and_rotates_nothing_twice(make_world):
    world = make_world(secrets=("done", "open"))
    for name in ("done", "open"):
        world.adopt(name)
    first = Emergency(world).declare()
    first.reports = {
        report.secret: report for report in rotate_all(first.runner, [first.survey.outlooks[0].order], workers=1)
    }
    in_force = world.stores["vault"].holds("done")
    world.clock.move(minutes=5)

    second = Emergency(world)
    assert second.incident == replace(first.incident, declared=frozenset({"done", "open"}))
    assert [outlook.name for outlook in second.survey.to_do] == ["open"]
    report = second.run()
    assert report.is_contained
    assert world.stores["vault"].holds("done") == in_force
    assert {token.secret for token in report.tokens} == {"done", "open"}
    exposed = {token.secret: token.exposed_for for token in report.tokens}
    assert exposed["open"] >= timedelta(minutes=5) > exposed["done"]
    assert [event.kind for event in world.ledger.history(SecretName("done"))].count("compromised") == 1


@pytest.mark.parametrize("how", ["another reason", "much later", "anew", "over"])
def test_another_incident_rotates_all_of_them_again(world, how):
    world.adopt()
    first = Emergency(world)
    first.run()
    if how == "over":
        incident.close(first.runner.tools, first.incident, ["app"])
    if how == "much later":
        world.clock.move(hours=13)
    second = Emergency(world, anew=how == "anew", reason="again" if how == "another reason" else "leaked")
    assert second.incident.id != first.incident.id or second.incident.began > first.incident.began
    assert not second.incident.goes_on
    leaked = world.held_everywhere()
    assert second.run().is_contained
    assert leaked not in world.alive()


def test_a_secret_whose_part_is_over_is_not_rotated_again_while_the_rest_goes_on(make_world):
    world = make_world(secrets=("done", "open"))
    for name in ("done", "open"):
        world.adopt(name)
    first = Emergency(world).declare()
    list(rotate_all(first.runner, [first.survey.outlooks[0].order], workers=1))
    incident.close(first.runner.tools, first.incident, [SecretName("done")])
    assert [outlook.name for outlook in Emergency(world).survey.to_do] == ["open"]


def test_an_answer_to_an_earlier_incident_is_taken_over_like_any_other_rotation(world):
    world.adopt()
    world.issuer_fake.revokes_in_vain = True
    Emergency(world).run()
    leaked_now = world.held_everywhere()
    world.issuer_fake.revokes_in_vain = False
    world.clock.move(hours=13)
    report = Emergency(world, reason="and again").run()
    assert report.is_contained
    assert leaked_now not in world.alive()


def test_a_report_before_the_first_rotation_names_what_is_to_die(world):
    world.adopt()
    report = Emergency(world).report(interrupted=None)
    assert report.status is Status.UNDER_WAY
    assert [(token.handle, token.fate) for token in report.tokens] == [("1", Fate.ALIVE)]
    assert report.secrets[0].outcome == "not begun"


def test_a_stopped_command_begins_nothing_more_and_says_what_is_left(make_world):
    world = make_world(secrets=("a", "b"))
    for name in "ab":
        world.adopt(name)
    begun = Emergency(world)
    world.hook = lambda moment: moment == "before issuer.issue" and world.clock.stop()
    begun.run()
    report = begun.report(interrupted=True)
    assert report.status is Status.INTERRUPTED
    assert world.secret("b").open is None
    assert {secret.secret: secret.needs_person for secret in report.secrets} == {"a": False, "b": False}
    assert "stopped before its turn" in report.unfinished[1].to_do


def test_earlier_values_that_were_put_away_are_told_where_the_event_tells(world, monkeypatch):
    world.adopt()
    begun = Emergency(world)
    begun.run()
    history = world.ledger.history(SecretName("app"))
    told = [
        replace(event, detail={**event.detail, "put_away": {"vault name=app": "done"}})
        if event.kind == "retired"
        else event
        for event in history
    ]
    monkeypatch.setattr(world.ledger, "history", lambda _name: told)
    assert [place.put_away for place in begun.report().secrets[0].destinations] == ["done"]
    assert world.rotation().phase is Phase.RETIRED


@pytest.mark.parametrize("phase", [Phase.CONFIRMED, Phase.RETIRED])
def test_a_version_that_a_neighbour_needs_is_told_as_kept_until_that_one_is_rotated(world, monkeypatch, phase):
    world.adopt()
    begun = Emergency(world)
    begun.run()
    told = [
        replace(event, detail={**event.detail, "left": {"vault name=app": ["20261122-0000"]}})
        if event.kind == "retired"
        else event
        for event in world.ledger.history("app")
    ]
    left_to = replace(world.rotation(), id="20261122-0000", secret=SecretName("web"), phase=phase)
    rotation = world.ledger.rotation
    monkeypatch.setattr(world.ledger, "history", lambda _name: told)
    monkeypatch.setattr(world.ledger, "rotation", lambda id_: left_to if id_ == left_to.id else rotation(id_))
    [place] = begun.report().secrets[0].destinations
    kept = "kept until web, whose old token is in it too, is rotated"
    assert place.put_away == (kept if phase is Phase.CONFIRMED else "done")
    assert "left to the rotation that needs it for its own proof: vault name=app: 20261122-0000" in sentence(told[-1])


def test_stores_without_versions_have_nothing_to_tell(make_world):
    world = make_world(stores={"vault": VAULT, "file": ENV_FILE})
    world.adopt()
    assert {place.put_away for place in Emergency(world).run().secrets[0].destinations} <= {None, "done"}
