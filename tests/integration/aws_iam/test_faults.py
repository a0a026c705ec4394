"""What goes wrong between us and IAM, and what is never claimed because of it."""

from __future__ import annotations

import logging

import pytest

from providers.issuers.aws_iam.forms import AccessKey, Form, read, written
from rotator.domain import plan
from rotator.domain.contracts import NoBudget, Revocation, Verdict
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from rotator.domain.model import Handle, Mode
from rotator.domain.secret_value import SecretValue
from tests.fakes.aws_iam import Key, iam
from tests.integration.aws_iam.setting import access_with, opened, request


@pytest.fixture(autouse=True)
def _botocore_does_not_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def value_of(key: Key) -> SecretValue:
    return written(AccessKey(key.id, SecretValue(key.secret)), Form.JSON)


# --- create ---


def test_a_create_whose_answer_is_lost_is_sent_once_and_its_key_is_one_that_is_new(fake, user, issuer):
    before = {info.handle for info in issuer.tokens()}
    fake.lose_answer("CreateAccessKey")
    with pytest.raises(Ambiguous):
        issuer.issue(request())
    assert fake.calls.count("CreateAccessKey") == 1
    [lost] = [info for info in issuer.tokens() if info.handle not in before]
    assert lost.last_used_at is None
    assert [key.id for key in fake.keys_of(user)] == [lost.handle]


@pytest.mark.parametrize("length", [0, 200, 330])
def test_a_create_whose_answer_is_cut_short_may_have_been_done_and_shows_nothing_of_it(fake, user, issuer, length):
    fake.cut_answer("CreateAccessKey", length)
    with pytest.raises(Ambiguous) as caught:
        issuer.issue(request())
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert len(fake.keys_of(user)) == 1


@pytest.mark.parametrize(
    ("status", "code", "family"),
    [
        (500, "ServiceFailure", Ambiguous),
        (503, "ServiceUnavailable", Ambiguous),
        (400, "Throttling", Temporary),
        (409, "ConcurrentModification", Temporary),
        (409, "EntityTemporarilyUnmodifiable", Temporary),
        (403, "SomethingNew", Permanent),
    ],
)
def test_each_refusal_of_a_create_is_sent_once(fake, user, issuer, status, code, family):
    fake.refuse("CreateAccessKey", status, code)
    with pytest.raises(family) as caught:
        issuer.issue(request())
    assert type(caught.value) is family
    assert fake.calls == ["CreateAccessKey"]


def test_a_third_key_is_refused_for_good_and_neither_of_the_two_is_touched(fake, user, issuer):
    keys = [fake.key_by_hand(user), fake.key_by_hand(user)]
    with pytest.raises(Permanent, match="no third") as caught:
        issuer.issue(request())
    assert "list-access-keys" in caught.value.remedy
    assert fake.keys_of(user) == keys
    assert all(key.active for key in keys)


def test_an_inactive_key_takes_a_place_and_the_plan_says_so_before_anything_is_made(fake, user, issuer):
    sleeping, used = fake.key_by_hand(user), fake.key_by_hand(user)
    sleeping.active = False
    in_the_way = plan.obstacle(issuer.traits, issuer.tokens(), Mode.ROTATE_FIRST)
    assert in_the_way == f"the issuer allows 2 tokens and has 2 ({sleeping.id}, {used.id})"


def test_a_key_that_should_expire_is_refused_before_anything_is_sent(fake, issuer):
    with pytest.raises(Permanent, match="cannot expire"):
        issuer.issue(request("90 days"))
    assert fake.calls == []


def test_a_user_that_is_not_there_is_told_by_name(fake, fake_manager):
    issuer = opened(fake.url, "nobody", fake_manager)
    with pytest.raises(Permanent, match=r"user nobody .*no such user"):
        issuer.issue(request())
    with pytest.raises(NeedsOperator, match="user nobody"):
        issuer.tokens()


