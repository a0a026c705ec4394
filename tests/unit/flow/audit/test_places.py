"""What destinations hold, held against the ledger: our token, another one, nothing, or nobody can tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rotator.domain.contracts import IssuerTraits
from rotator.domain.model import ConnectionName, Target
from tests.fakes.memory_store import MemoryStore
from tests.fakes.scripted import denied, unavailable
from tests.fakes.world import A_DAY, ENV_FILE, HEROKU, VAULT
from tests.unit.flow.audit.auditing import audited, kinds, notes, only


def test_a_strangers_value_is_drift(world):
    world.adopt()
    world.stores["vault"].put_by_hand("app", "sk_a-value-of-somebody-else")
    found = only(audited(world))
    assert (found.kind, found.where, found.secret) == ("drift", "vault name=app", "app")
    assert "`rotate now app`" in found.remedy


def test_an_earlier_token_of_ours_is_told_from_a_strangers_value(world):
    old = world.adopt()
    world.worker().rotate()
    dead = world.rotation().old
    world.stores["vault"].put_by_hand("app", old)
    found = only(audited(world))
    assert (found.kind, found.weight, found.since) == ("earlier-token", "urgent", dead.ended_at)
    assert f"{dead.handle}, an earlier token, dead since" in found.what


def test_an_old_token_that_was_put_back_during_its_overlap_is_about_to_die_under_its_consumers(make_world):
    world = make_world(overlap=A_DAY)
    old = world.adopt()
    world.worker().rotate()
    world.stores["vault"].put_by_hand("app", old)
    assert "again, the old token, which is to be revoked" in only(audited(world)).what


def test_the_token_of_another_secret_is_named_with_its_secret(make_world):
    world = make_world(secrets=("app", "other"))
    world.adopt("app")
    value = world.adopt("other")
    world.stores["vault"].put_by_hand("app", value)
    found = only(audited(world))
    assert (found.kind, found.secret) == ("earlier-token", "app")
    assert "of other" in found.what


def test_a_place_that_is_gone_or_holds_no_token_is_told(make_world):
    world = make_world(stores={"vault": VAULT, "file": ENV_FILE})
    world.adopt()
    world.stores["vault"] = MemoryStore(VAULT)
    world.stores["file"].put_by_hand("app", "")
    result = audited(world)
    assert kinds(result) == ["empty", "empty"]
    assert [finding.what.partition(",")[0] for finding in result.findings] == ["It holds no token", "It does not exist"]


def test_a_place_that_may_hold_either_token_of_a_rotation_on_its_way_is_not_judged(make_world):
    world = make_world(stores={"vault": VAULT, "file": ENV_FILE})
    world.adopt()
    world.stores["file"].script.fail("write", denied())
    world.worker().rotate()
    assert world.stores["vault"].holds("app") != world.stores["file"].holds("app")
    assert audited(world).findings == ()


@pytest.mark.parametrize("error", [unavailable(), denied()])
def test_a_place_that_cannot_be_asked_is_told_and_hides_no_other(make_world, error):
    world = make_world(stores={"vault": VAULT, "file": ENV_FILE})
    world.adopt()
    world.stores["vault"].script.fail("current", error)
    world.stores["file"].put_by_hand("app", "sk_a-value-of-somebody-else")
    result = audited(world)
    assert kinds(result) == ["drift", "not-asked"]
    assert result.findings[1].where == "vault name=app"


def test_what_nobody_can_read_is_compared_by_the_version_that_we_left(make_world):
    world = make_world(stores={"heroku": HEROKU})
    world.adopt()
    world.worker().rotate()
    assert kinds(audited(world)) == []
    world.stores["heroku"].put_by_hand("app", "sk_a-value-of-somebody-else")
    found = only(audited(world))
    assert found.kind == "drift"
    assert "cannot be read" in found.what


def test_what_nobody_can_read_and_we_never_wrote_is_a_note(make_world):
    world = make_world(stores={"heroku": HEROKU})
    world.adopt()
    result = audited(world)
    assert (kinds(result), notes(result)) == ([], ["cannot-tell"])


def test_a_place_that_came_into_the_policy_after_the_last_rotation_is_not_drift(make_world):
    world = make_world(stores={"vault": VAULT})
    world.adopt()
    world.worker().rotate()
    world.stores["new"] = MemoryStore(VAULT)
    policy = world.policies["app"]
    world.policies["app"] = replace(policy, targets=(*policy.targets, Target(ConnectionName("new"), {"name": "app"})))
    found = only(audited(world))
    assert (found.kind, found.where) == ("not-written", "new name=app")
    world.stores["new"].put_by_hand("app", world.stores["vault"].holds("app"))
    assert audited(world).findings == ()


def test_a_place_that_left_the_policy_keeps_a_token_that_will_die(make_world):
    world = make_world(stores={"vault": VAULT, "file": ENV_FILE})
    world.adopt()
    world.worker().rotate()
    policy = world.policies["app"]
    world.policies["app"] = replace(policy, targets=policy.targets[:1])
    found = only(audited(world))
    assert (found.kind, found.where) == ("left-behind", "file name=app")


@pytest.mark.parametrize("store", [VAULT, HEROKU], ids=["readable", "write-only"])
def test_a_place_that_the_policy_describes_in_other_words_is_not_called_left_behind(make_world, store):
    world = make_world(stores={"store": store})
    world.adopt()
    world.worker().rotate()
    policy = world.policies["app"]
    other_words = Target(ConnectionName("store"), {"name": "app", "create": False})
    world.policies["app"] = replace(policy, targets=(other_words,))
    assert kinds(audited(world)) == []


def test_a_place_is_judged_though_its_issuer_cannot_be_asked(world):
    world.adopt()
    world.issuer_fake.script.fail("tokens", unavailable())
    world.stores["vault"].put_by_hand("app", "sk_a-value-of-somebody-else")
    assert kinds(audited(world)) == ["drift", "not-asked"]


def test_an_issuer_that_lists_nothing_and_does_not_answer_is_told(make_world):
    world = make_world(issuer=IssuerTraits(lists=False, binds_value_to_handle=True))
    world.adopt()
    world.issuer_fake.script.fail("verify", unavailable())
    assert kinds(audited(world)) == ["not-asked"]
