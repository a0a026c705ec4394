"""The one place where the parts are put together: policies, plug-ins, ledger, clock, runner."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from rotator.config.channels import address_of
from rotator.config.plugins import Plugins
from rotator.config.policy_source.in_force import PolicySource
from rotator.config.policy_source.opening import open_policy_source
from rotator.config.settings import Settings
from rotator.domain.clock import Clock
from rotator.domain.errors import Problem
from rotator.domain.policy import Connection, PolicySet
from rotator.observe.logs import logger
from rotator.open_connections import OpenConnections

if TYPE_CHECKING:
    from rotator.domain.model import Event
    from rotator.flow.budget import ConnectionBudget
    from rotator.flow.messenger import Tells
    from rotator.flow.runner import Runner
    from rotator.ledger.ledger import Ledger
    from rotator.observe.sending import Channel


class App:
    """One process's product, made from its settings. Everything is opened when it is first asked for."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.plugins = Plugins()

    @cached_property
    def source(self) -> PolicySource:
        """Where the policies come from, for as long as this process lives."""
        return open_policy_source(self.settings)

    @cached_property
    def policies(self) -> PolicySet:
        """What is in force: all policies, valid as a whole. InvalidInput names every problem where nothing is good.

        Older policies than the newest, which are in force because those are not good, are told in the log.
        """
        in_force = self.source.in_force
        if in_force is None:
            in_force = self.source.load()
            for problem in self.source.problems:
                logger().warning(f"the newest policies are refused, the last good ones are in force: {problem}")
        self.plugins = in_force.plugins
        return in_force.policies

    def add_own_profiles(self) -> list[Problem]:
        """Make the profiles in the folder of policies known, without the policies; give what is wrong with them.

        Only in a folder of this machine: a repository is not asked for it.
        """
        from rotator.config.own_profiles import add_own_profiles  # noqa: PLC0415  who reads policies has them already

        return [] if self.settings.repository else add_own_profiles(self.settings.policies, self.plugins)

    @cached_property
    def connections(self) -> OpenConnections:
        return OpenConnections(self.policies, self.plugins, self.clock, self._budget)

    def _budget(self, connection: Connection) -> ConnectionBudget:
        from rotator.flow.budget import ConnectionBudget  # noqa: PLC0415  only what goes online needs it
        from rotator.ledger.owners import this_process  # noqa: PLC0415  as above

        return ConnectionBudget(connection.name, connection.limits, lambda: self.ledger, self.clock, this_process())

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, made or migrated as needed. LedgerUnavailable says what to do."""
        from rotator.ledger.ledger import Ledger  # noqa: PLC0415  SQLAlchemy takes 0.3 s; `check` needs none of it

        return Ledger.open(self.settings.ledger_address, key_file=self.settings.fingerprint_key)

    def runner(
        self,
        *observers: Callable[[Event], None],
        patience: timedelta | None = None,
        stays: bool = True,
        actor: str | None = None,
        measured: Callable[[str, timedelta], None] = lambda _step, _took: None,
    ) -> Runner:
        """Give a runner that tells ``observers`` of every event, and ``measured`` how long each step took."""
        from rotator.flow.runner import PATIENCE, Runner  # noqa: PLC0415  it brings the ledger with it
        from rotator.flow.work import Tools  # noqa: PLC0415  as above
        from rotator.ledger.owners import this_process  # noqa: PLC0415  as above

        who = actor or logged_in()
        trial_of = self.connections.trial_of
        tools = Tools(self.ledger, self.clock, self.connections, who, this_process(), observers, measured, trial_of)
        return Runner(tools, PATIENCE if patience is None else patience, stays=stays)

    def messenger(self, *, knows_all: bool) -> Tells:
        """Give whom to let know what people should hear of. ``knows_all``: our policies are all there are."""
        from rotator.flow.delivery import Delivery  # noqa: PLC0415  it brings the ledger with it
        from rotator.flow.messenger import Messenger, Silent  # noqa: PLC0415  as above
        from rotator.flow.telling import Telling  # noqa: PLC0415  as above
        from rotator.ledger.owners import this_process  # noqa: PLC0415  as above

        channels = self.channels()
        if not channels:
            return Silent()
        telling = Telling(lambda: self.ledger, self.clock, channels, knows_all=knows_all)
        delivery = Delivery(lambda: self.ledger, self.clock, channels, this_process())
        return Messenger(telling, delivery, self.clock)

    def channels(self) -> list[Channel]:
        """Give the channels of the settings. Nobody's address is looked up yet."""
        from rotator.observe.sending import Channel  # noqa: PLC0415  only where people are told

        return [
            Channel(name, address_of(name, setting), setting.successes)
            for name, setting in self.settings.notify.items()
        ]

    def close(self) -> None:
        """Close what was opened: connections to providers, and the ledger."""
        if "connections" in self.__dict__:
            self.connections.close()
        if "ledger" in self.__dict__:
            self.ledger.close()


def logged_in() -> str:
    """Say who acts, for the history: the login name, and through which account it was reached with sudo."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # no such user: a container with an arbitrary uid
        name = f"uid {os.getuid()}"
    return f"{os.environ['SUDO_USER']} (as {name})" if os.environ.get("SUDO_USER") else name
