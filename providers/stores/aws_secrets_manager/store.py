"""AWS Secrets Manager: the whole string of a secret, or one field of the JSON object in it.

A write stages a version (AWSPENDING); ``promote`` moves AWSCURRENT from the version that we wrote against, and AWS
refuses that when the label is not there any more: the compare-and-set. AWSPENDING is taken off afterwards, because
AWS's own rotation takes one that was left behind for a rotation under way (aws-samples rotation-lambdas #168).

What ``preflight`` saw serves the write that follows within ten seconds, which then asks nothing again, as long as the
value that it gave is held on to. A change in between is noticed where it is now: AWS moves the label from the version
that we built upon, and from no other.

Semantics from AWS's API reference and rotation templates; proven on moto 5.2, and on a fake where moto differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from providers.aws.client import AwsConfig
from providers.json_field import Unsuitable, field_of, same_but_for, with_field
from providers.stores.aws_secrets_manager.calls import Calls, NotThere, Rejected
from providers.stores.aws_secrets_manager.fresh_looks import FreshLooks
from providers.stores.aws_secrets_manager.plugin import AwsPlace
from providers.stores.aws_secrets_manager.replicas import has_copies, refuse_copies_that_lag
from providers.stores.aws_secrets_manager.versions import (
    CURRENT,
    PENDING,
    PREVIOUS,
    Description,
    mark_of,
    refuse_what_others_govern,
    version_id,
)
from rotator.domain.contracts import Access, Stored, StoreTraits
from rotator.domain.errors import Conflict, Permanent
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

_LARGEST: Final = 65_536
_AT_MOST_EVERY: Final = timedelta(minutes=10)
_READ_AFTER_WRITE: Final = (0.2, 0.4, 0.8, 1.6)
"""Seconds to wait between looks for a version that was just written (aws-sdk-js-v3 #7701: not there a moment later)."""


@dataclass(frozen=True, repr=False)
class _Held:
    """One version as AWS gave it."""

    version: Version
    text: str

    def stored(self, place: AwsPlace) -> Stored:
        try:
            value = self.text if place.field is None else field_of(self.text, place.field)
        except Unsuitable as reason:
            raise _unsuitable(place, reason) from reason
        return Stored(SecretValue(value) if value else None, self.version)

    def stored_then(self, place: AwsPlace) -> Stored | None:
        """Give what an earlier version holds; None where it was of another shape, without a place for our field."""
        try:
            return self.stored(place)
        except Permanent:
            return None


class SecretsManagerStore:
    """The secrets of one account and region."""

    def __init__(self, config: AwsConfig, access: Access) -> None:
        self._region = config.region
        self._seen: FreshLooks[_Held] = FreshLooks(access.clock)
        self._without_copies: set[str] = set()
        self._clock = access.clock
        self._warn = access.warn
        self._call = Calls(config, access)

    def traits(self, place: AwsPlace) -> StoreTraits:  # noqa: ARG002 -- the same everywhere
        return StoreTraits(readable=True, versioned=True, stages=True, compares_and_sets=True, settles=False)

    def current(self, place: AwsPlace) -> Stored | None:
        """Give what has AWSCURRENT. A secret that was made without a value holds nothing yet: None too."""
        held = self._held(place, VersionStage=CURRENT)
        return held.stored(place) if held else None

    def preflight(self, place: AwsPlace) -> Stored | None:
        description = self._described(place)
        if description is None:
            _refuse_to_create(place)
            return None
        refuse_what_others_govern(place.secret, description, self._region, ours=None)
        if description.changed_within(_AT_MOST_EVERY, self._clock.now()):
            self._warn(
                f"`{place.secret}` was changed within the last ten minutes; AWS advises against more, as it keeps no "
                "more than 100 versions of a day and refuses the next"
            )
        held = self._held(place, VersionStage=CURRENT)
        if held is None:
            return None
        stored = held.stored(place)
        if stored.value is not None:
            self._seen.keep((place.secret, place.field), held, stored.value)
        return stored

    def write(self, place: AwsPlace, value: SecretValue, expected: Version | None, key: str) -> Version:
        mark = _mark(place, key)
        held = self._seen.take((place.secret, place.field))
        is_there = True
        if held is None or held.version != expected:
            is_there, held = self._found(place, mark)
        stored = held.stored(place) if held else None
        if stored and value.same_as(stored.value):
            return stored.version
        if (stored.version if stored else None) != expected:
            raise _changed(place)
        document = _document(place, held, value)
        version = version_id(mark, expected)
        if is_there:
            self._stage(place, version, document)
        else:
            encrypted = {"KmsKeyId": place.kms_key} if place.kms_key else {}
            self._call("CreateSecret", place.secret, ClientRequestToken=version, SecretString=document, **encrypted)
        return version

    def _found(self, place: AwsPlace, mark: str) -> tuple[bool, _Held | None]:
        """Tell whether the secret is there, and what it holds. Raises what keeps us from writing to it."""
        description = self._described(place)
        if description is None:
            _refuse_to_create(place)
            return False, None
        refuse_what_others_govern(place.secret, description, self._region, ours=mark)
        return True, self._held(place, VersionStage=CURRENT)

    def _stage(self, place: AwsPlace, version: Version, document: str) -> None:
        answer = self._call("PutSecretValue", place.secret, ClientRequestToken=version, SecretString=document,
                            VersionStages=[PENDING])  # fmt: skip
        if {PENDING, CURRENT} & set(answer.get("VersionStages", ())):  # the labels it has now (AWS's reference)
            return
        description = self._described(place)
        if description and not {PENDING, CURRENT} & set(description.labels(version)):
            # Staged before and discarded: AWS knows the version already and leaves its labels as they are.
            self._call("UpdateSecretVersionStage", place.secret, VersionStage=PENDING, MoveToVersionId=version)

    def promote(self, place: AwsPlace, version: Version, expected: Version | None) -> None:
        """Move AWSCURRENT, then take AWSPENDING off. AWS compares for us: only a refusal makes us look ourselves."""
        if expected and expected != version:
            try:
                self._move_current(place, version, expected)
            except (NotThere, Rejected):
                pass  # done already, or somebody else wrote, or it is gone: the labels tell
            else:
                self._unstage(place, version)
                return
        description = self._described(place)
        if description is None:
            raise _missing(place)
        if CURRENT not in description.labels(version):
            self._make_current(place, version, expected, description)
        if PENDING in description.labels(version):
            self._unstage(place, version)

    def _make_current(
        self, place: AwsPlace, version: Version, expected: Version | None, description: Description
    ) -> None:
        """Move AWSCURRENT, if it still is at ``expected``."""
        if description.holder(CURRENT) != expected:
            raise _changed(place)
        try:
            self._move_current(place, version, expected)
        except Rejected as error:
            now = self._described(place)
            if now is None or CURRENT not in now.labels(version):
                raise _changed(place) from error

    def _move_current(self, place: AwsPlace, version: Version, expected: Version | None) -> None:
        source = {"RemoveFromVersionId": expected} if expected else {}
        self._call("UpdateSecretVersionStage", place.secret, VersionStage=CURRENT, MoveToVersionId=version, **source)

    def _unstage(self, place: AwsPlace, version: str) -> None:
        try:
            self._call("UpdateSecretVersionStage", place.secret, VersionStage=PENDING, RemoveFromVersionId=version)
        except Rejected:
            now = self._described(place)
            if now and PENDING in now.labels(version):
                raise

    def read(self, place: AwsPlace, version: Version) -> Stored | None:
        """Give one version. One that was just written may take AWS a moment to find."""
        for pause in (*_READ_AFTER_WRITE, None):
            held = self._held(place, VersionId=version)
            if held:
                return held.stored(place)
            if pause is None or self._described(place) is None or not self._clock.wait(timedelta(seconds=pause)):
                break
        return None

    def written(self, place: AwsPlace, key: str) -> Stored | None:
        description = self._described(place)
        if description is None:
            return None
        ours = {version: labels for version, labels in description.stages.items()
                if version.startswith(_mark(place, key))}  # fmt: skip
        likeliest = sorted(ours, key=lambda version: (PENDING not in ours[version], CURRENT not in ours[version]))
        return self.read(place, Version(likeliest[0])) if likeliest else None

    def restore(self, place: AwsPlace, version: Version, expected: Version | None) -> Version:
        """Move AWSCURRENT back; or, when other fields have changed since, put our field's earlier value into them."""
        now, then = self._held(place, VersionStage=CURRENT), self._held(place, VersionId=version)
        value = then.stored(place).value if then else None
        if then is None or value is None:
            raise Permanent(f"Version {version} of {place.secret} is gone, or holds no value of ours to put back.")
        if now and value.same_as(now.stored(place).value):
            return now.version
        if now is None or now.version != expected:
            raise _changed(place)
        if not same_but_for(place.field, now.text, then.text):
            version = self.write(place, value, expected, f"restore {version}")
        self.promote(place, version, expected)
        return version

    def discard(self, place: AwsPlace, key: str) -> None:
        description = self._described(place)
        pending = description.holder(PENDING) if description else None
        if pending and pending.startswith(_mark(place, key)):
            self._unstage(place, pending)

    def put_away(self, place: AwsPlace, is_dead: Callable[[Stored], bool]) -> None:
        """Take AWSPREVIOUS off: no rollback goes there, and AWS removes the version in time. No call removes one."""
        for last in (False, True):
            description = self._described(place)
            before = description.holder(PREVIOUS) if description else None
            held = self._held(place, VersionId=before) if before else None
            earlier = held.stored_then(place) if held else None
            if before is None or earlier is None or not is_dead(earlier):
                return
            try:
                self._call("UpdateSecretVersionStage", place.secret, VersionStage=PREVIOUS, RemoveFromVersionId=before)
            except Rejected:  # a change to another field has moved the label meanwhile
                if last:
                    raise
            else:
                return

    def settle(self, place: AwsPlace, version: Version) -> None:  # noqa: ARG002 -- AWS tells of the newest alone
        """See that the secret's copies have it, where there are any. What consumers cache is for the overlap.

        Whoever asks for the secret itself gets the new value from now on: of one that had no copies when it was looked
        at, nothing is asked.
        """
        if place.secret not in self._without_copies and (description := self._described(place)):
            refuse_copies_that_lag(place.secret, description.answer)

    def _described(self, place: AwsPlace) -> Description | None:
        try:
            description = Description(self._call("DescribeSecret", place.secret))
        except NotThere:
            return None
        note = self._without_copies.discard if has_copies(description.answer) else self._without_copies.add
        note(place.secret)
        return description

    def _held(self, place: AwsPlace, **which: str) -> _Held | None:
        try:
            answer = self._call("GetSecretValue", place.secret, **which)
        except NotThere:
            return None
        if "SecretString" not in answer:
            raise Permanent(
                f"{place.secret} holds bytes (SecretBinary), and a token is text.",
                remedy="Write it to a secret with a SecretString.",
            )
        return _Held(Version(answer["VersionId"]), answer["SecretString"])


def _mark(place: AwsPlace, key: str) -> str:
    return mark_of(key, place.secret, place.field)


def _document(place: AwsPlace, held: _Held | None, value: SecretValue) -> str:
    try:
        plain = place.field is None
        document = (
            value.reveal() if plain else with_field(held.text if held else None, place.field or "", value.reveal())
        )
    except Unsuitable as reason:
        raise _unsuitable(place, reason) from reason
    if len(document.encode()) > _LARGEST:
        raise Permanent(f"{place.secret} would grow beyond the 65,536 bytes that AWS allows.")
    return document


def _unsuitable(place: AwsPlace, reason: Unsuitable) -> Permanent:
    return Permanent(
        f"{place.secret} has no place for the field {place.field!r}: {reason}.",
        remedy="Leave `field` out to use the whole string, or make the secret a JSON object.",
    )


def _changed(place: AwsPlace) -> Conflict:
    return Conflict(
        f"{place.secret} is not at the version that this rotation looked at; what consumers read was left alone.",
        remedy="See who else writes it.",
    )


def _missing(place: AwsPlace) -> Permanent:
    return Permanent(
        f"{place.secret} does not exist in this account and region.",
        remedy="Create it, or let the policy: `create: true`.",
    )


def _refuse_to_create(place: AwsPlace) -> None:
    if not place.create:
        raise _missing(place)
    if place.secret.startswith("arn:"):
        raise Permanent(f"{place.secret} does not exist, and AWS chooses ARNs.", remedy="Name it, to have it created.")