def test_a_create_to_an_address_that_nobody_answers_at_made_nothing(fake, user, fake_manager):
    with iam(fake.clock) as gone:
        url = gone.url
    with pytest.raises(Temporary, match="could not be reached") as caught:
        opened(url, user, access_with(fake.manager.id, fake.manager.secret)).issue(request())
    assert not isinstance(caught.value, Ambiguous)


def test_who_is_throttled_tells_the_budget(fake, user):
    class Told(NoBudget):
        times = 0

        def throttled(self, retry_after):
            self.times += 1

    access = access_with(fake.manager.id, fake.manager.secret)
    access.budget = Told()
    fake.refuse("CreateAccessKey", 400, "Throttling", "Rate exceeded")
    with pytest.raises(Temporary, match="throttles"):
        opened(fake.url, user, access).issue(request())
    assert access.budget.times == 1


# --- list ---


def test_a_list_of_several_pages_is_whole(fake, user, issuer):
    keys = [fake.key_by_hand(user), fake.key_by_hand(user)]
    fake.page_size = 1
    assert [info.handle for info in issuer.tokens()] == [key.id for key in keys]


def test_a_list_that_fails_changed_nothing(fake, user, issuer):
    fake.refuse("ListAccessKeys", 500, "ServiceFailure", times=3)
    with pytest.raises(Temporary) as caught:
        issuer.tokens()
    assert not isinstance(caught.value, Ambiguous)


def test_a_key_that_vanishes_while_the_list_is_read_is_left_out(fake, user, issuer):
    kept, gone = fake.key_by_hand(user), fake.key_by_hand(user)
    fake.refuse("GetAccessKeyLastUsed", 404, "NoSuchEntity")
    assert [info.handle for info in issuer.tokens()] == [gone.id]
    assert kept.id in {key.id for key in fake.keys_of(user)}


# --- verify ---


def test_a_new_key_is_refused_until_aws_knows_it(fake, user, issuer):
    fake.lag = issuer.traits.issue_propagation / 5
    value = issuer.issue(request()).value
    assert issuer.verify(value).verdict is Verdict.INVALID
    fake.clock.wait(fake.lag)
    assert issuer.verify(value).verdict is Verdict.VALID


def test_consumers_do_not_get_a_key_that_only_sts_knows_yet(fake, user, fake_manager):
    issuer = opened(fake.url, user, fake_manager, {"propagation": "15s"})
    value = issuer.issue(request()).value
    young = issuer.verify(value)
    assert (young.verdict, young.handle) == (Verdict.INDETERMINATE, None)
    assert "made just now" in young.reason
    fake.clock.move(seconds=15)
    assert issuer.verify(value).verdict is Verdict.VALID


def test_a_deleted_key_is_accepted_until_all_of_aws_knows(fake, user, issuer):
    issued = issuer.issue(request())
    fake.lag = issuer.traits.revoke_propagation / 5
    assert issuer.revoke(issued.handle) is Revocation.DONE
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    fake.clock.wait(fake.lag)
    assert issuer.verify(issued.value).verdict is Verdict.INVALID


def test_a_wrong_secret_does_not_prove_that_its_key_is_dead(fake, user, issuer):
    key = AccessKey(fake.key_by_hand(user).id, SecretValue("of-another-key-but-quite-long"))
    verification = issuer.verify(written(key, Form.JSON))
    assert verification.verdict is Verdict.INDETERMINATE
    assert "clock is wrong" in verification.reason


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDenied"), (403, "SignatureDoesNotMatch"), (400, "Throttling"), (500, "InternalFailure"),
        (503, "ServiceUnavailable"), (400, "InvalidClientTokenId"), (403, "OptInRequired"), (400, "RequestExpired"),
    ],
)  # fmt: skip
def test_no_other_answer_proves_life_or_death(fake, user, issuer, status, code):
    fake.refuse("GetCallerIdentity", status, code, times=3)
    verification = issuer.verify(value_of(fake.key_by_hand(user)))
    assert verification.verdict is Verdict.INDETERMINATE
    assert code in verification.reason


