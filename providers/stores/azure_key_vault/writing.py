"""Making a version in a vault that cannot compare and set: look, compare, set, and look who else did.

What we looked at is compared with what is expected just before the write. Somebody may still write in the instant
between; the list of versions tells. What they changed beside our field is put together with it in one more version;
where they set our field too, a person has to hear of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from providers.stores.azure_key_vault.key_vault import Held, KeyVault, Listed
from providers.stores.azure_key_vault.plugin import AzurePlace
from providers.stores.azure_key_vault.versions import attributes_for, refuse_unsuitable, stored, text_with
from rotator.domain.clock import Clock
from rotator.domain.contracts import Stored
from rotator.domain.errors import Ambiguous, Conflict, NeedsOperator, Permanent, RotatorError
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version


@dataclass(frozen=True)
class Look:
    """A secret as it was at one moment: its newest version, and all that were listed just before that."""

    newest: Held | None
    listed: frozenset[Version]


@dataclass(frozen=True)
class Write:
    """One value on its way to one place. ``mark`` is what the new version's tag says."""

    place: AzurePlace
    value: SecretValue
    mark: str


class Writer:
    """Makes versions, one vault's."""

    def __init__(self, vault: KeyVault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def look(self, place: AzurePlace) -> Look:
        """List first, read then: so what is there later, and is in neither, was made in between."""
        listed = frozenset(each.version for each in self._vault.versions(place.secret))
        return Look(self._vault.newest(place.secret), listed)

    def put(self, write: Write, expected: Version | None) -> Version:
        """Make a version with our value, unless it is so already. Conflict when the place is not at ``expected``."""
        look = self.look(write.place)
        current = stored(write.place, look.newest) if look.newest else None
        if current is not None and write.value.same_as(current.value):
            return current.version
        if (current.version if current else None) != expected:
            raise _conflict(write.place, current, expected)
        self.refuse_unwritable(write.place, look.newest)
        made = self._add(write, look.newest)
        try:
            return self._with_what_others_wrote(write, look, made)
        except Ambiguous:
            raise
        except RotatorError as error:  # whatever it is, our version has been made
            raise Ambiguous(
                f"Version {made} of the secret `{write.place.secret}` was made; what others wrote at that moment "
                f"could not be seen: {error.what}",
                remedy=error.remedy,
            ) from error

    def refuse_unwritable(self, place: AzurePlace, newest: Held | None) -> None:
        """Raise what would make a write fail, as far as it can be seen without writing."""
        if newest is not None:
            refuse_unsuitable(place, newest)
        elif self._vault.is_deleted(place.secret):
            raise NeedsOperator(
                f"The secret `{place.secret}` was deleted from {self._vault.server}, and can be recovered.",
                remedy="`az keyvault secret recover` brings it back with all its versions. We neither recover nor "
                "purge.",
            )
        elif not place.create:
            raise Permanent(
                f"There is no secret `{place.secret}` in {self._vault.server}, and the policy does not say "
                "`create: true`.",
                remedy="Check its name, or let the policy create it.",
            )

    def _add(self, write: Write, over: Held | None) -> Version:
        text = text_with(write.place, write.value, over)
        attributes = attributes_for(write.place, over, write.mark, self._clock.now())
        made = self._vault.add(write.place.secret, text, attributes)
        if made.text != text:
            raise Ambiguous(
                f"{self._vault.server} says that it stored something else in `{write.place.secret}` than it was given."
            )
        return made.version

    def _with_what_others_wrote(self, write: Write, look: Look, made: Version) -> Version:
        known = look.listed | {made} | ({look.newest.version} if look.newest else set())
        others = [each for each in self._vault.versions(write.place.secret) if each.version not in known]
        if not others:
            return made
        last = max(others, key=age)
        theirs = self._vault.version(write.place.secret, last.version)
        if theirs is None or not self._left_our_value_alone(write, look, theirs):
            raise Ambiguous(
                f"Somebody else set the secret `{write.place.secret}` at the same moment: version {last.version}; "
                f"ours is {made}.",
                remedy="See who writes there, and which of the two is in force.",
            )
        return self._add(write, theirs)

    def _left_our_value_alone(self, write: Write, look: Look, theirs: Held) -> bool:
        value = stored(write.place, theirs).value
        before = stored(write.place, look.newest).value if look.newest else None
        return write.value.same_as(value) or (value.same_as(before) if value else before is None)


_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def age(listed: Listed) -> datetime:
    return listed.created_on or _LONG_AGO


def _conflict(place: AzurePlace, current: Stored | None, expected: Version | None) -> Conflict:
    found = f"version {current.version}" if current else "nothing there"
    awaited = f"version {expected}" if expected else "nothing there"
    return Conflict(
        f"The secret `{place.secret}` was changed by somebody else: expected {awaited}, found {found}.",
        remedy="See who writes there; then plan anew from what it holds now.",
    )
