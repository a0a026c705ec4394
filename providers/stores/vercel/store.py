"""One record of an environment variable, as a store.

Vercel keeps no earlier value, no key beside a value, and compares nothing: our version is the record's id with the time
of its last change, looked at just before a write. Sensitive records are write-only; what is known of them is that time.
"""

from __future__ import annotations

from typing import Final

from providers.stores.vercel.deployments import Deployments, Project
from providers.stores.vercel.failures import PERMISSIONS
from providers.stores.vercel.plugin import Redeploy, Target, VercelPlace
from providers.stores.vercel.record import Reach, Record, named, reach_of, the_record, will_be_readable
from providers.stores.vercel.redeploy import Redeployer
from providers.stores.vercel.session import Session
from providers.stores.vercel.variables import Overtaken, Variables, permission, policy_against
from rotator.domain.contracts import Access, Stored, StoreTraits
from rotator.domain.errors import Ambiguous, Conflict, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

_LARGEST: Final = 64 * 1024
"""Of all variables of a deployment together."""


class VercelStore:
    """Fulfils ``contracts.Store``. Nothing stages, and what changes is seen by the next deployment.

    A write to a readable record that is repeated finds its value in place. To a write-only one it is known, in this
    process, by the time that the first one made; in another, or after a lost answer, it is a Conflict.
    """

    def __init__(self, session: Session, access: Access) -> None:
        self._server = session.server
        self._variables = Variables(session)
        self._deployments = Deployments(session, access.clock)
        self._redeployer = Redeployer(self._deployments, access)
        self._readable: dict[VercelPlace, bool] = {}
        self._last_writes: dict[VercelPlace, tuple[str, Version]] = {}

    def traits(self, place: VercelPlace) -> StoreTraits:
        """Asks Vercel when the record was never seen. Each later look corrects what is remembered of it."""
        if place not in self._readable:
            self._look(place)
        readable = self._readable.get(place, will_be_readable(place))
        return StoreTraits(
            readable=readable, versioned=False, compares_and_sets=False, settles=place.redeploy is not Redeploy.NONE
        )

    def current(self, place: VercelPlace) -> Stored | None:
        _, record = self._look(place)
        return record.stored() if record else None

    def preflight(self, place: VercelPlace) -> Stored | None:
        reach, record = self._look(place)
        if record:
            record.refuse_unwritable(place)
        else:
            _refuse_to_create(place)
        project = self._deployments.project(place.project)
        self._refuse_without_permission(place, project, "update" if record else "create")
        self._refuse_by_policy(place, reach, record)
        self._redeployer.refuse_what_cannot_deploy(place, project)
        return record.stored() if record else None

    def write(self, place: VercelPlace, value: SecretValue, expected: Version | None, key: str) -> Version:
        _refuse_what_no_variable_holds(place, value)
        reach, record = self._look(place)
        if record and self._is_there(place, record, value, key):
            return record.version
        if (record.version if record else None) != expected:
            raise _conflict(place, record, expected)
        try:
            after = self._put(place, reach, record, value)
        except Overtaken as overtaken:
            return self._overtaken(place, value, expected, overtaken)
        self._refuse_what_did_not_happen(place, record, reach, after)
        self._readable[place] = after.is_readable
        self._last_writes[place] = (key, after.version)
        return after.version

    def promote(self, place: VercelPlace, version: Version, expected: Version | None) -> None:
        """Nothing to do: nothing stages."""

    def read(self, place: VercelPlace, version: Version) -> Stored | None:
        current = self.current(place)
        return current if current and current.version == version else None

    def written(self, place: VercelPlace, key: str) -> Stored | None:  # noqa: ARG002  # Vercel keeps no key
        return self.current(place)

    def restore(self, place: VercelPlace, version: Version, expected: Version | None) -> Version:  # noqa: ARG002  # there is nothing to put back
        if self.read(place, version):
            return version
        raise Permanent(f"Vercel keeps no earlier value of {named(place)}.", remedy="Go forward: write a new one.")

    def discard(self, place: VercelPlace, key: str) -> None:
        """Nothing to do: nothing stages."""

    def settle(self, place: VercelPlace, version: Version) -> None:
        """See the value deployed, as ``redeploy`` says."""
        self._redeployer.settle(place, version)

    # --- the record ---

    def _look(self, place: VercelPlace) -> tuple[Reach, Record | None]:
        """Find the place's record, with its value where that can be read."""
        records = self._variables.all_of(place)
        reach = reach_of(place, self._variables.custom_environment(place))
        record = the_record(place, reach, records)
        if record and record.is_readable:
            record = self._variables.opened(place, record)
        if record:
            self._readable[place] = record.is_readable
        else:
            self._readable.pop(place, None)
        return reach, record

    def _is_there(self, place: VercelPlace, record: Record, value: SecretValue, key: str) -> bool:
        if record.is_readable:
            return value.same_as(record.stored().value)
        return self._last_writes.get(place) == (key, record.version)

    def _put(self, place: VercelPlace, reach: Reach, record: Record | None, value: SecretValue) -> Record:
        if record is None:
            _refuse_to_create(place)
            return self._variables.create(place, reach, value)
        record.refuse_unwritable(place)
        return self._variables.edit(place, record, value)

    def _overtaken(
        self, place: VercelPlace, value: SecretValue, expected: Version | None, overtaken: Overtaken
    ) -> Version:
        """Find out who was faster, by looking again."""
        _, newest = self._look(place)
        if newest and newest.is_readable and value.same_as(newest.stored().value):
            return newest.version  # our own earlier write, whose answer was lost, arrived in between
        if (newest.version if newest else None) == expected:
            raise Temporary(f"{self._server} refuses to write {named(place)}, and shows no change.") from overtaken
        raise _conflict(place, newest, expected) from overtaken

    def _refuse_what_did_not_happen(
        self, place: VercelPlace, before: Record | None, reach: Reach, after: Record
    ) -> None:
        """Hold what Vercel says it did against what it was asked for."""
        if after.reach != reach or (before and (after.id, after.type) != (before.id, before.type)):
            raise Ambiguous(
                f"{self._server} took the write to {named(place)}, and says that it is another record now: {after}.",
                remedy="Look at the variable before going on.",
            )
        if before and after.updated_at <= before.updated_at:
            raise Ambiguous(
                f"{self._server} took the write to {named(place)}, and says that it was not changed since.",
                remedy="If it goes on so, set the variable by hand.",
            )

    # --- what stands in the way ---

    def _refuse_without_permission(self, place: VercelPlace, project: Project, action: str) -> None:
        """Name what the token's role lacks, where Vercel tells what it has. Else the write itself will tell."""
        needed = [(permission(place), action)]
        if place.redeploy is Redeploy.REDEPLOY:
            needed.append(("deployment", "create"))
        missing = [
            f"`{thing}: {act}`"
            for thing, act in needed
            if isinstance(granted := project.permissions.get(thing), list) and act not in granted
        ]
        if missing:
            raise Permanent(
                f"{self._server}: the token's role in project `{place.project}` lacks {' and '.join(missing)}.",
                remedy=f"Give its owner a role that has it, see {PERMISSIONS}.",
            )

    def _refuse_by_policy(self, place: VercelPlace, reach: Reach, record: Record | None) -> None:
        """What a team demands of a record for production and others is known before anything is touched."""
        is_secret = not (record.is_readable if record else will_be_readable(place))
        is_mixed = Target.PRODUCTION in reach.targets and len(reach.targets | reach.custom_environments) > 1
        if is_secret and is_mixed and (policies := self._variables.policies()).production_apart:
            raise Permanent(f"{named(place)} is for production and others.", remedy=policy_against(place, policies))


def _refuse_to_create(place: VercelPlace) -> None:
    if not place.create:
        raise Permanent(
            f"There is no {named(place)}.", remedy="Check `project`, `var` and `targets`, or set `create: true`."
        )


def _refuse_what_no_variable_holds(place: VercelPlace, value: SecretValue) -> None:
    size = len(value.reveal().encode(errors="surrogatepass"))
    if "\0" in value.reveal():
        raise Permanent(f"The value for {named(place)} has a NUL byte, which no environment variable can hold.")
    if size > _LARGEST:
        raise Permanent(f"The value for {named(place)} is larger than the 64 KB that Vercel allows.")


def _conflict(place: VercelPlace, found: Record | None, expected: Version | None) -> Conflict:
    now = f"version {found.version}" if found else "nothing there"
    awaited = f"version {expected}" if expected else "nothing there"
    return Conflict(
        f"{named(place)} was changed by somebody else: expected {awaited}, found {now}.",
        remedy="See in the team's activity log who sets it; only one may.",
    )
