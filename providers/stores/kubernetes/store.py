"""One key of a Secret, as a store: read, changed alone, compared by the API server before it is set."""

from __future__ import annotations

from providers.stores.kubernetes import rollout
from providers.stores.kubernetes.api import Api, Document, Overtaken, Resource
from providers.stores.kubernetes.failures import PERMISSIONS
from providers.stores.kubernetes.plugin import KubernetesPlace
from providers.stores.kubernetes.secret import Secret, new_secret, resource_of
from rotator.domain.clock import Clock
from rotator.domain.contracts import Stored, StoreTraits
from rotator.domain.errors import Ambiguous, Conflict, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version


class KubernetesStore:
    """Fulfils ``contracts.Store``.

    A write is in force at once, and nothing is kept of the value before it. The key of a write stands in an annotation
    for people to see; whether a write arrived is told by the value, which nobody strips off.
    """

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    def traits(self, place: KubernetesPlace) -> StoreTraits:
        return StoreTraits(
            readable=True, versioned=False, stages=False, compares_and_sets=True, settles=bool(place.rollout)
        )

    def current(self, place: KubernetesPlace) -> Stored | None:
        secret = self._look(place)
        return secret.stored() if secret else None

    def preflight(self, place: KubernetesPlace) -> Stored | None:
        ours, readers = resource_of(place), rollout.workloads(place)
        self._demand([(verb, resource) for resource in (ours, *readers) for verb in ("get", "patch")])
        secret = self._look(place)
        if secret:
            secret.refuse_unwritable()
        else:
            self._refuse_to_create(place)
            self._demand([("create", ours)])
        rollout.refuse_what_cannot_roll(self._api, place)
        return secret.stored() if secret else None

    def write(self, place: KubernetesPlace, value: SecretValue, expected: Version | None, key: str) -> Version:
        secret = self._look(place)
        if secret and value.same_as(secret.value()):
            return secret.version
        if (secret.version if secret else None) != expected:
            raise self._conflict(place, secret)
        if secret:
            secret.refuse_unwritable()
        else:
            self._refuse_to_create(place)
        try:
            after = self._put(place, secret, value, key)
        except Overtaken as overtaken:
            return self._overtaken(place, value, expected, overtaken)
        return self._as_given(Secret(place, after), value)

    def promote(self, place: KubernetesPlace, version: Version, expected: Version | None) -> None:
        """Nothing to do: nothing stages."""

    def read(self, place: KubernetesPlace, version: Version) -> Stored | None:
        current = self.current(place)
        return current if current and current.version == version else None

    def written(self, place: KubernetesPlace, key: str) -> Stored | None:  # noqa: ARG002  told by the value, see above
        return self.current(place)

    def restore(self, place: KubernetesPlace, version: Version, expected: Version | None) -> Version:  # noqa: ARG002  there is nothing to put back
        if self.read(place, version):
            return version
        raise Permanent(
            f"What the {resource_of(place)} held at version {version} is gone: Kubernetes keeps no earlier value.",
            remedy="Go forward, or write the old value by hand.",
        )

    def discard(self, place: KubernetesPlace, key: str) -> None:
        """Nothing to do: nothing stages."""

    def settle(self, place: KubernetesPlace, version: Version) -> None:
        """Roll out what the place names under ``rollout``; without that, consumers see to it themselves."""
        rollout.roll_out(self._api, self._clock, place, version)

    # --- the Secret ---

    def _look(self, place: KubernetesPlace) -> Secret | None:
        document = self._api.get(resource_of(place))
        return Secret(place, document) if document else None

    def _put(self, place: KubernetesPlace, secret: Secret | None, value: SecretValue, key: str) -> Document:
        if secret is None:
            return self._api.create(resource_of(place), new_secret(place, value, key))
        return self._api.patch(resource_of(place), secret.change(value, key))

    def _overtaken(
        self, place: KubernetesPlace, value: SecretValue, expected: Version | None, overtaken: Overtaken
    ) -> Version:
        """Find out what a 409 means, by reading again."""
        newest = self._look(place)
        if newest and newest.holds(value):
            return newest.version  # our own earlier write, whose answer was lost, arrived in between
        if (newest.version if newest else None) == expected:
            raise Temporary(
                f"{self._api.server} refuses to change the {resource_of(place)}, and shows no change by anybody else."
            ) from overtaken
        raise self._conflict(place, newest) from overtaken

    def _as_given(self, after: Secret, value: SecretValue) -> Version:
        """Take the answer's word for what was stored: an admission webhook may have changed it."""
        if not after.holds(value):
            raise Ambiguous(
                f"{self._api.server} took the write to the {resource_of(after.place)}, and stored something else.",
                remedy="An admission webhook may change Secrets; look at the key before going on.",
            )
        return after.version

    # --- what is said of it ---

    def _refuse_to_create(self, place: KubernetesPlace) -> None:
        if not place.create:
            raise Permanent(
                f"There is no {resource_of(place)}.",
                remedy="Check `namespace` and `secret`, or set `create: true`.",
            )

    def _demand(self, needed: list[tuple[str, Resource]]) -> None:
        """Name every permission that is missing. Where we may not ask for that, the calls themselves will tell."""
        missing = [f"`{verb}` on {resource}" for verb, resource in needed if self._api.allows(verb, resource) is False]
        if missing:
            raise Permanent(
                f"{self._api.server}: the connection's user lacks {', '.join(missing)}.",
                remedy=f"Grant it with a Role, see {PERMISSIONS}.",
            )

    def _conflict(self, place: KubernetesPlace, found: Secret | None) -> Conflict:
        now = f"it is at resourceVersion {found.version}" if found else "it is gone"
        return Conflict(
            f"The {resource_of(place)} was changed by somebody else since we looked: {now}.",
            remedy="See who writes there; then plan anew from what it holds now.",
        )
