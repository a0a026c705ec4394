"""When a new value takes effect: its release has succeeded, and dynos have been replaced by ones that run it.

Each call looks once. An app with a release command takes as long as that command does, up to an hour.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from providers.stores.heroku.api import Api
from providers.stores.heroku.plugin import HerokuPlace
from providers.stores.heroku.releases import History, Status
from rotator.domain.errors import NeedsOperator, Permanent, Temporary

LOOK_AGAIN: Final = timedelta(seconds=10)

_NAMES_SHOWN: Final = 5
_PREBOOT: Final = timedelta(minutes=5)
"""For three minutes or so old web dynos go on beside the new ones, then for half a minute to end what they have begun;
a longer time to boot makes it more. They are not listed meanwhile (Dev Center, "Preboot")."""


def see_it_finish(api: Api, place: HerokuPlace, number: int, history: History, now: datetime) -> None:
    """Return once the app runs release ``number``, or a later one. Temporary: not yet; NeedsOperator: it failed."""
    if history.in_force.number != number:
        _refuse_unless_in_force(api, place, number, history)
    behind = api.dynos_before(place.app, number)
    if behind:
        names = ", ".join(behind[:_NAMES_SHOWN]) + (" …" if len(behind) > _NAMES_SHOWN else "")
        raise Temporary(
            f"{names} of `{place.app}` still run a release before v{number}.",
            remedy=f"They are being replaced; should it never end: heroku ps:restart --app {place.app}",
            retry_after=LOOK_AGAIN,
        )
    until = history.in_force.since + _PREBOOT
    if now < until and api.preboots(place.app):
        raise Temporary(
            f"`{place.app}` has preboot: web dynos from before {history.in_force.version} may go on, unlisted.",
            remedy="They end within five minutes.",
            retry_after=until - now,
        )


def _refuse_unless_in_force(api: Api, place: HerokuPlace, number: int, history: History) -> None:
    release = api.release(place.app, number)
    if release is None:
        raise Permanent(f"`{place.app}` has no release v{number} any more.", remedy="Was the app made anew?")
    if release.status is Status.PENDING:
        raise Temporary(
            f"The release command of v{number} of `{place.app}` is still running.",
            remedy=f"See: heroku releases:output v{number} --app {place.app}",
            retry_after=LOOK_AGAIN,
        )
    if release.status is Status.FAILED and not _is_carried_by_another(api, place, number, history):
        raise NeedsOperator(
            f"The release command of v{number} of `{place.app}` failed: dynos go on with the old value of {place.var}. "
            "The old token was not revoked.",
            remedy=f"`heroku releases:output v{number} --app {place.app}` says why. Put it right, then run `rotate "
            "resume`, which sets it again.",
        )
    if release.status is Status.SUCCEEDED and history.in_force.number < number:
        raise Temporary(f"v{number} of `{place.app}` is done, and not in force yet.", retry_after=LOOK_AGAIN)


def _is_carried_by_another(api: Api, place: HerokuPlace, number: int, history: History) -> bool:
    """Tell whether what is in force has the failed release's value: it was retried, or the app deployed since."""
    failed, in_force = api.stored(place, number), api.stored(place, history.in_force.number)
    return bool(failed and failed.value and in_force and failed.value.same_as(in_force.value))
