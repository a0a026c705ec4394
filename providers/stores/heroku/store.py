"""One config var of an app, as a store: read as a release has it, set alone, seen to take effect, put back.

A version is a release, ``v42``. Heroku knows no condition for a write, and numbers all changes of an app in one row, so
a newer release alone says nothing about our var. But each release keeps its vars: what our var was then is compared
with what it is now. Deploys and changes of other vars are therefore no conflict, and no digest of a value is needed.
"""

from __future__ import annotations

from collections.abc import Callable

from providers.stores.heroku import rollout
from providers.stores.heroku.api import Api
from providers.stores.heroku.failures import OWNED, PERMISSIONS
from providers.stores.heroku.plugin import HerokuPlace
from providers.stores.heroku.releases import History, Release, Status, number_of
from providers.stores.heroku.together import Together
from rotator.domain.clock import Clock
from rotator.domain.contracts import Stored, StoreTraits
from rotator.domain.errors import Ambiguous, Conflict, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version


class HerokuStore:
    """Fulfils ``contracts.Store``.

    What is current is what the release in force has, and not what was set last: a release command may still run, or
    have failed. No key is kept beside a value: a write that is repeated finds its value.
    """

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._together = Together(api.set, clock)

    def traits(self, place: HerokuPlace) -> StoreTraits:  # noqa: ARG002  the same everywhere
        return StoreTraits(readable=True, versioned=True, stages=False, compares_and_sets=False, settles=True)

    def current(self, place: HerokuPlace) -> Stored | None:
        history = self._api.history(place.app)
        return self._api.stored(place, history.in_force.number) if history else None

    def preflight(self, place: HerokuPlace) -> Stored | None:
        scopes = self._api.scopes(place.app)
        if scopes is None:
            raise self._missing(place)
        if scopes and not scopes & {"global", "write-protected"}:
            raise Permanent(
                f"{self._api.server}: the token may not set config vars; its authorization has only the scopes "
                f"{', '.join(sorted(scopes))}.",
                remedy=f"Make one with the scope `write-protected`; see {PERMISSIONS}.",
            )
        owner = self._api.owner_of(place)
        if owner:
            raise Permanent(f"{place.var} of `{place.app}` is set by the add-on `{owner}`.", remedy=OWNED)
        self._api.preboots(place.app)  # asked when all is done: who may not see it is told now
        stored = self.current(place)
        self._together.expect(place.app, place.var)
        return stored

    def write(self, place: HerokuPlace, value: SecretValue, expected: Version | None, key: str) -> Version:  # noqa: ARG002  found again by its value, see above
        if "\0" in value.reveal():
            raise Permanent(f"{place.var} of `{place.app}` is an environment variable, and cannot hold a NUL.")
        return self._put(place, value, expected)

    def promote(self, place: HerokuPlace, version: Version, expected: Version | None) -> None:
        """Nothing to do: nothing stages."""

    def read(self, place: HerokuPlace, version: Version) -> Stored | None:
        number = number_of(version)
        return self._api.stored(place, number) if number else None

    def written(self, place: HerokuPlace, key: str) -> Stored | None:  # noqa: ARG002  told by the value, see above
        """Give what was set last, in force or not: a write of ours may wait for its release command, or have failed."""
        history = self._api.history(place.app)
        return self._api.stored(place, history.newest.number) if history else None

    def restore(self, place: HerokuPlace, version: Version, expected: Version | None) -> Version:
        """Set our var to what it was, or remove it. Heroku's own rollback would take the app's code back, too."""
        earlier = self.read(place, version)
        if earlier is None:
            raise Permanent(
                f"`{place.app}` has no release {version}, so {place.var} cannot be put back to what it was then.",
                remedy="Go forward, or set the old value by hand.",
            )
        return self._put(place, earlier.value, expected)

    def discard(self, place: HerokuPlace, key: str) -> None:
        """Nothing to do: nothing stages."""

    def put_away(self, place: HerokuPlace, is_dead: Callable[[Stored], bool]) -> None:  # noqa: ARG002  # it keeps all
        """Permanent: releases keep their vars for as long as the app lives."""
        raise Permanent(
            f"Heroku keeps {place.var} as it was in every earlier release of `{place.app}`.",
            remedy="A rollback to one would bring the dead token back: roll back to a release that was made since.",
        )

    def settle(self, place: HerokuPlace, version: Version) -> None:
        number = number_of(version)
        if number is None:
            raise Permanent(f"{version} is not a release of `{place.app}`.")
        rollout.see_it_finish(self._api, place, number, self._history(place), self._clock.now())

    # --- setting the var ---

    def _put(self, place: HerokuPlace, value: SecretValue | None, expected: Version | None) -> Version:
        history = self._history(place)
        now = self._stored(place, history.in_force)
        if _same(now.value, value):
            return now.version
        if history.newest.status is Status.PENDING:
            return self._under_way(place, value, history.newest)
        if not self._is_as_expected(place, now, expected):
            raise Conflict(
                f"{place.var} of `{place.app}` was changed by somebody else: it is not what it was at "
                f"{expected or 'the time when there was no such app'}.",
                remedy=f"See `heroku releases --app {place.app}` for who; then plan anew from what it holds now.",
            )
        self._together.set(place.app, place.var, value)
        return self._made(place, value, history.newest)

    def _under_way(self, place: HerokuPlace, value: SecretValue | None, pending: Release) -> Version:
        """Find our own earlier write in a release that is not done yet. Somebody else's is waited for."""
        if _same(self._stored(place, pending).value, value):
            return pending.version
        raise Temporary(
            f"`{place.app}` is being released ({pending.version}); nothing was set.",
            remedy=f"It is waited for; see `heroku releases:output {pending.version} --app {place.app}`.",
            retry_after=rollout.LOOK_AGAIN,
        )

    def _is_as_expected(self, place: HerokuPlace, now: Stored, expected: Version | None) -> bool:
        if now.version == expected:
            return True
        earlier = self.read(place, expected) if expected else None
        return earlier is not None and _same(earlier.value, now.value)

    def _made(self, place: HerokuPlace, value: SecretValue | None, before: Release) -> Version:
        """Find the release that our change made. What goes wrong from here on is Ambiguous: something was set."""
        try:
            newest = self._history(place).newest
            holds_it = _same(self._stored(place, newest).value, value)
        except RotatorError as error:
            raise Ambiguous(
                f"{place.var} of `{place.app}` was set, and could not be read back: {error.what}", remedy=error.remedy
            ) from error
        if newest.number == before.number:
            raise Ambiguous(
                f"{place.var} of `{place.app}` was set, and no release was made of it yet.",
                remedy=f"Should none follow: heroku releases:retry --app {place.app}",
            )
        if not holds_it:
            raise Ambiguous(
                f"{place.var} of `{place.app}` was set, and {newest.version} holds something else.",
                remedy=f"Does somebody else set it, too? See `heroku releases --app {place.app}`.",
            )
        return newest.version

    # --- looking ---

    def _history(self, place: HerokuPlace) -> History:
        history = self._api.history(place.app)
        if history is None:
            raise self._missing(place)
        return history

    def _stored(self, place: HerokuPlace, release: Release) -> Stored:
        stored = self._api.stored(place, release.number)
        if stored is None:
            raise self._missing(place)
        return stored

    def _missing(self, place: HerokuPlace) -> Permanent:
        return Permanent(
            f"{self._api.server} knows no app `{place.app}`.",
            remedy="Check `app`, and that the token's account is among the app's collaborators.",
        )


def _same(one: SecretValue | None, other: SecretValue | None) -> bool:
    return one.same_as(other) if one else other is None
