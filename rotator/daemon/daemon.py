"""The process that people leave alone for years: its bell, its worker threads, its pages, and how it ends.

What it does is in ``service``. Here is what can go wrong around that: a ledger that goes away, policies that are
refused, a clock that jumps, a signal. It says so once, waits, and goes on.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from socket import gethostname
from typing import TYPE_CHECKING, Final

from rotator.config.policy_source.in_force import InForce, PolicySource
from rotator.daemon.bell import Bell
from rotator.daemon.health import HealthServer
from rotator.daemon.service import Service
from rotator.daemon.systemd import Systemd
from rotator.domain.errors import LedgerUnavailable
from rotator.flow.messenger import Silent, Tells
from rotator.flow.report import Outcome, Report
from rotator.observe.logs import log_event, logger
from rotator.observe.metrics import ConnectionReading, Metrics, Reading, SecretReading

if TYPE_CHECKING:
    from rotator.app import App

TICK: Final = timedelta(seconds=15)
"""How often the daemon looks for work. Nothing is due to the second."""

REFRESH: Final = timedelta(seconds=60)
"""How often it looks for new policies."""

_ALIVE: Final = 4 * TICK


class Daemon:
    """One daemon. ``run`` returns when the process was asked to stop, and everything in flight is written down."""

    def __init__(
        self, app: App, source: PolicySource, systemd: Systemd | None = None, messenger: Tells | None = None
    ) -> None:
        self._app = app
        self._messenger: Tells = messenger or Silent()
        self._source = source
        self._systemd = systemd or Systemd()
        self._metrics = Metrics(self._read, Outcome)
        self._lock = threading.Lock()
        self._bell = Bell(app.clock)
        self._busy = 0
        self._ledger_trouble = ""
        self._has_passed = False
        self._ticked_at = app.clock.now()
        self._open_by_state: dict[str, int] = {}
        self.pages = {"/live": self._live, "/ready": self._ready, "/metrics": lambda: (True, self._metrics.page())}

    def run(self) -> None:
        """Work until the process is to stop.

        Raises InvalidInput when there are no good policies to begin with, and LedgerUnavailable when the ledger
        cannot be opened or has a daemon already: then nothing was touched.
        """
        app, settings = self._app, self._app.settings
        in_force = self._source.load()
        for problem in self._source.problems:
            logger().error(f"the newest policies are refused, older ones stay in force: {problem}")
        with ExitStack() as ending:
            ending.enter_context(app.ledger.alone())
            self._service = self._serve(in_force)
            self._messenger.start()
            self._messenger.policies(in_force.policies, self._source.problems)
            ending.callback(self._messenger.finish)
            if settings.listen:
                health = HealthServer(settings.listen, self.pages)
                ending.callback(health.stop)
                health.start()
            self._pool = ending.enter_context(ThreadPoolExecutor(settings.workers, thread_name_prefix="rotation"))
            bell = self._bell
            ending.callback(bell.stop)
            ending.callback(self._systemd.tell, "STOPPING=1")
            bell.every(TICK, self.tick)
            bell.every(REFRESH, self.refresh)
            bell.start()
            self._systemd.tell("READY=1", f"STATUS={len(in_force.policies.policies)} policies")
            logger().info("the daemon is at work", policies=len(in_force.policies.policies))
            bell.listen(min(TICK, self._systemd.watchdog / 3) if self._systemd.watchdog else TICK, self._sign_of_life)
        logger().info("the daemon has stopped; what is under way is in the ledger")

    def _serve(self, in_force: InForce) -> Service:
        app = self._app
        who = f"the daemon on {gethostname()}"
        runner = app.runner(log_event, stays=False, measured=self._metrics.step, actor=who)
        self._metrics.ledger_up.set(1)
        self._metrics.policies_valid.set(0 if self._source.problems else 1)
        return Service(
            runner,
            in_force.policies,
            tell=self._tell,
            rests_until=app.connections.rests_until,
            knows=app.connections.knows,
            begin_per_hour=app.settings.begin_per_hour,
        )

    def reload(self) -> None:
        """Look for new policies, and for work, at once: somebody sent SIGHUP."""
        self._bell.ring()

    # --- what rings ----------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Have the idle workers look for work. Those that have some go on until there is none."""
        self._ticked_at = self._app.clock.now()
        with self._lock:
            idle = self._app.settings.workers - self._busy
            self._busy += idle
        for _ in range(idle):
            self._pool.submit(self._work)

    def refresh(self) -> None:
        """Look for new policies; act on good ones, and tell bad ones once."""
        refreshed = self._source.refresh()
        for problem in refreshed.problems:
            logger().error(f"the newest policies are refused, those in force stay: {problem}")
        if refreshed.healed:
            logger().info("the newest policies are good again")
        self._metrics.policies_valid.set(0 if self._source.problems else 1)
        if refreshed.in_force is not None:
            self._act_on(refreshed.in_force)
        if self._source.in_force is not None:
            self._messenger.policies(self._source.in_force.policies, self._source.problems)

    def _act_on(self, in_force: InForce) -> None:
        before, after = set(self._service.snapshot()), {policy.name for policy in in_force.policies.policies}
        for name in sorted(before - after):
            logger().warning("it has no policy any more; nothing is revoked for that, its token stays", secret=name)
        self._app.connections.use(in_force.policies, in_force.plugins)
        self._service.accept(in_force.policies)
        logger().info("new policies are in force", policies=len(after))
        self._systemd.tell(f"STATUS={len(after)} policies")
        self.tick()

    def _work(self) -> None:
        try:
            self._service.work()
            self._open_by_state = self._app.ledger.open_by_state(self._app.clock.now())
        except LedgerUnavailable as error:
            self._ledger_is_gone(error)
        except Exception as bug:  # noqa: BLE001  a worker's thread must not die of it unseen; its rotation is in the ledger
            logger().error("a worker failed in a way nobody foresaw", error=type(bug).__name__, exc_info=bug)
        else:
            self._ledger_is_there()
        finally:
            with self._lock:
                self._busy -= 1

    def _ledger_is_gone(self, error: LedgerUnavailable) -> None:
        self._metrics.ledger_up.set(0)
        if not self._ledger_trouble:
            logger().error(f"the ledger is gone, and nothing is done without it: {error}")
            self._messenger.ledger_gone(str(error))
        self._ledger_trouble = str(error)

    def _ledger_is_there(self) -> None:
        self._metrics.ledger_up.set(1)
        self._metrics.last_pass.set(self._app.clock.now().timestamp())
        if self._ledger_trouble:
            logger().info("the ledger is back")
            self._messenger.ledger_back()
        self._ledger_trouble, self._has_passed = "", True

    # --- what it tells -------------------------------------------------------------------------------------------

    def _tell(self, report: Report) -> None:
        self._metrics.outcome(report.outcome)
        self._messenger.report(report)
        if report.refused is not None:
            logger().warning(f"not rotated, nothing was touched: {report.refused}", secret=report.secret)
            return
        trouble = report.rotation.trouble if report.rotation is not None else None
        if report.outcome is Outcome.UNFINISHED and trouble is not None and not trouble.is_asked:
            say = logger().error if trouble.needs_operator else logger().warning
            say(f"unfinished: {trouble.what} {trouble.remedy}", secret=report.secret)

    def _sign_of_life(self) -> None:
        if self._live()[0]:
            self._systemd.tell("WATCHDOG=1")

    def _live(self) -> tuple[bool, bytes]:
        silent_for = self._app.clock.now() - self._ticked_at
        return abs(silent_for) < _ALIVE, f"last tick {silent_for.total_seconds():.0f} s ago\n".encode()

    def _ready(self) -> tuple[bool, bytes]:
        trouble = self._ledger_trouble or ("" if self._has_passed else "the first pass is under way")
        return not trouble, (trouble or "ready").encode() + b"\n"

    def _read(self) -> Reading:
        secrets = (
            SecretReading(name, entry.created_at, entry.expires_at, entry.due)
            for name, entry in self._service.snapshot().items()
        )
        connections = (
            ConnectionReading(name, budget.requests, budget.throttles, budget.rests_until() is not None)
            for name, budget in self._app.connections.budgets().items()
        )
        return Reading(self._app.clock.now(), secrets, connections, self._open_by_state)