def test_no_answer_proves_nothing(fake, user, issuer):
    fake.lose_answer("GetCallerIdentity", times=3)
    assert issuer.verify(value_of(fake.key_by_hand(user))).verdict is Verdict.INDETERMINATE


def test_the_key_of_another_user_is_not_ours(fake, issuer):
    other = fake.new_user()
    verification = issuer.verify(value_of(fake.key_by_hand(other)))
    assert verification.verdict is Verdict.INDETERMINATE
    assert f"user/{other}" in verification.reason


@pytest.mark.parametrize("half", ["AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"])
def test_half_of_a_pair_is_not_sent(fake, issuer, half):
    verification = issuer.verify(SecretValue(half))
    assert verification.verdict is Verdict.INDETERMINATE
    assert fake.calls == []


# --- revoke ---


def test_a_key_is_deactivated_before_it_is_deleted(fake, user, issuer):
    key = fake.key_by_hand(user)
    assert issuer.revoke(Handle(key.id)) is Revocation.DONE
    assert fake.calls == ["UpdateAccessKey", "DeleteAccessKey"]


def test_what_stopped_after_the_deactivation_is_finished_when_asked_again(fake, user, issuer):
    key = fake.key_by_hand(user)
    fake.refuse("DeleteAccessKey", 500, "ServiceFailure", times=3)
    with pytest.raises(Ambiguous):
        issuer.revoke(Handle(key.id))
    assert issuer.verify(value_of(key)).verdict is Verdict.INVALID
    assert issuer.revoke(Handle(key.id)) is Revocation.DONE
    assert fake.keys_of(user) == []


@pytest.mark.parametrize("operation", ["UpdateAccessKey", "DeleteAccessKey"])
def test_a_lost_answer_on_the_way_to_the_end_is_asked_for_again(fake, user, issuer, operation):
    key, neighbour = fake.key_by_hand(user), fake.key_by_hand(user)
    fake.lose_answer(operation)
    issuer.revoke(Handle(key.id))
    assert fake.keys_of(user) == [neighbour]


def test_the_key_of_another_user_is_not_called_gone(fake, issuer):
    other = fake.new_user()
    key = fake.key_by_hand(other)
    with pytest.raises(NeedsOperator, match=f"belongs to the user {other}"):
        issuer.revoke(Handle(key.id))
    assert (key.active, key.deleted) == (True, False)


def test_the_key_that_the_connection_itself_uses_is_not_ended(fake, fake_manager, known_values):
    known_values.not_secret(fake.manager.id)
    issuer = opened(fake.url, fake.manager.user, fake_manager)
    with pytest.raises(NeedsOperator, match="the connection itself uses"):
        issuer.revoke(Handle(fake.manager.id))
    assert fake.calls == []


# --- who we are, and keeping quiet ---


def test_a_role_that_is_not_given_is_no_missing_right_to_list(fake, user, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", fake.url)
    access = access_with(fake.manager.id, fake.manager.secret)
    issuer = opened(fake.url, user, access, {"role_arn": "arn:aws:iam::123456789012:role/rotator"})
    fake.refuse("AssumeRole", 403, "AccessDenied")
    with pytest.raises(NeedsOperator, match="take the connection's role on") as caught:
        issuer.tokens()
    assert "trust policy" in caught.value.remedy
    fake.refuse("AssumeRole", 503, "ServiceUnavailable", times=5)
    with pytest.raises(Temporary):
        issuer.tokens()


def test_not_even_a_debug_log_holds_a_secret(fake, user, caplog):
    caplog.set_level(logging.DEBUG)
    issuer = opened(fake.url, user, access_with(fake.manager.id, fake.manager.secret))
    issued = issuer.issue(request())
    issuer.verify(issued.value)
    key = read(issued.value)
    assert key is not None
    assert key.secret.reveal() not in caplog.text
    assert fake.manager.secret not in caplog.text
