"""What is peculiar to keys of service accounts: ten places, a file that is not to be believed, and many refusals."""

from __future__ import annotations

import json
from datetime import timedelta

import jwt
import pytest

from providers.issuers.gcp_service_account.key_file import read
from rotator.domain import plan
from rotator.domain.contracts import Issuer, Revocation, Verdict
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from rotator.domain.model import Handle, Mode
from rotator.domain.secret_value import SecretValue
from tests.fakes.fault_proxy import FaultProxy, answer
from tests.fakes.gcp_iam import AUDIENCE, MANAGER, Gcp
from tests.integration.gcp_service_account.setting import opened, request

JSON = {"Content-Type": "application/json"}


def test_the_value_is_the_whole_file_in_one_line(gcp: Gcp, account: str, issuer: Issuer) -> None:
    issued = issuer.issue(request(gcp))
    [key] = gcp.keys_of(account)
    text = issued.value.reveal()
    assert "\n" not in text
    assert json.loads(text) == key.file(gcp.token_url)
    assert issued.expires_at is None


def test_in_base64_it_is_the_same_file(gcp: Gcp, account: str) -> None:
    issued = opened(gcp, account, options={"format": "base64"}).issue(request(gcp))
    found = read(issued.value)
    assert found is not None
    assert (found.account, found.id) == (account, issued.handle)


def test_a_key_that_should_expire_is_refused_before_anything_is_sent(gcp: Gcp, issuer: Issuer) -> None:
    with pytest.raises(Permanent, match="cannot be made to expire"):
        issuer.issue(request(gcp, "90 days"))
    assert gcp.asked == []


# --- ten places ---


def test_ten_keys_are_an_obstacle_that_is_named_before_anything_is_made(gcp: Gcp, account: str, issuer: Issuer) -> None:
    keys = [gcp.key_by_hand(account) for _ in range(10)]
    keys[0].disabled = True
    in_the_way = plan.obstacle(issuer.traits, list(issuer.tokens()), Mode.ROTATE_FIRST)
    assert in_the_way is not None
    assert keys[0].id in in_the_way
    with pytest.raises(Permanent, match="FAILED_PRECONDITION") as refused:
        issuer.issue(request(gcp))
    assert "keys list" in refused.value.remedy
    assert gcp.keys_of(account) == keys


def test_the_older_words_for_ten_keys_are_not_taken_for_a_throttle(gcp: Gcp, account: str, proxy: FaultProxy) -> None:
    said = {"code": 429, "message": "Maximum number of keys on account reached.", "status": "RESOURCE_EXHAUSTED"}
    proxy.fail("POST", "/keys$", answer(429, JSON, json.dumps({"error": said}).encode()))
    with pytest.raises(Permanent, match="10 keys"):
        opened(gcp, account, url=proxy.url).issue(request(gcp))


def test_keys_that_google_keeps_for_itself_are_not_listed(gcp: Gcp, account: str, issuer: Issuer) -> None:
    assert list(issuer.tokens()) == []
    key = gcp.key_by_hand(account)
    assert [info.handle for info in issuer.tokens()] == [key.id]


# --- what a file says is not believed ---


def test_the_addresses_in_a_key_file_are_not_followed(gcp: Gcp, account: str, issuer: Issuer) -> None:
    document = json.loads(issuer.issue(request(gcp)).value.reveal())
    document["token_uri"] = "http://127.0.0.1:9/token"
    assert issuer.verify(SecretValue(json.dumps(document))).verdict is Verdict.VALID


def test_the_key_of_another_account_proves_nothing(gcp: Gcp, account: str, issuer: Issuer) -> None:
    theirs = json.dumps(gcp.key_by_hand(gcp.new_account()).file(gcp.token_url))
    verification = issuer.verify(SecretValue(theirs))
    assert verification.verdict is Verdict.INDETERMINATE
    assert account in verification.reason


