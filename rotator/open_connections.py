"""The connections of the policies, opened when they are needed and kept for as long as the process lives."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rotator.config import destinations
from rotator.config.access import ConnectionAccess
from rotator.config.plugins import Plugins
from rotator.config.stored_credential import StoredCredential, credentials_in_stores
from rotator.domain.clock import Clock
from rotator.domain.contracts import Access, Issuer, Where
from rotator.domain.errors import LeadsElsewhere, NeedsOperator
from rotator.domain.policy import Connection, Policy, PolicySet
from rotator.domain.terms import ConnectionName, IssuerRef, SecretName, Target
from rotator.domain.trial import Trial

if TYPE_CHECKING:
    from rotator.domain.model import Rotation
    from rotator.flow.budget import ConnectionBudget
    from rotator.flow.work import OpenDestination


class OpenConnections:
    """Opens issuers and stores by what rotations name, and keeps them for as long as the process lives."""

    def __init__(
        self, policies: PolicySet, plugins: Plugins, clock: Clock, budget: Callable[[Connection], ConnectionBudget]
    ) -> None:
        self._policies = policies
        self._plugins = plugins
        self._clock = clock
        self._budget = budget
        self._lock = threading.RLock()
        """Reentrant: opening a connection may open the store that its credentials lie in. Nobody is called under it."""
        self._access: dict[ConnectionName, ConnectionAccess] = {}
        self._budgets: dict[ConnectionName, ConnectionBudget] = {}
        self._opened: dict[tuple[ConnectionName, str], Any] = {}
        self._stored: dict[ConnectionName, dict[str, StoredCredential]] = {}
        self._trials: dict[SecretName, Trial] | None = None

    def issuer(self, ref: IssuerRef) -> Issuer:
        """Open an issuer. LeadsElsewhere: its connection has another address than when the reference was made."""
        with self._lock:  # from the look-up on: a connection that changes meanwhile is not kept as it was
            connection = self._connection(ref.connection)
            if IssuerRef(connection.name, hosts=connection.hosts).may_be_another(ref):
                raise _leads_elsewhere(connection, ref)
            plugin = self._plugins.issuer(connection.provider)
            options = plugin.options.model_validate(ref.options)
            key = (connection.name, json.dumps(ref.options, sort_keys=True, default=str))
            issuer: Issuer = self._once(key, connection, lambda access: plugin.open(connection.config, options, access))
            return issuer

    def destination(self, target: Target) -> OpenDestination:
        """Open a destination. A credential that is read from there is read anew: it may be about to change."""
        opened = self._open_place(target)
        with self._lock:
            same = [each for stored in self._stored.values() for each in stored.values() if each.target == target]
        for credential in same:
            credential.forget()
        return opened

    def where(self, target: Target) -> Where:
        """Tell where a destination's value lies. Nothing is opened."""
        connection = self._connection(target.connection)
        plugin = self._plugins.store(connection.provider)
        return destinations.where(plugin, connection, plugin.place.model_validate(target.place))

    def trial_of(self, name: SecretName) -> Trial | None:
        """Give what the policy in force asks of a new token beside the issuer's word; None: nothing, or no policy."""
        with self._lock:
            if self._trials is None:  # looked for once: there may be very many policies
                self._trials = {policy.name: policy.trial for policy in self._policies.policies if policy.trial}
            return self._trials.get(name)

    def stored_credentials(self) -> Iterator[StoredCredential]:
        """Give every credential of a connection that lies in a store. None is looked up yet."""
        for connection in self._policies.connections.values():
            if any(credentials_in_stores(connection)):
                self._access_of(connection)
                yield from self._stored[connection.name].values()

    def _open_place(self, target: Target) -> OpenDestination:
        from rotator.flow.work import OpenDestination  # noqa: PLC0415  it brings the ledger with it

        with self._lock:  # as above
            connection = self._connection(target.connection)
            plugin = self._plugins.store(connection.provider)
            store = self._once((connection.name, ""), connection, lambda access: plugin.open(connection.config, access))
            return OpenDestination(store, plugin.place.model_validate(target.place))

    def use(self, policies: PolicySet, plugins: Plugins) -> None:
        """Open what these policies name from now on. A connection that says what it said before stays open.

        What is dropped is not closed: a rotation under way may be using it. It goes with its last user.
        """
        with self._lock:
            earlier, self._plugins = self._plugins, plugins
            before, self._policies = self._policies.connections, policies
            self._trials = None
            for name in _changed(before, earlier, policies.connections, plugins):
                self._access.pop(name, None)
                self._budgets.pop(name, None)
                self._stored.pop(name, None)
                for key in [key for key in self._opened if key[0] == name]:
                    del self._opened[key]

    def budgets(self) -> dict[ConnectionName, ConnectionBudget]:
        """Give the budget of each connection that was used so far."""
        with self._lock:
            return dict(self._budgets)

    def rests_until(self, policy: Policy) -> datetime | None:
        """Give until when a policy cannot be begun because one of its connections does not answer; None: it can.

        The stores that its connections read credentials from are among them.
        """
        names = {policy.issuer.connection, *(target.connection for target in policy.targets)}
        with self._lock:
            names |= {each.target.connection for name in names for each in self._stored.get(name, {}).values()}
        budgets = self.budgets()
        rests = [until for name in names if name in budgets and (until := budgets[name].rests_until()) is not None]
        return max(rests, default=None)

    def knows(self, rotation: Rotation) -> bool:
        """Tell whether the policies have every connection that a rotation names, and its issuer's as it was then."""
        names = {rotation.issuer.connection, *(place.target.connection for place in rotation.destinations)}
        connections = self._policies.connections
        if not names <= connections.keys():
            return False
        now = connections[rotation.issuer.connection]
        return not IssuerRef(now.name, hosts=now.hosts).may_be_another(rotation.issuer)

    @property
    def warnings(self) -> list[str]:
        """What a person should mend, though nothing stops for it: a credential's file that others may read."""
        return [warning for access in self._access.values() for warning in access.warnings]

    def close(self) -> None:
        for access in self._access.values():
            access.close()

    def _connection(self, name: ConnectionName) -> Connection:
        connection = self._policies.connections.get(name)
        if connection is None:
            raise NeedsOperator(
                f"The policies have no connection {name} any more.",
                remedy="Put it back until the rotation that uses it has ended.",
            )
        return connection

    def _once(self, key: tuple[ConnectionName, str], connection: Connection, make: Callable[[Access], Any]) -> Any:
        if key not in self._opened:
            self._opened[key] = make(self._access_of(connection))
        return self._opened[key]

    def _access_of(self, connection: Connection) -> ConnectionAccess:
        """Give what a connection works with. The stores of its credentials are opened now, not when one is asked for:
        that may be while the connection holds locks of its own.
        """
        name = connection.name
        with self._lock:
            if name not in self._access:
                stored = self._stored[name] = {
                    credential: self._in_store(credential, name, target)
                    for credential, target in credentials_in_stores(connection)
                }
                self._budgets[name] = budget = self._budget(connection)
                self._access[name] = ConnectionAccess(connection, self._clock, budget=budget, stored=stored)
            return self._access[name]

    def _in_store(self, credential: str, needed_by: ConnectionName, target: Target) -> StoredCredential:
        opened = self._open_place(target)
        return StoredCredential(credential, needed_by, target, opened.store, opened.place, self._clock)


