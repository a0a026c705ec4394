"""One secret on GitHub, as a store. Nobody reads a value back: what GitHub tells is when the secret was last set.

That time, to the second, is our version. It is compared before a write, which is no compare-and-set: who writes
between our look and our write, or within the same second, is not noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from providers.stores.github_actions.failures import Doing, not_github
from providers.stores.github_actions.plugin import GitHubPlace, Kind, Visibility
from providers.stores.github_actions.scope import name_of, path_of, scope_of
from providers.stores.github_actions.sealing import ScopeKey, refuse_too_large, seal
from providers.stores.github_actions.session import Found, GitHub
from rotator.domain.clock import Clock
from rotator.domain.contracts import Stored, StoreTraits
from rotator.domain.errors import Ambiguous, Conflict, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

_TRAITS: Final = StoreTraits(readable=False, versioned=False, compares_and_sets=False)
_LOOKS_AFTER_A_WRITE: Final = 4
_BETWEEN_LOOKS: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class _Secret:
    """What GitHub tells of a secret."""

    version: Version
    updated_at: datetime
    visibility: Visibility | None

    @property
    def stored(self) -> Stored:
        return Stored(None, self.version, {"visibility": self.visibility} if self.visibility else {})


class GitHubStore:
    """Fulfils ``contracts.Store``. A write is in force at once: nothing stages.

    GitHub keeps no key beside a secret. A write that is repeated in the same process is known by the time that the
    first one made; after a lost answer, or in another process, a repeat under the old ``expected`` is a Conflict.
    """

    def __init__(self, github: GitHub, clock: Clock) -> None:
        self._github = github
        self._clock = clock
        self._last_writes: dict[str, tuple[str, Version]] = {}

    def traits(self, _place: GitHubPlace) -> StoreTraits:
        return _TRAITS

    def current(self, place: GitHubPlace) -> Stored | None:
        found = self._find(place)
        return found.stored if found else None

    def preflight(self, place: GitHubPlace) -> Stored | None:
        """What only a write shows is not found here: whether the token may write, and not only read."""
        found = self._find(place)
        _refuse_unwritable(place, found)
        self._key(place)
        return found.stored if found else None

    def write(self, place: GitHubPlace, value: SecretValue, expected: Version | None, key: str) -> Version:
        refuse_too_large(value, name_of(place))
        found = self._find(place)
        before = found.version if found else None
        if before is not None and self._last_writes.get(path_of(place)) == (key, before):
            return before
        if before != expected:
            raise _conflict(place, before, expected)
        _refuse_unwritable(place, found)
        readers = self._readers(place, found)
        scope_key = self._key(place)
        sealed = {"encrypted_value": seal(value, scope_key, name_of(place)), "key_id": scope_key.id}
        self._github.put(
            path_of(place), {**sealed, **readers}, _doing(place, f"set the {name_of(place)}", changes=True)
        )
        version = self._version_after_a_write(place, before)
        self._last_writes[path_of(place)] = (key, version)
        return version

    def promote(self, place: GitHubPlace, version: Version, expected: Version | None) -> None:
        """Nothing to do: nothing stages."""

    def read(self, place: GitHubPlace, version: Version) -> Stored | None:
        current = self.current(place)
        return current if current is not None and current.version == version else None

    def written(self, place: GitHubPlace, key: str) -> Stored | None:  # noqa: ARG002  # GitHub keeps no key
        return self.current(place)

    def restore(self, place: GitHubPlace, version: Version, expected: Version | None) -> Version:  # noqa: ARG002  # nothing to compare for
        raise Permanent(
            f"GitHub keeps no earlier value of the {name_of(place)}.", remedy="Go forward: write a new one."
        )

    def discard(self, place: GitHubPlace, key: str) -> None:
        """Nothing to do: nothing stages."""

    def settle(self, place: GitHubPlace, version: Version) -> None:
        """See that nobody set the secret after us: the only thing that can be confirmed where nothing is read.

        Runs that were queued before keep the old value; only the policy's overlap is for them.
        """
        found = self._find(place)
        if found is None or found.updated_at > _time(version):
            raise _conflict(place, found.version if found else None, version)
        if found.version != version:
            raise Temporary(f"GitHub still shows the {name_of(place)} as it was before it was set at {version}.")

    # --- what GitHub tells ---

    def _find(self, place: GitHubPlace) -> _Secret | None:
        """Give what is known of the secret; None where its scope exists and has none. Permanent: there is no scope."""
        found = self._github.get(path_of(place), _doing(place, f"look at the {name_of(place)}"))
        if found is None:
            self._key(place)
            return None
        version = found.text("updated_at")
        try:
            updated_at = _time(version)
            visibility = Visibility(found.text("visibility")) if place.organization else None
        except ValueError as error:
            raise not_github(f"GitHub described the {name_of(place)} in a way that is not known.") from error
        return _Secret(Version(version), updated_at, visibility)

    def _key(self, place: GitHubPlace) -> ScopeKey:
        doing = _doing(place, f"give the public key of {scope_of(place).named}")
        found = self._github.get(f"{scope_of(place).path}/public-key", doing)
        if found is None:
            raise Permanent(
                f"{self._github.server} knows nothing of {scope_of(place).named}.",
                remedy="Check the name in the policy, and that the token may use this repository or organisation: "
                "what a token cannot see does not exist for it.",
            )
        return ScopeKey(_key_id(found), found.text("key"))

    def _readers(self, place: GitHubPlace, found: _Secret | None) -> Mapping[str, Any]:
        """Give who may read an organisation's secret: a write sets that anew, so what is there is sent back."""
        if place.organization is None:
            return {}
        visibility = found.visibility if found else place.visibility
        if visibility is not Visibility.SELECTED:
            return {"visibility": visibility}
        ids = self._selected(place) if found else place.selected_repository_ids
        # Dependabot's endpoint takes the numbers as text.
        numbers = [str(number) for number in ids] if place.kind is Kind.DEPENDABOT else list(ids)
        return {"visibility": visibility, "selected_repository_ids": numbers}

    def _selected(self, place: GitHubPlace) -> tuple[int, ...]:
        doing = _doing(place, f"list the repositories that may read the {name_of(place)}")
        repositories = self._github.get_all(f"{path_of(place)}/repositories", "repositories", doing)
        ids = [repository.get("id") if isinstance(repository, dict) else None for repository in repositories]
        numbers = tuple(number for number in ids if isinstance(number, int))
        if len(numbers) != len(ids):
            raise not_github(f"GitHub gave repositories without a number when asked to {doing.what}.")
        return numbers

    def _version_after_a_write(self, place: GitHubPlace, before: Version | None) -> Version:
        """Give the time that our write made. A look just after a write may still show the one before."""
        try:
            for _ in range(_LOOKS_AFTER_A_WRITE):
                found = self._find(place)
                if found is not None and found.version != before:
                    return found.version
                if not self._clock.wait(_BETWEEN_LOOKS):
                    break
        except RotatorError as error:
            wait = error.retry_after if isinstance(error, Temporary) else None
            raise Ambiguous(
                f"GitHub took the {name_of(place)}, and did not tell afterwards when it was set. {error.what}",
                remedy=error.remedy,
                retry_after=wait,
            ) from error
        raise Ambiguous(
            f"GitHub said that it set the {name_of(place)}, and does not show it.",
            remedy=f"It tells the same as before: {_said(before)}.",
        )


def _doing(place: GitHubPlace, what: str, *, changes: bool = False) -> Doing:
    return Doing(what, scope_of(place).permission, changes)


def _key_id(found: Found) -> str:
    """GitHub gives text; its schema allows a number too."""
    number = found.fields.get("key_id")
    return str(number) if isinstance(number, int) else found.text("key_id")


def _time(version: str) -> datetime:
    moment = datetime.fromisoformat(version)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refuse_unwritable(place: GitHubPlace, found: _Secret | None) -> None:
    if found is None and not place.create:
        raise Permanent(
            f"There is no {name_of(place)}.",
            remedy="Check the names and the `kind`, or set `create: true`.",
        )


def _conflict(place: GitHubPlace, found: Version | None, expected: Version | None) -> Conflict:
    return Conflict(
        f"The {name_of(place)} was changed by somebody else: expected {_said(expected)}, found {_said(found)}.",
        remedy="See in the audit log of GitHub who sets it; only one may.",
    )


def _said(version: Version | None) -> str:
    return f"last set at {version}" if version else "not there"
