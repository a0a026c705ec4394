"""The secret of one credential in Jenkins, as a store. Nobody reads it back, and nothing tells when it was set.

Our version is a digest of all that Jenkins shows of the credential. It changes when somebody edits what is shown; a new
secret, ours or another's, leaves it as it was. So it says whether this is still the credential that was looked at, and
never what is in it.
"""

from __future__ import annotations

from typing import Final

from providers.stores.jenkins.document import Unusable, refuse_what_xml_cannot_carry
from providers.stores.jenkins.failures import MISSING
from providers.stores.jenkins.plugin import JenkinsPlace
from providers.stores.jenkins.session import Jenkins, Shown, named
from rotator.domain.contracts import Stored, StoreTraits
from rotator.domain.errors import Ambiguous, Conflict, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

_TRAITS: Final = StoreTraits(readable=False, versioned=False, compares_and_sets=False)


class JenkinsStore:
    """Fulfils ``contracts.Store``. A write is in force at once: the next build that asks gets the new secret.

    A write that is repeated sends the same value once more. Whether it is there already cannot be seen, and sending it
    again leaves everything as it is.
    """

    def __init__(self, jenkins: Jenkins) -> None:
        self._jenkins = jenkins

    def traits(self, place: JenkinsPlace) -> StoreTraits:  # noqa: ARG002  # the same everywhere
        return _TRAITS

    def current(self, place: JenkinsPlace) -> Stored | None:
        shown = self._jenkins.look(place)
        return _stored(shown) if shown else None

    def preflight(self, place: JenkinsPlace) -> Stored | None:
        """What only a write shows is not found here: whether the user may update, and not only view."""
        shown = self._look(place)
        self._jenkins.crumb()
        return _stored(shown)

    def write(self, place: JenkinsPlace, value: SecretValue, expected: Version | None, key: str) -> Version:  # noqa: ARG002  # Jenkins keeps no key, see above
        try:
            refuse_what_xml_cannot_carry(value)
        except Unusable as unusable:
            raise self._jenkins.unusable(place, unusable) from unusable
        before = self._look(place)
        if before.document.version != expected:
            raise Conflict(
                f"{self._jenkins.server}: {named(place)} was changed since it was looked at, or made anew.",
                remedy="Whether its secret was changed, too, cannot be seen. Find out who did it before you go on.",
            )
        self._jenkins.update(place, before.document.with_secret(value))
        self._see_it_replaced(place, before)
        return before.document.version

    def promote(self, place: JenkinsPlace, version: Version, expected: Version | None) -> None:
        """Nothing to do: nothing stages."""

    def read(self, place: JenkinsPlace, version: Version) -> Stored | None:
        current = self.current(place)
        return current if current is not None and current.version == version else None

    def written(self, place: JenkinsPlace, key: str) -> Stored | None:  # noqa: ARG002  # Jenkins keeps no key
        return self.current(place)

    def restore(self, place: JenkinsPlace, version: Version, expected: Version | None) -> Version:  # noqa: ARG002  # there is nothing to put back
        raise Permanent(f"Jenkins keeps no earlier secret of {named(place)}.", remedy="Go forward: write a new one.")

    def discard(self, place: JenkinsPlace, key: str) -> None:
        """Nothing to do: nothing stages."""

    def settle(self, place: JenkinsPlace, version: Version) -> None:
        """Nothing to do: a build that starts now gets the new secret. Those that run keep the old one."""

    # --- looking ---

    def _look(self, place: JenkinsPlace) -> Shown:
        shown = self._jenkins.look(place)
        if shown is None:
            raise Permanent(
                f"{self._jenkins.server} shows no such thing as {named(place)}.",
                remedy=f"It is not made here: its kind and scope are for you to choose. {MISSING}",
            )
        return shown

    def _see_it_replaced(self, place: JenkinsPlace, before: Shown) -> None:
        """Look after an update that Jenkins said yes to. What goes wrong from here on is Ambiguous: it may be done."""
        try:
            after = self._jenkins.look(place)
        except RotatorError as error:
            wait = error.retry_after if isinstance(error, Temporary) else None
            raise Ambiguous(
                f"{named(place)} was updated, and could not be looked at again: {error.what}",
                remedy=error.remedy,
                retry_after=wait,
            ) from error
        if after is None:
            raise Ambiguous(
                f"{self._jenkins.server} said that it updated {named(place)}, and does not show it any more.",
                remedy="Was it removed or moved at that moment? Jenkins says yes to an update of nothing, too.",
            )
        if after.document.version != before.document.version:
            raise Ambiguous(
                f"{named(place)} was updated, and shows something else now than what was sent.",
                remedy="Did somebody else change it at that moment? It is written once more.",
            )
        if after.fingerprint is not None and after.fingerprint == before.fingerprint:
            raise Ambiguous(
                f"{self._jenkins.server} said that it updated {named(place)}, and has the same secret as before.",
                remedy="If it goes on so, set it by hand.",
            )


def _stored(shown: Shown) -> Stored:
    return Stored(None, shown.document.version, {"kind": shown.document.kind})
