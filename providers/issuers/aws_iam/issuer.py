"""The access keys of one IAM user.

Two keys at most, without names and without an end. IAM is eventually consistent: a new key is refused here and there
for seconds (5 to 15 were seen: hashicorp/vault#687, aws/aws-sdk-js#559), a deleted one may be accepted for as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from providers.aws.client import Refused
from providers.issuers.aws_iam.calls import Calls, NotThere
from providers.issuers.aws_iam.forms import AccessKey, Form, read, word, written
from rotator.domain.clock import Clock
from rotator.domain.contracts import (
    Coexistence,
    ExpiryRules,
    Issued,
    IssueRequest,
    IssuerTraits,
    Revocation,
    TokenInfo,
    Verdict,
    Verification,
)
from rotator.domain.durations import Duration
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle

TRAITS: Final = IssuerTraits(
    coexistence=Coexistence.TWO,
    max_active=2,
    names_tokens=False,
    binds_value_to_handle=True,
    reports_last_use=True,
    expiry=ExpiryRules(maximum=Duration()),
    issue_propagation=timedelta(minutes=1),
    revoke_propagation=timedelta(minutes=2),
)
_DEAD: Final = (403, "InvalidClientTokenId")
"""What AWS answers for a key that was deleted, deactivated or never was (API reference, "Common errors")."""
_WHY_UNCERTAIN: Final = {
    "SignatureDoesNotMatch": "the secret is not this key's, or this machine's clock is wrong",
    "AccessDenied": "a policy, perhaps of a VPC endpoint, denies sts:GetCallerIdentity",
}


class AccessKeyIssuer:
    """Makes, lists, checks and ends the access keys of ``user``."""

    traits = TRAITS

    def __init__(self, call: Calls, user: str, form: Form, propagation: timedelta, clock: Clock) -> None:
        self._call = call
        self._user = user
        self._form = form
        self._propagation = propagation
        self._clock = clock
        self._made_at: dict[str, datetime] = {}

    def issue(self, request: IssueRequest) -> Issued:
        """Make a key. AWS gives it no name, so the one that was asked for goes unused."""
        if request.lifetime is not None:
            raise Permanent("An access key cannot expire.", remedy="Leave `expires_in` out of the policy.")
        made = self._call("CreateAccessKey", UserName=self._user).get("AccessKey", {})
        if not made.get("AccessKeyId") or not made.get("SecretAccessKey"):
            raise Ambiguous(f"AWS answered CreateAccessKey for {self._user} without a key; one may have been made.")
        key = AccessKey(made["AccessKeyId"], SecretValue(made["SecretAccessKey"]))
        self._made_at[key.id] = self._clock.now()
        return Issued(Handle(key.id), written(key, self._form), created_at=made.get("CreateDate"))

    def tokens(self) -> tuple[TokenInfo, ...]:
        """List the user's keys, inactive ones too: they take one of the two places, and can be made active again."""
        return tuple(self._listed())

    def _listed(self) -> Iterator[TokenInfo]:
        for listed in tuple(self._call.listed()):
            try:
                used = self._call("GetAccessKeyLastUsed", AccessKeyId=listed["AccessKeyId"])
            except NotThere:  # deleted meanwhile, or before: lists lag, too
                continue
            yield TokenInfo(
                handle=Handle(listed["AccessKeyId"]),
                created_at=listed.get("CreateDate"),
                last_used_at=used.get("AccessKeyLastUsed", {}).get("LastUsedDate"),
            )

    def verify(self, value: SecretValue) -> Verification:
        """Ask AWS, with the key itself, whose it is. The signature binds the secret to the id, which is the handle."""
        key = read(value) or word(value)
        if key is None:
            return _uncertain("It is not an access key in a form that is known (docs/issuers/aws-iam-access-key.md).")
        try:
            owner = self._call.whose(key)
        except Refused as refused:
            if (refused.status, refused.code) == _DEAD:
                return Verification(Verdict.INVALID, reason="AWS does not know this key, or it is inactive.")
            why = _WHY_UNCERTAIN.get(refused.code, "which proves neither life nor death")
            return _uncertain(f"AWS answered {refused.status} {refused.code} to this key: {why}.")
        except RotatorError as error:
            return _uncertain(str(error))
        return self._accepted(key.id, owner)

    def _accepted(self, key_id: str, owner: str) -> Verification:
        if not _is_user(owner, self._user):
            return _uncertain(f"The key {key_id} belongs to {owner}, not to the user {self._user}.")
        if self._is_too_young(key_id):
            return _uncertain(f"The key {key_id} was made just now, and services other than STS may still refuse it.")
        return Verification(Verdict.VALID, Handle(key_id))

    def _is_too_young(self, key_id: str) -> bool:
        """Tell whether a key that we made may still be unknown to some of AWS: consumers do not ask STS alone."""
        made_at = self._made_at.get(key_id)
        if made_at is None or self._clock.now() >= made_at + self._propagation:
            self._made_at.pop(key_id, None)
            return False
        return True

    def revoke(self, handle: Handle) -> Revocation:
        """Deactivate the key, then delete it: the first alone ends it, the second frees its place.

        Whatever comes between the two, both are simply asked for again. A key that cannot be deleted (the right is
        missing) is dead all the same, and the error says what is missing.
        """
        if handle == self._call.own_key():
            raise NeedsOperator(
                f"{handle} is the key that the connection itself uses: without it, it could not even be deleted.",
                remedy="Give the connection other credentials, then run `rotate resume`.",
            )
        try:
            self._call("UpdateAccessKey", UserName=self._user, AccessKeyId=handle, Status="Inactive")
        except NotThere:
            self._refuse_if_somebody_elses(handle)
            return Revocation.ALREADY_GONE
        try:
            self._call("DeleteAccessKey", UserName=self._user, AccessKeyId=handle)
        except NotThere:
            return Revocation.ALREADY_GONE
        return Revocation.DONE

    def _refuse_if_somebody_elses(self, handle: Handle) -> None:
        """Raise NeedsOperator when the key lives on under another user: a policy whose `user` was changed."""
        try:
            owner = self._call("GetAccessKeyLastUsed", AccessKeyId=handle).get("UserName")
        except (NotThere, NeedsOperator):  # AWS denies this, too, for keys that are not the account's
            return
        if owner is not None and owner.casefold() != self._user.casefold():
            raise NeedsOperator(
                f"The key {handle} belongs to the user {owner}, not to {self._user}, and was not touched.",
                remedy="Delete it there by hand, or put the policy's `user` back and run `rotate resume`.",
            )


def _uncertain(reason: str) -> Verification:
    return Verification(Verdict.INDETERMINATE, reason=reason)


def _is_user(arn: str, user: str) -> bool:
    """Tell whether an ARN (``arn:aws:iam::123456789012:user/path/name``) is that user's. IAM ignores case in names."""
    kind, _, path = arn.split(":", 5)[-1].partition("/")
    return kind == "user" and path.rsplit("/", 1)[-1].casefold() == user.casefold()
