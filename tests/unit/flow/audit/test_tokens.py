"""What issuers list, held against the ledger: whose is what, and is what should live alive and what should not dead?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from rotator.domain.contracts import IssuerTraits, NameRules
from rotator.domain.durations import Duration
from rotator.domain.model import Handle, TokenName
from rotator.flow import adoption
from rotator.ledger.tables import secrets
from tests.fakes.world import A_DAY, BY_HAND, ENV_FILE
from tests.unit.flow.audit.auditing import audited, kinds, notes, only


def test_where_everything_is_as_it_should_be_nothing_is_found(world):
    world.adopt()
    world.worker().rotate()
    result = audited(world)
    assert result.findings == ()
    assert (result.secrets, result.accounts, result.tokens, result.places) == (1, 1, 1, 1)


def test_an_old_token_in_its_overlap_is_as_it_should_be(make_world):
    world = make_world(overlap=A_DAY)
    world.adopt()
    world.worker().rotate()
    assert len(world.alive()) == 2
    assert audited(world).findings == ()


def test_nobodys_token_is_named_and_left_alone(world):
    world.adopt()
    stranger = world.issuer_fake.make_by_hand("ci-deploy")
    found = only(audited(world))
    assert (found.kind, found.where, found.secret) == ("nobodys", "issuer", None)
    assert "“ci-deploy”" in found.what
    assert (found.token.handle, found.since) == (stranger.handle, stranger.created_at)
    assert world.issuer_fake.accepts(stranger.value)


def test_a_name_of_somebody_elses_choosing_brings_no_control_characters_to_a_terminal(world):
    world.adopt()
    world.issuer_fake.make_by_hand("ok\x1b[2J\u202egone")
    assert "“ok?[2J?gone”" in only(audited(world)).what


@pytest.mark.parametrize("name", ["app-k3j4x2q", "app-aaaaaaa"])
def test_a_token_with_a_mark_of_ours_is_called_probably_ours(world, name):
    world.adopt()
    world.issuer_fake.make_by_hand(name)
    assert only(audited(world)).kind == "orphan"


@pytest.mark.parametrize("name", ["other-k3j4x2q", "app-k3j4x21", "app-k3j4x2", "app_k3j4x2q", "app"])
def test_a_name_that_only_looks_like_ours_is_somebody_elses(world, name):
    world.adopt()
    world.issuer_fake.make_by_hand(name)
    assert only(audited(world)).kind == "nobodys"


def test_a_mark_is_known_in_a_name_that_was_cut_to_the_issuers_length(make_world):
    world = make_world(issuer=IssuerTraits(names=NameRules(max_length=10)))
    world.adopt()
    world.issuer_fake.make_by_hand("ap-k3j4x2q")
    assert only(audited(world)).kind == "orphan"
    world.issuer_fake.with_traits(names=NameRules(max_length=11))
    assert only(audited(world)).kind == "nobodys", "there is room for `app`, so that is no name of ours"


def test_a_token_that_counts_as_dead_and_is_listed_is_urgent(world):
    world.adopt()
    world.worker().rotate()
    old = world.rotation().old
    world.issuer_fake.token_of(world.issuer_fake.made()[0].value).dies_at = None
    world.clock.move(hours=1)
    found = only(audited(world))
    assert (found.kind, found.weight, found.secret, found.since) == ("undead", "urgent", "app", old.ended_at)
    assert found.token.handle == old.handle


def test_a_token_that_died_a_moment_ago_may_still_be_listed(world):
    world.adopt()
    world.worker().rotate()
    world.issuer_fake.made()[0].dies_at = world.clock.now() + timedelta(seconds=30)
    assert audited(world).findings == ()


def test_a_token_that_was_taken_for_never_made_and_lives_is_urgent(world):
    world.adopt()
    world.issuer_fake.lose_the_next_create(arrives_after=timedelta(days=1))
    world.worker().rotate()
    world.clock.move(days=2)
    found = only(audited(world))
    assert (found.kind, found.secret) == ("undead", "app")
    assert "never made" in found.what


def test_a_handle_that_was_given_to_another_token_is_not_a_dead_one_alive(make_world):
    world = make_world(issuer=IssuerTraits(reuses_handles=True))
    world.adopt()
    world.worker().rotate()
    dead = world.rotation().old.handle
    again = world.issuer_fake.make_by_hand("somebody-elses")
    assert again.handle == dead
    world.clock.move(hours=1)
    assert only(audited(world)).kind == "nobodys"


def test_a_token_in_force_that_somebody_ended_is_urgent(world):
    world.adopt()
    world.issuer_fake.revoke_by_hand(world.secret().current.handle)
    found = only(audited(world))
    assert (found.kind, found.weight, found.secret) == ("ended", "urgent", "app")
    assert "`rotate now app`" in found.remedy


def test_a_new_token_that_its_issuer_does_not_list_yet_is_not_missed(make_world):
    world = make_world(issuer=IssuerTraits(issue_propagation=timedelta(hours=1)))
    world.adopt()
    world.worker().rotate()
    world.issuer_fake.token_of(world.held_everywhere()).known_from += timedelta(hours=1)
    assert audited(world).findings == ()


def test_a_token_that_was_replaced_by_an_adoption_and_lives_on_is_left_over(world):
    """As ledgers have it from before such a token was ended by a rotation."""
    world.adopt()
    first = world.secret().current.handle
    with world.ledger._database.writing() as connection:
        connection.execute(update(secrets).values(current_token=None))
    world.adopt()
    found = only(audited(world))
    assert (found.kind, found.token.handle, found.secret) == ("left-over", first, "app")


def test_the_token_of_a_policy_that_was_never_adopted_is_found_by_its_name(world):
    made = world.issuer_fake.make_by_hand("app")
    found = only(audited(world))
    assert (found.kind, found.token.handle) == ("not-adopted", made.handle)
    assert f"`rotate adopt app --handle {made.handle}`" in found.remedy


def test_a_command_can_be_pasted_whatever_an_issuer_calls_its_tokens(world):
    for made in [world.issuer_fake.make_by_hand(name) for name in ("app", "made in 2019")]:
        made.handle = Handle(f"{made.name}; id")
    nobodys, not_adopted = audited(world).findings[:2]
    assert "`rotate adopt app --handle 'made in 2019; id'`" in nobodys.remedy
    assert "`rotate adopt app --handle 'app; id'`" in not_adopted.remedy


def test_where_a_policy_was_never_adopted_a_stranger_may_be_its_token(world):
    made = world.issuer_fake.make_by_hand("made in 2019")
    nobodys, not_adopted = audited(world).findings[:2]
    assert (nobodys.kind, not_adopted.kind) == ("nobodys", "not-adopted")
    assert f"`rotate adopt app --handle {made.handle}`" in nobodys.remedy


@pytest.mark.parametrize(("days", "found"), [(6, []), (8, ["unused"])])
def test_a_token_that_only_we_ever_used_is_not_needed_by_anybody(make_world, days, found):
    world = make_world(issuer=IssuerTraits(reports_last_use=True))
    world.adopt()
    world.worker().rotate()
    world.clock.move(days=days)
    assert kinds(audited(world)) == found


@pytest.mark.parametrize(("days", "found"), [(29, []), (31, ["unused"])])
def test_a_token_that_was_used_once_and_long_ago_is_unused(make_world, days, found):
    world = make_world(issuer=IssuerTraits(reports_last_use=True))
    world.adopt()
    world.clock.move(days=1)
    made = world.issuer_fake.made()[0]
    made.last_used_at = world.clock.now()
    world.clock.move(days=days)
    result = audited(world)
    assert kinds(result) == found
    assert all(finding.since == made.last_used_at for finding in result.findings)


def test_where_the_issuer_does_not_tell_the_last_use_nothing_counts_as_unused(world):
    world.adopt()
    world.clock.move(days=80)
    assert audited(world).findings == ()


def test_an_expired_stranger_is_nobodys_trouble(world):
    world.adopt()
    world.issuer_fake.make_by_hand().expires_at = world.clock.now() + timedelta(days=1)
    world.clock.move(days=2)
    assert audited(world).findings == ()


def test_an_issuer_that_lists_nothing_is_asked_about_the_values_that_places_hold(make_world):
    world = make_world(issuer=IssuerTraits(lists=False, binds_value_to_handle=True), stores={"file": ENV_FILE})
    world.adopt()
    result = audited(world)
    assert (kinds(result), notes(result)) == ([], ["cannot-tell"])
    world.issuer_fake.revoke_by_hand(world.secret().current.handle)
    found = only(audited(world))
    assert (found.kind, found.where) == ("ended", "file name=app")


def test_an_issuer_by_hand_is_never_asked_for_a_list(make_world):
    world = make_world(issuer=replace(BY_HAND, lists=True, binds_value_to_handle=True))
    made = world.issuer_fake.make_by_hand()
    world.stores["vault"].put_by_hand("app", made.value)
    adoption.adopt(world.worker().runner.tools, world.policies["app"], None)
    world.issuer_fake.script.calls.clear()
    assert kinds(audited(world)) == []
    assert world.issuer_fake.script.calls == ["verify"]


def test_an_issuer_that_lists_is_not_asked_about_values_because_that_would_count_as_a_use(world):
    world.adopt()
    world.issuer_fake.script.calls.clear()
    audited(world)
    assert world.issuer_fake.script.calls == ["tokens"]


def test_a_token_that_was_renamed_at_its_issuer_is_still_ours(world):
    world.adopt()
    world.issuer_fake.made()[0].name = TokenName("renamed")
    assert audited(world).findings == ()


def test_an_expiry_that_the_issuer_shortened_is_believed(make_world):
    world = make_world()
    world.policies["app"] = replace(world.policies["app"], lifetime=Duration.parse("90 days"))
    world.adopt()
    world.worker().rotate()
    world.issuer_fake.token_of(world.held_everywhere()).expires_at = world.clock.now() + timedelta(days=10)
    found = only(audited(world))
    assert found.kind == "expires-first"
    assert "earlier than it was made to" in found.what


def test_a_token_that_was_adopted_twice_is_not_left_over(world):
    world.adopt()
    adoption.adopt(world.worker().runner.tools, world.policies["app"], world.secret().current.handle)
    assert audited(world).findings == ()