def _leads_elsewhere(connection: Connection, ref: IssuerRef) -> LeadsElsewhere:
    return LeadsElsewhere(
        f"The connection {connection.name} leads to {', '.join(connection.hosts)} now, and led to "
        f"{', '.join(ref.hosts)} when this rotation began: another service would refuse its tokens, alive or not.",
        remedy="Give it its earlier address back until the rotation has ended, and another service a connection of its "
        "own; or see that it is the same service, which only moved.",
    )


def _changed(
    before: dict[ConnectionName, Connection],
    earlier: Plugins,
    after: dict[ConnectionName, Connection],
    plugins: Plugins,
) -> set[ConnectionName]:
    """Give the connections that say something else than before, and those that read their credentials from one."""

    def is_the_same(name: ConnectionName, connection: Connection) -> bool:
        same_plugin = earlier.find(connection.provider) is plugins.find(connection.provider)
        return same_plugin and _says_the_same(connection, after.get(name))

    changed = {name for name, connection in before.items() if not is_the_same(name, connection)}
    readers = {
        name
        for name, connection in before.items()
        if any(target.connection in changed for _, target in credentials_in_stores(connection))
    }
    return changed | readers


def _says_the_same(before: Connection, after: Connection | None) -> bool:
    """Compare what connections mean. The line one stands in does not matter; the folder its paths start from does."""

    def meaning(connection: Connection) -> tuple[object, ...]:
        return connection.provider, connection.config, connection.limits, connection.source.file.parent

    return after is not None and meaning(before) == meaning(after)
