"""Forty secrets, several real daemons on one PostgreSQL, and what must be true once the chaos is over.

Nobody waits for time to pass. A month, and the five minutes of a lease, are put into the ledger as the moments that it
holds: tokens are then a month older, and a lease has ended. What a stopped process finds when it wakes is what it would
find after five real minutes: others have its work.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import make_url

import providers.issuers.sandbox as sandbox_issuer
from providers.issuers.sandbox.tokens import Rules
from rotator.app import App
from rotator.config.settings import Settings
from rotator.domain.clock import SystemClock
from rotator.domain.model import Phase, SecretName
from rotator.flow import adoption
from rotator.ledger.ledger import Ledger
from tests.acceptance.command import Desk
from tests.acceptance.fleet import DaemonProcess, fleet, look_now
from tests.canary import CANARY
from tests.fakes.cut_link import CutLink, cut_link
from tests.servers.process import ServerFailed, poll
from tests.servers.sandbox import SandboxIssuer, StartSandbox

SECRETS = 40
_END_IDLE_TRANSACTIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE state LIKE 'idle in transaction%' AND now() - state_change > interval '300 ms'
"""
_MOST_LOOKS = 10
_PATIENCE = 4
"""Seconds. Longer than anybody looks for a token whose creation was not answered."""
_PROFILE = Path(sandbox_issuer.__file__).parents[1] / "profiles" / "sandbox.yaml"
_ROOMY = {
    "\nname: sandbox\n": "\nname: roomy\n",
    "max_active: 10": "max_active: 500",
    "propagation: {create: 5s, revoke: 5s}": "propagation: {create: 1s, revoke: 1s}",
}
"""What this account differs in from a sandbox with the default rules."""

_CONNECTIONS = """\
connections:
  sandbox: {{provider: roomy, url: "{url}", credentials: {{admin: "file:{admin}"}}}}
  app-env: {{provider: env-file}}
policies:
"""
_POLICY = """\
  - name: app-{number:02}
    issuer: {{connection: sandbox, token_name: app-{number:02}}}
    stores: [{{connection: app-env, file: "{folder}/env/app-{number:02}.env", var: APP_TOKEN}}]
    schedule: {{every: 30 days}}
    overlap: {{for: 0s}}
"""


@dataclass
class Chaos:
    """A fleet at work, and the ways to disturb it."""

    desk: Desk
    policies: str
    sandbox: SandboxIssuer
    link: CutLink
    ledger: Ledger
    url: str
    """PostgreSQL, past the link that may be cut."""
    daemons: list[DaemonProcess]
    months: int = 0
    looks: int = 0

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    # --- time ---

    def a_month_passes(self) -> None:
        """Every token in force is older by that, and due again. New policies make daemons look at everything."""
        self.months += 1
        self.execute("UPDATE tokens SET created_at = created_at - interval '32 days' WHERE state = 'LIVE'")
        self.all_look_at_everything()

    def all_look_at_everything(self) -> None:
        self.looks += 1
        self.desk.write_policy(f"# seen {self.looks} times\n{self.policies}")
        look_now(self.daemons)

    def leases_end(self, daemon: DaemonProcess | None = None) -> None:
        """Let more than five minutes pass for what a daemon, or any of them, holds.

        PostgreSQL ends a session that is idle in a transaction for a minute: a stopped one may be in the middle of one.
        """
        whose = f"lease_owner LIKE '%/{daemon.process.child.pid}/%'" if daemon else "lease_owner IS NOT NULL"
        statement = f"UPDATE rotations SET lease_until = lease_until - interval '6 minutes' WHERE {whose}"
        poll(lambda: self._is_done_at_once(statement), 20, what="the leases' end")

    def _is_done_at_once(self, statement: str) -> bool:
        with psycopg.connect(self.url, autocommit=True, options="-c lock_timeout=500ms") as connection:
            try:
                connection.execute(statement.encode())
            except psycopg.errors.LockNotAvailable:
                connection.execute(_END_IDLE_TRANSACTIONS)
                return False
        return True

    def until_more_are_made(self, tokens: int = 5) -> None:
        """Wait until so many more tokens were asked for: the fleet is in the middle of its work. Or at its end."""
        enough = self.sandbox.requests("create") + tokens
        self._until(lambda: self.sandbox.requests("create") >= enough or self._is_done())

    def until_all_is_done(self) -> None:
        """Wait until every secret was rotated this month, and nothing is open."""
        self._until(self._is_done)

    def _until(self, is_so: Callable[[], bool]) -> None:
        """Wait; and where it takes long, let the time pass that what failed waits for before it is tried again."""
        for _ in range(_MOST_LOOKS):
            with suppress(ServerFailed):
                poll(is_so, _PATIENCE, what="the next mishap's time", every=0.1)
                return
            for daemon in self.daemons:
                daemon.start_again()
            self.leases_end()
            self.all_look_at_everything()
        raise AssertionError(f"it does not go on: {self.ledger.open_rotations()}")

    def _is_done(self) -> bool:
        return not self.ledger.open_rotations() and all(self._confirmed(name) >= self.months for name in names())

    def _confirmed(self, name: SecretName) -> int:
        return sum(event.kind == "confirmed" for event in self.ledger.history(name))

    # --- chaos ---

    def kill(self, which: int) -> None:
        """SIGKILL, and the next one is started in its place."""
        self.daemons[which].kill()
        self.leases_end(self.daemons[which])
        self.daemons[which].start()

    def stop(self, which: int) -> None:
        """Hold a process up, for longer than its leases last."""
        self.daemons[which].send(signal.SIGSTOP)
        self.leases_end(self.daemons[which])
        look_now([daemon for number, daemon in enumerate(self.daemons) if number != which])

    def wake(self, which: int) -> None:
        self.daemons[which].send(signal.SIGCONT)

    def crash_postgresql(self) -> None:
        """Kill one of its processes: the server ends all others, recovers from its log, and begins anew."""
        with psycopg.connect(self.url) as victim, psycopg.connect(self.url, autocommit=True) as witness:
            os.kill(victim.info.backend_pid, signal.SIGKILL)
            poll(lambda: not _is_served(witness), 30, what="PostgreSQL's crash")
        poll(lambda: _can_connect(self.url), 30, what="PostgreSQL's recovery")
        self.all_look_at_everything()

    def cut_the_connection(self) -> None:
        """Cut all daemons off from PostgreSQL, and let them see it."""
        assert self.link.cut() > 0
        look_now(self.daemons)
        poll(
            lambda: not any(daemon.page("/ready") for daemon in self.daemons),
            30,
            what="all seeing that it is gone",
            every=0.1,
        )
        self.link.mend()
        self.all_look_at_everything()

    # --- what must be true ---

    def nothing_was_lost_or_doubled(self) -> None:
        live, current = self.sandbox.live_values(), {}
        for name in names():
            secret, last = self.ledger.secret(name), self.ledger.last_rotation(name)
            assert secret.current is not None
            assert last is not None
            assert last.phase is Phase.RETIRED
            assert self._confirmed(name) == self.months, f"{name} was rotated twice, or not at all"
            current[str(secret.current.handle)] = in_env_file(self.desk, name)
        assert current == live, "the issuer, the ledger and the env files do not agree"
        assert self.ledger.broken_links() == []
        for daemon in self.daemons:
            says = daemon.says()
            CANARY.look_at("a daemon's log", says)
            assert "Traceback" not in says
            assert "nobody foresaw" not in says


