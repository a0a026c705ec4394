"""A quarter of a year in the life of the real daemon's process: its wall clock runs ahead, half a week at a time."""

from __future__ import annotations

import signal
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rotator.domain.model import Phase, SecretName
from rotator.ledger.ledger import Ledger
from tests.acceptance.command import Desk
from tests.acceptance.fleet import DaemonProcess, fleet, has_looked
from tests.canary import CANARY
from tests.servers.fake_time import FakeTime
from tests.servers.sandbox import SandboxIssuer, StartSandbox

_POLICY = """\
connections:
  sandbox: {{provider: sandbox, url: "{url}", credentials: {{admin: "env:SANDBOX_ADMIN"}}}}
  app-env: {{provider: env-file}}
policies:
  - name: app
    issuer: {{connection: sandbox, token_name: app, expires_in: 45 days}}
    stores: [{{connection: app-env, file: "{env}", var: APP_TOKEN}}]
    schedule: {{every: 24 days, window: "Mon-Fri 08:00-20:00 Europe/Berlin"}}
    overlap: {{for: 24h}}
"""


def test_a_quarter_passes_and_every_token_is_new(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    clock = FakeTime(tmp_path)
    clock.move(seconds=(monday_morning(clock.now()) - clock.now()).total_seconds())
    start = clock.now().astimezone(BERLIN)
    sandbox = start_sandbox(clock=clock)
    env = CANARY.may_hold_values(tmp_path / "app.env")
    env.write_text(f"APP_TOKEN={sandbox.issue('by hand', expires_in=45 * 86_400)['token']}\n")
    desk = Desk(tmp_path, {"SANDBOX_ADMIN": sandbox.admin_token, "ROTATOR_WORKERS": "1"})
    desk.write_policy(_POLICY.format(url=sandbox.url, env=env))
    desk.rotate("adopt", "app")
    with fleet(tmp_path, desk.whole_environment(clock.environment), daemons=1) as [daemon]:
        for half_week in range(26):
            if half_week == 13:
                is_restarted(daemon)
            clock.move(hours=84)
            has_looked(daemon, clock)
            consumers_have_a_living_token(env, sandbox)
        daemon.send(signal.SIGTERM)
        assert daemon.process.child.wait(20) == 0
    CANARY.look_at("the daemon's log", daemon.says())
    begun, confirmed = moments(desk, "opened"), moments(desk, "confirmed")
    assert len(begun) == len(confirmed) == 3
    for number, at in enumerate(begun, 1):
        berlin = at.astimezone(BERLIN)
        assert berlin.weekday() == 0, "due on a Thursday night, begun on the Monday after"
        assert (berlin.date() - start.date()).days == 28 * number


BERLIN = ZoneInfo("Europe/Berlin")


def monday_morning(after: datetime) -> datetime:
    """Give the next Monday, at ten in Berlin."""
    berlin = after.astimezone(BERLIN)
    return (berlin + timedelta(days=7 - berlin.weekday())).replace(hour=10, minute=0, second=0, microsecond=0)


def is_restarted(daemon: DaemonProcess) -> None:
    daemon.send(signal.SIGTERM)
    assert daemon.process.child.wait(20) == 0
    daemon.start()
    daemon.wait_until_ready()


def consumers_have_a_living_token(env: Path, sandbox: SandboxIssuer) -> None:
    in_use = env.read_text().strip().partition("=")[2].strip("'\"")
    assert in_use in sandbox.live_values().values()


def moments(desk: Desk, kind: str) -> list[datetime]:
    with Ledger.open(f"sqlite:///{desk.ledger_file}") as ledger:
        last = ledger.last_rotation(SecretName("app"))
        assert last is not None
        assert last.phase is Phase.RETIRED
        return [event.at for event in ledger.history(SecretName("app")) if event.kind == kind]
