"""What is peculiar to secret ids: what a lookup proves, whose they are, and the tokens that outlive them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.domain.contracts import Issuer, Revocation, Verdict
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from rotator.testing.issuer_contract import find
from tests.integration.openbao_approle.setting import Role, made, request
from tests.servers.openbao import OpenBao


def test_what_the_lookup_says_is_what_a_login_says(role: Role, issuer: Issuer) -> None:
    issued = made(issuer)
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    assert role.login(issued.value.reveal()) is not None
    issuer.revoke(issued.handle)
    assert issuer.verify(issued.value).verdict is Verdict.INVALID
    assert role.login(issued.value.reveal()) is None


def test_asking_takes_none_of_its_uses(role: Role, issuer: Issuer) -> None:
    value = SecretValue(role.by_hand(num_uses=1)["secret_id"])
    assert [issuer.verify(value).verdict for _ in range(3)] == [Verdict.VALID] * 3
    assert role.login(value.reveal()) is not None
    assert issuer.verify(value).verdict is Verdict.INVALID, "it was used up"


def test_a_new_role_has_no_secret_ids_and_that_is_believed(issuer: Issuer) -> None:
    assert list(issuer.tokens()) == []


def test_one_made_by_hand_is_listed_without_a_name_and_can_be_ended_by_its_handle(role: Role, issuer: Issuer) -> None:
    theirs = role.by_hand(metadata='{"made-by": "ada"}')
    [info] = issuer.tokens()
    assert (info.handle, info.name, info.expires_at) == (theirs["secret_id_accessor"], None, None)
    assert issuer.revoke(info.handle) is Revocation.DONE


def test_a_lifetime_that_the_server_cuts_short_is_recorded_as_it_is(issuer: Issuer) -> None:
    asked = request(lifetime="10 years")
    issued = issuer.issue(asked)
    assert issued.expires_at is not None
    assert issued.expires_at - asked.now == timedelta(days=32)
    listed = find(issuer, issued)
    assert listed is not None
    assert listed.expires_at is not None
    assert abs(listed.expires_at - issued.expires_at) < timedelta(minutes=1)


def test_one_that_ends_while_the_list_is_read_is_left_out(role: Role, issuer: Issuer) -> None:
    gone, kept = made(issuer, "gone"), made(issuer, "kept")
    issuer.revoke(gone.handle)
    path = f"{role.path}/secret-id-accessor/lookup"
    assert role.server.answer("POST", path, {"secret_id_accessor": gone.handle}).status_code == 404
    assert issuer._looked_up(gone.handle) is None
    assert [info.handle for info in issuer.tokens()] == [kept.handle]


# --- whose it is ---


def test_the_secret_id_of_another_role_is_not_touched(approle: OpenBao, issuer: Issuer) -> None:
    other = Role(approle)
    theirs = made(other.issuer())
    with pytest.raises(NeedsOperator, match="was not touched") as refused:
        issuer.revoke(theirs.handle)
    assert "`role`" in refused.value.remedy
    assert other.issuer().verify(theirs.value).verdict is Verdict.VALID


def test_an_accessor_that_never_was_is_gone_already(issuer: Issuer) -> None:
    assert issuer.revoke(Handle("00000000-0000-0000-0000-000000000000")) is Revocation.ALREADY_GONE


@pytest.mark.parametrize("wrong", [{"role": "nobody"}, {"mount": "nowhere"}])
def test_a_wrong_role_or_mount_proves_nothing_and_lists_nothing(
    role: Role, issuer: Issuer, wrong: dict[str, str]
) -> None:
    issued = made(issuer)
    astray = role.issuer(token=role.server.root_token, **wrong)
    assert astray.verify(issued.value).verdict is Verdict.INDETERMINATE
    with pytest.raises((NeedsOperator, Permanent)) as refused:
        list(astray.tokens())
    assert "`mount`" in refused.value.remedy
    with pytest.raises(Permanent):
        made(astray)
    with pytest.raises((NeedsOperator, Permanent)):
        astray.revoke(issued.handle)


def test_without_the_right_to_look_up_nothing_is_dead(role: Role, issuer: Issuer) -> None:
    weak = role.issuer(token=role.server.token("default")["client_token"])
    dead = made(issuer)
    issuer.revoke(dead.handle)
    verification = weak.verify(dead.value)
    assert verification.verdict is Verdict.INDETERMINATE
    assert f"`update` on {role.path}/secret-id/lookup" in verification.reason


# --- the tokens got with one ---


def test_a_token_outlives_the_secret_id_that_it_was_got_with(role: Role, issuer: Issuer) -> None:
    issued = made(issuer)
    token = role.login(issued.value.reveal())
    issuer.revoke(issued.handle)
    assert role.server.accepts(token)


def test_with_end_logins_its_tokens_die_with_it_and_no_others(approle: OpenBao, role: Role) -> None:
    issuer, neighbour = role.issuer(end_logins=True), Role(approle)
    old, new = made(issuer, "app-1"), made(issuer, "app-2")
    foreign = made(neighbour.issuer(), "app-0")
    doomed = [role.login(old.value.reveal()), role.login(old.value.reveal())]
    by_hand = role.login(role.by_hand()["secret_id"])
    spared = [role.login(new.value.reveal()), neighbour.login(foreign.value.reveal()), by_hand, role.manager]
    issuer.revoke(old.handle)
    assert [role.server.accepts(token) for token in doomed] == [False, False]
    assert all(role.server.accepts(token) for token in spared)


def test_tokens_that_a_crash_left_behind_are_ended_by_the_same_revoke_again(role: Role) -> None:
    old = made(role.issuer(), "app-1")
    token = role.login(old.value.reveal())
    role.issuer().revoke(old.handle)
    assert role.server.accepts(token)
    assert role.issuer(end_logins=True).revoke(old.handle) is Revocation.ALREADY_GONE
    assert not role.server.accepts(token)


def test_a_credential_that_may_not_end_tokens_is_told_what_it_lacks(role: Role) -> None:
    rules = f'path "{role.path}/*" {{ capabilities = ["update", "list"] }}'
    weak = role.server.token(role.server.policy(rules))["client_token"]
    issuer = role.issuer(token=weak, end_logins=True)
    with pytest.raises(NeedsOperator, match="accessors of tokens") as refused:
        issuer.revoke(made(issuer).handle)
    assert "auth/token/accessors" in refused.value.remedy
