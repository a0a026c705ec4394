"""One CI/CD variable on GitLab, as a store: only its value is set, and all else about it stays.

GitLab keeps no earlier value, no key beside a value, and compares nothing: the variable is looked at just before a
write, which is no compare-and-set. A hidden variable is write-only, and tells nothing at all of its value.
"""

from __future__ import annotations

from providers.stores.gitlab.plugin import GitLabPlace, NewVisibility
from providers.stores.gitlab.session import Session
from providers.stores.gitlab.variable import (
    EVERYWHERE,
    Variable,
    named,
    refuse_what_jobs_would_not_get,
)
from providers.stores.gitlab.variables import Overtaken, Variables
from rotator.domain.contracts import Stored, StoreTraits
from rotator.domain.errors import Ambiguous, Conflict, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version


class GitLabStore:
    """Fulfils ``contracts.Store``. Nothing stages, and a job gets what is there when it is started.

    A write that is repeated finds its value in place. Where the variable is hidden it is known by its key, in this
    process; in another one the same value is set once more.
    """

    def __init__(self, session: Session) -> None:
        self._variables = Variables(session)
        self._readable: dict[GitLabPlace, bool] = {}
        self._last_keys: dict[GitLabPlace, str] = {}

    def traits(self, place: GitLabPlace) -> StoreTraits:
        """Asks GitLab when the variable was never seen. Each later look corrects what is remembered of it."""
        if place not in self._readable:
            self._look(place)
        readable = self._readable.get(place, place.visibility is not NewVisibility.HIDDEN)
        return StoreTraits(readable=readable, versioned=False, compares_and_sets=False)

    def current(self, place: GitLabPlace) -> Stored | None:
        variable = self._look(place)
        return variable.stored() if variable else None

    def preflight(self, place: GitLabPlace) -> Stored | None:
        variable = self._look(place)
        if variable:
            self._variables.refuse_where_scopes_do_not_count(place)
        else:
            _refuse_to_create(place)
        self._variables.refuse_a_token_that_only_reads(place)
        return variable.stored() if variable else None

    def write(self, place: GitLabPlace, value: SecretValue, expected: Version | None, key: str) -> Version:
        found = self._look(place)
        refuse_what_jobs_would_not_get(place, found, value)
        if found and self._is_there(place, found, value, key):
            return found.version
        if (found.version if found else None) != expected:
            raise _conflict(place, found, expected)
        try:
            after = self._put(place, found, value)
        except Overtaken as overtaken:
            return self._overtaken(place, value, expected, overtaken)
        self._refuse_what_did_not_happen(place, found, value, after)
        self._readable[place] = not after.hidden
        self._last_keys[place] = key
        return after.version

    def promote(self, place: GitLabPlace, version: Version, expected: Version | None) -> None:
        """Nothing to do: nothing stages."""

    def read(self, place: GitLabPlace, version: Version) -> Stored | None:
        current = self.current(place)
        return current if current and current.version == version else None

    def written(self, place: GitLabPlace, key: str) -> Stored | None:  # noqa: ARG002  # GitLab keeps no key
        return self.current(place)

    def restore(self, place: GitLabPlace, version: Version, expected: Version | None) -> Version:  # noqa: ARG002  # there is nothing to put back
        raise Permanent(f"GitLab keeps no earlier value of {named(place)}.", remedy="Go forward: write a new one.")

    def discard(self, place: GitLabPlace, key: str) -> None:
        """Nothing to do: nothing stages."""

    def settle(self, place: GitLabPlace, version: Version) -> None:
        """Nothing to wait for. Jobs that run already keep the old value; the policy's overlap is for them."""

    # --- the variable ---

    def _look(self, place: GitLabPlace) -> Variable | None:
        variable = self._variables.find(place)
        if variable:
            self._readable[place] = not variable.hidden
        else:
            self._readable.pop(place, None)
            self._last_keys.pop(place, None)
        return variable

    def _is_there(self, place: GitLabPlace, found: Variable, value: SecretValue, key: str) -> bool:
        return self._last_keys.get(place) == key if found.hidden else value.same_as(found.value)

    def _put(self, place: GitLabPlace, found: Variable | None, value: SecretValue) -> Variable:
        if found is None:
            _refuse_to_create(place)
            return self._variables.create(place, value)
        return self._variables.edit(place, found, value)

    def _overtaken(
        self, place: GitLabPlace, value: SecretValue, expected: Version | None, overtaken: Overtaken
    ) -> Version:
        """Find out who was faster, by looking again."""
        newest = self._look(place)
        if newest and value.same_as(newest.value):
            return newest.version  # our own earlier write, whose answer was lost, arrived in between
        if (newest.version if newest else None) == expected:
            raise Temporary(
                f"{self._variables.server} refuses to write {named(place)}, and shows no change.",
                remedy="If it goes on so, look at the variables of this key in GitLab: is one for other environments?",
            ) from overtaken
        raise _conflict(place, newest, expected) from overtaken

    def _refuse_what_did_not_happen(
        self, place: GitLabPlace, before: Variable | None, value: SecretValue, after: Variable
    ) -> None:
        """Hold what GitLab says it did against what it was asked for.

        A group's variable that was removed since we looked is the worst of it: GitLab then sets another one of the
        key (lib/api/group_variables.rb). On a tier without scopes for groups it makes a variable for all environments.
        """
        scope = before.scope if before else place.environment_scope or EVERYWHERE
        if (after.key, after.scope) != (place.var, scope):
            raise Ambiguous(
                f"{self._variables.server} was asked to set {named(place)} for `{scope}`, and set the one for "
                f"`{after.scope}`.",
                remedy=f"Give `{place.var}` for `{after.scope}` its own value back, or remove it if it is new, and "
                "look whether the tier has environment scopes for groups.",
            )
        if not after.hidden and not value.same_as(after.value):
            raise Ambiguous(
                f"{self._variables.server} took the write to {named(place)}, and shows another value.",
                remedy="Does somebody else set it, too?",
            )


def _refuse_to_create(place: GitLabPlace) -> None:
    if not place.create:
        raise Permanent(
            f"There is no {named(place)}.",
            remedy="Check `var` and `environment_scope`, which must be just as GitLab shows it, or set `create: true`.",
        )


def _conflict(place: GitLabPlace, found: Variable | None, expected: Version | None) -> Conflict:
    now = f"version {found.version}" if found else "nothing there"
    awaited = f"version {expected}" if expected else "nothing there"
    return Conflict(
        f"{named(place)} was changed by somebody else: expected {awaited}, found {now}.",
        remedy="See in the audit events of GitLab who sets it; only one may.",
    )
