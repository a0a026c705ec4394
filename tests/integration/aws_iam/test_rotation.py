"""Whole rotations of an access key: by the engine, with the two places that AWS gives and with lists without names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.issuers.aws_iam.forms import AccessKey, Form, written
from providers.issuers.aws_iam.issuer import AccessKeyIssuer
from rotator.domain.contracts import StoreTraits
from rotator.domain.model import Cause, IssuerRef, Mode, Phase, Proof
from rotator.domain.secret_value import SecretValue
from rotator.flow import adoption
from rotator.flow.inspection import inspect
from rotator.flow.report import Outcome
from rotator.testing.access import DictionaryAccess
from tests.fakes.aws_iam import Iam, Key
from tests.fakes.world import HEROKU, VAULT, World
from tests.integration.aws_iam.setting import opened


class WorldOnAws(World):
    """Stores in memory and a real ledger; the issuer is ours, and the fake account holds the truth."""

    def __init__(self, folder: Path, iam: Iam, access: DictionaryAccess, store: StoreTraits) -> None:
        super().__init__(folder, stores={"store": store})
        self.clock = iam.clock
        self.iam, self.user = iam, iam.new_user()
        self.opened = opened(iam.url, self.user, access, {"propagation": "15s"})
        self.old = iam.key_by_hand(self.user)
        value = written(AccessKey(self.old.id, SecretValue(self.old.secret)), Form.JSON).reveal()
        self.stores["store"].put_by_hand("app", value)
        self.clock.move(hours=1)
        handle = None if store.readable else self.old.id
        adoption.adopt(self.worker().runner.tools, self.policies["app"], handle)

    def issuer(self, _ref: IssuerRef) -> AccessKeyIssuer:
        return self.opened

    def listed(self) -> list[Key]:
        return self.iam.keys_of(self.user)

    def assert_one_key_is_left_and_in_force(self) -> None:
        [key] = self.listed()
        assert key is not self.old
        assert key.id in self.held_everywhere()
        assert key.secret in self.held_everywhere()


@pytest.fixture(autouse=True)
def _botocore_does_not_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.fixture
def store() -> StoreTraits:
    return VAULT


@pytest.fixture
def world(tmp_path: Path, fake: Iam, fake_manager: DictionaryAccess, store: StoreTraits) -> Iterator[WorldOnAws]:
    made = WorldOnAws(tmp_path, fake, fake_manager, store)
    yield made
    made.ledger.close()


def test_the_check_before_the_first_rotation_hears_aws_itself_refuse_garbage(world: WorldOnAws) -> None:
    first, *_ = inspect(world, world.policies["app"])
    assert (first.error, first.said) == (None, "logged in; 1 token")
    assert world.iam.calls[-1] == "GetCallerIdentity"


def test_the_new_key_is_in_force_and_the_old_one_is_refused(world: WorldOnAws) -> None:
    report = world.worker().rotate()
    assert report.outcome is Outcome.ROTATED
    assert report.rotation.old.proof is Proof.REFUSED
    world.assert_one_key_is_left_and_in_force()


def test_an_account_that_is_slow_to_know_is_waited_for(world: WorldOnAws) -> None:
    world.iam.lag = world.opened.traits.issue_propagation / 2
    assert world.worker().rotate().outcome is Outcome.ROTATED
    world.assert_one_key_is_left_and_in_force()


def test_a_key_whose_creation_was_not_answered_is_found_deleted_and_made_again(world: WorldOnAws) -> None:
    world.iam.lose_answer("CreateAccessKey")
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.iam.calls.count("CreateAccessKey") == 2
    lost, new = [key for key in world.iam.keys if key.user == world.user and key is not world.old]
    assert lost.deleted
    assert lost.used_at is None
    assert not new.deleted
    world.assert_one_key_is_left_and_in_force()


def test_a_key_that_somebody_used_is_never_taken_for_a_lost_one(world: WorldOnAws) -> None:
    """The other one may have been made by hand while ours was asked for."""
    world.iam.refuse("CreateAccessKey", 500, "ServiceFailure")
    world.iam.refuse("CreateAccessKey", 500, "ServiceFailure")
    theirs: list[Key] = []

    def somebody_makes_one(moment: str) -> None:
        if "CreateAccessKey" in world.iam.calls and not theirs:
            theirs.append(world.iam.key_by_hand(world.user))
            theirs[0].used_at = world.clock.now()

    world.hook = somebody_makes_one
    world.worker().rotate()
    assert theirs
    assert not theirs[0].deleted
    assert theirs[0].active


def test_two_keys_are_an_obstacle_that_is_named_before_anything_is_made(world: WorldOnAws) -> None:
    stranger = world.iam.key_by_hand(world.user)
    report = world.worker().rotate()
    assert report.outcome is Outcome.REFUSED
    assert stranger.id in str(report.refused)
    assert "CreateAccessKey" not in world.iam.calls
    assert world.listed() == [world.old, stranger]


def test_a_key_that_somebody_else_made_meanwhile_leaves_the_old_one_in_force(world: WorldOnAws) -> None:
    world.iam.refuse("CreateAccessKey", 409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
    report = world.worker().rotate()
    assert report.outcome is Outcome.WITHDRAWN
    assert report.rotation.phase is Phase.WITHDRAWN
    assert world.listed() == [world.old]
    assert world.old.id in world.held_everywhere()


def test_with_two_keys_containment_first_makes_room(world: WorldOnAws) -> None:
    stranger = world.iam.key_by_hand(world.user)
    report = world.worker().rotate(cause=Cause.COMPROMISED, mode=Mode.REVOKE_FIRST)
    assert report.outcome is Outcome.ROTATED
    assert world.old.deleted
    assert next(key for key in world.listed() if key is not stranger).id in world.held_everywhere()
    assert not stranger.deleted


def test_a_deletion_that_fails_is_finished_later_and_the_key_is_dead_meanwhile(world: WorldOnAws) -> None:
    world.iam.denied.add("DeleteAccessKey")
    report = world.worker().rotate()
    assert report.outcome is Outcome.UNFINISHED
    assert "iam:DeleteAccessKey" in report.rotation.trouble.remedy
    assert not world.old.works(world.clock.now())
    world.iam.denied.clear()
    assert world.worker().resume().phase is Phase.RETIRED
    world.assert_one_key_is_left_and_in_force()


@pytest.mark.parametrize("store", [HEROKU], ids=["write-only"])
def test_two_places_and_a_lost_value_in_a_store_that_cannot_be_read_need_a_person(world: WorldOnAws) -> None:
    """The lost key may be in use, the old one is: neither may be deleted, and there is no place for a third."""
    with world.killed_at("after store.write"):
        world.worker().rotate()
    world.lease_runs_out()
    rotation = world.worker().resume()
    assert rotation.trouble.needs_operator
    assert "no third" in rotation.trouble.what
    assert len(world.listed()) == 2