@pytest.mark.parametrize("change", [{"private_key": "no key"}, {"type": "authorized_user"}, {"private_key_id": ""}])
def test_a_file_that_is_damaged_proves_nothing(gcp: Gcp, issuer: Issuer, change: dict[str, str]) -> None:
    document = json.loads(issuer.issue(request(gcp)).value.reveal())
    assert issuer.verify(SecretValue(json.dumps({**document, **change}))).verdict is Verdict.INDETERMINATE


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits")
def test_what_a_key_signs_is_good_for_ten_minutes_and_for_nothing_but_its_name(
    gcp: Gcp, account: str, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyJWT reads it, as anybody else's library would."""
    seen: list[str] = []
    value = issuer.issue(request(gcp)).value
    checked = gcp._checked
    monkeypatch.setattr(gcp, "_checked", lambda assertion: seen.append(assertion) or checked(assertion))
    issuer.verify(value)
    [key] = gcp.keys_of(account)
    times = {"verify_exp": False, "verify_iat": False}
    public = key.private.public_key()
    claims = jwt.decode(seen[0], public, algorithms=["RS256"], audience=AUDIENCE, issuer=account, options=times)
    assert claims["scope"] == "https://www.googleapis.com/auth/userinfo.email"
    assert claims["exp"] - claims["iat"] == 600


# --- what a refusal proves ---


def test_a_new_key_is_not_given_out_before_all_of_google_may_know_it(gcp: Gcp, account: str) -> None:
    issuer = opened(gcp, account, propagation="60s")
    gcp.lag = timedelta(seconds=20)
    value = issuer.issue(request(gcp)).value
    assert issuer.verify(value).verdict is Verdict.INVALID
    gcp.clock.move(seconds=20)
    young = issuer.verify(value)
    assert young.verdict is Verdict.INDETERMINATE
    assert "made just now" in young.reason
    gcp.clock.move(seconds=40)
    assert issuer.verify(value).verdict is Verdict.VALID


def test_a_deleted_key_is_accepted_until_all_of_google_knows(gcp: Gcp, issuer: Issuer) -> None:
    issued = issuer.issue(request(gcp))
    gcp.lag = timedelta(minutes=1)
    issuer.revoke(issued.handle)
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    gcp.clock.move(minutes=1)
    assert issuer.verify(issued.value).verdict is Verdict.INVALID


def test_a_wrong_clock_kills_no_key_and_is_named(gcp: Gcp, issuer: Issuer) -> None:
    value = issuer.issue(request(gcp)).value
    gcp.clock.wrong_by = timedelta(hours=-2)
    try:
        verification = issuer.verify(value)
    finally:
        gcp.clock.wrong_by = timedelta()
    assert verification.verdict is Verdict.INDETERMINATE
    assert "clock is wrong" in verification.reason


def test_an_account_that_is_disabled_or_gone_kills_no_key(gcp: Gcp, account: str, issuer: Issuer) -> None:
    value = issuer.issue(request(gcp)).value
    gcp.disabled_accounts.add(account)
    assert "is disabled" in issuer.verify(value).reason
    gcp.disabled_accounts.clear()
    gcp.accounts.remove(account)
    gone = issuer.verify(value)
    assert gone.verdict is Verdict.INDETERMINATE
    assert "no such service account" in gone.reason
    with pytest.raises(NeedsOperator, match="NOT_FOUND") as refused:
        list(issuer.tokens())
    assert "`service_account`" in refused.value.remedy


# --- delete ---


def test_a_key_that_the_list_still_shows_is_not_gone(gcp: Gcp, account: str, proxy: FaultProxy) -> None:
    issuer = opened(gcp, account, url=proxy.url)
    issued = issuer.issue(request(gcp))
    body = b'{"error": {"code": 404, "message": "does not exist", "status": "NOT_FOUND"}}'
    proxy.fail("DELETE", "", answer(404, JSON, body))
    with pytest.raises(Temporary, match="still lists it"):
        issuer.revoke(issued.handle)
    assert issuer.revoke(issued.handle) is Revocation.DONE
    assert issuer.revoke(issued.handle) is Revocation.ALREADY_GONE


def test_the_key_that_the_connection_signs_with_is_not_deleted(gcp: Gcp) -> None:
    with pytest.raises(NeedsOperator, match="itself signs with"):
        opened(gcp, MANAGER).revoke(Handle(gcp.manager.id))
    assert gcp.keys_of(MANAGER) == [gcp.manager]


def test_a_handle_that_is_no_key_id_is_never_sent(gcp: Gcp, issuer: Issuer) -> None:
    for handle in ("..", "a/b", "*"):
        with pytest.raises(Permanent):
            issuer.revoke(Handle(handle))
    assert gcp.asked == []


# --- who asks ---


def test_one_token_of_ours_serves_all_calls_and_is_renewed_before_it_ends(gcp: Gcp, account: str) -> None:
    issuer = opened(gcp, account)
    list(issuer.tokens())
    list(issuer.tokens())
    assert gcp.asked.count("POST /token") == 1
    gcp.clock.move(minutes=56)
    list(issuer.tokens())
    assert gcp.asked.count("POST /token") == 2


def test_a_token_of_ours_that_ends_early_is_got_anew_and_nothing_was_made(gcp: Gcp, account: str) -> None:
    issuer = opened(gcp, account)
    list(issuer.tokens())
    gcp.access_tokens.clear()
    with pytest.raises(Temporary, match="had ended") as refused:
        issuer.issue(request(gcp))
    assert not isinstance(refused.value, Ambiguous)
    assert gcp.keys_of(account) == []
    assert issuer.issue(request(gcp)).handle


def test_a_machine_asks_with_the_service_account_that_it_has(gcp: Gcp, account: str) -> None:
    issuer = opened(gcp, account, auth="metadata", credentials={})
    assert issuer.issue(request(gcp)).handle
    assert "POST /token" not in gcp.asked


@pytest.mark.parametrize("operation", ["create", "list", "delete"])
def test_a_right_that_is_missing_is_named(gcp: Gcp, issuer: Issuer, operation: str) -> None:
    issued = issuer.issue(request(gcp))
    gcp.denied.add(operation)
    calls = {
        "create": lambda: issuer.issue(request(gcp)),
        "list": lambda: list(issuer.tokens()),
        "delete": lambda: issuer.revoke(issued.handle),
    }
    with pytest.raises((Permanent, NeedsOperator), match="PERMISSION_DENIED") as refused:
        calls[operation]()
    assert f"iam.serviceAccountKeys.{operation}" in refused.value.remedy