def _is_served(connection: psycopg.Connection) -> bool:
    with suppress(psycopg.OperationalError):
        connection.execute("SELECT 1")
        return True
    return False


def _can_connect(url: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(url):
        return True
    return False


def names() -> list[SecretName]:
    return [SecretName(f"app-{number:02}") for number in range(SECRETS)]


def in_env_file(desk: Desk, name: SecretName) -> str:
    return (desk.folder / "env" / f"{name}.env").read_text().strip().partition("=")[2].strip("'\"")


@contextmanager
def chaos(folder: Path, postgresql_url: str, start_sandbox: StartSandbox, daemons: int) -> Iterator[Chaos]:
    """Adopt forty tokens, and start the daemons: every secret is due in a month."""
    sandbox = start_sandbox(rules=Rules(max_active=None))
    port, key = make_url(postgresql_url).port, folder / "key"
    assert port is not None
    with cut_link(port) as link, Ledger.open(postgresql_url, key_file=key) as ledger:
        through_the_link = postgresql_url.replace(f":{port}/", f":{link.port}/")
        desk = Desk(folder, {"ROTATOR_LEDGER": through_the_link, "ROTATOR_FINGERPRINT_KEY": str(key)})
        policies = furnish(desk, sandbox)
        adopt_everything(Settings(policies=desk.policies, ledger=postgresql_url, fingerprint_key=key))
        desk.environment["ROTATOR_WORKERS"] = "4"
        desk.environment["ROTATOR_BEGIN_PER_HOUR"] = "10000"
        with fleet(folder, desk.whole_environment({}), daemons) as started:
            yield Chaos(desk, policies, sandbox, link, ledger, postgresql_url.replace("+psycopg", ""), started)


def furnish(desk: Desk, sandbox: SandboxIssuer) -> str:
    """Make a token for each secret by hand, and write policies for an account with room for all: gives them."""
    CANARY.may_hold_values(desk.folder / "env").mkdir()
    admin = CANARY.may_hold_values(desk.folder / "admin")
    admin.touch(mode=0o600)
    admin.write_text(sandbox.admin_token)
    for name in names():
        (desk.folder / "env" / f"{name}.env").write_text(f"APP_TOKEN={sandbox.issue('by hand')['token']}\n")
    profile = _PROFILE.read_text()
    for theirs, ours in _ROOMY.items():
        assert profile.count(theirs) == 1
        profile = profile.replace(theirs, ours)
    desk.write_policy(profile, "roomy.yaml")
    policies = _CONNECTIONS.format(url=sandbox.url, admin=admin)
    policies += "".join(_POLICY.format(number=number, folder=desk.folder) for number in range(SECRETS))
    desk.write_policy(policies)
    return policies


def adopt_everything(settings: Settings) -> None:
    """Do what ``rotate adopt`` does, for all of them in this one process."""
    app = App(settings, SystemClock())
    tools = app.runner().tools
    for policy in app.policies.policies:
        adoption.adopt(tools, policy, None)
    app.close()
