"""The drill: tokens of several issuers got out at once, things are broken as they are at night, and a kill on top.

Twelve secrets: most can be replaced; one issuer is at its quota, one store is down, one token was never adopted, and
one is made by hand.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import ROTATE, Desk, Running, Said
from tests.acceptance.dashboard import DASHBOARD
from tests.acceptance.terminal import read
from tests.canary import CANARY
from tests.servers.process import poll
from tests.servers.sandbox import SandboxIssuer, StartSandbox

MANY = tuple(f"app-{number}" for number in range(1, 6))
FEW = ("web-1", "web-2", "web-3")
ALL = (*MANY, *FEW, "full", "down", "stranger", "manual")
LEFT = ["full", "down", "stranger", "manual"]
REASON = "laptop stolen"
NOW = (
    "now",
    "--all",
    "--compromised",
    "--reason",
    REASON,
    "--report",
    "incident.md",
    "--report",
    "incident.json",
    "--yes",
)


@dataclass
class Night:
    """Everything that the person on call has to do with."""

    desk: Desk
    many: SandboxIssuer
    few: SandboxIssuer
    full: SandboxIssuer
    old: dict[str, str]

    @property
    def env(self) -> Path:
        return self.desk.folder / "app.env"

    def in_use(self) -> dict[str, str]:
        """Give what the env file's readers have, by variable."""
        lines = [line for line in self.env.read_text().splitlines() if line]
        return {name: value.strip("'\"") for name, _, value in (line.partition("=") for line in lines)}

    def lives(self, name: str) -> bool:
        """Tell whether the old token of a secret is still accepted."""
        return any(self.old[name] in issuer.live_values().values() for issuer in (self.many, self.few, self.full))

    def report(self) -> dict[str, Any]:
        file = self.desk.folder / "incident.json"
        assert file.stat().st_mode & 0o777 == 0o600
        incident: dict[str, Any] = json.loads(file.read_text())["incident"]
        return incident

    def page(self) -> str:
        file = self.desk.folder / "incident.md"
        assert file.stat().st_mode & 0o777 == 0o600
        return file.read_text()


def variable(name: str) -> str:
    return name.upper().replace("-", "_")


def policies(night: dict[str, SandboxIssuer], env: Path, nowhere: int) -> str:
    issuers = {
        **dict.fromkeys(MANY, "many"),
        **dict.fromkeys((*FEW, "down", "stranger"), "few"),
        "full": "full",
        "manual": "dashboard",
    }
    lines = ["connections:"]
    for name, issuer in night.items():
        lines.append(
            f'  {name}: {{provider: sandbox, url: "{issuer.url}", credentials: {{admin: "env:{name.upper()}"}}}}'
        )
    lines += [f'  dashboard: {{provider: a-dashboard, url: "{night["few"].url}"}}', "  app-env: {provider: env-file}"]
    vault = f'provider: vault, url: "http://127.0.0.1:{nowhere}", mount: secret, credentials: {{token: "env:BAO"}}'
    lines += [f"  bao: {{{vault}}}", "policies:"]
    for name in ALL:
        places = [f'{{connection: app-env, file: "{env}", var: {variable(name)}}}']
        places += ["{connection: bao, path: prod/down, field: token}"] if name == "down" else []
        lines += [
            f"  - name: {name}",
            f"    issuer: {{connection: {issuers[name]}, token_name: {name}}}",
            f"    stores: [{', '.join(places)}]",
            "    schedule: never",
            f"    owner: {'web' if name in FEW else 'apps'}@example.com",
        ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def night(tmp_path: Path, start_sandbox: StartSandbox) -> Night:
    issuers = {name: start_sandbox() for name in ("many", "few", "full")}
    env = CANARY.may_hold_values(tmp_path / "app.env")
    secrets = {"ROTATOR_WORKERS": "2", "BAO": CANARY.add("s.not-there-at-all")}
    desk = Desk(tmp_path, secrets | {name.upper(): issuer.admin_token for name, issuer in issuers.items()})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = taken.getsockname()[1]
    desk.write_policy(DASHBOARD, "dashboard.yaml")
    desk.write_policy(policies(issuers, env, nowhere))
    made = Night(desk, *issuers.values(), {})
    made.old |= {name: issuers["many"].issue(name)["token"] for name in MANY}
    made.old |= {name: issuers["few"].issue(name)["token"] for name in (*FEW, "down", "stranger", "manual")}
    made.old["full"] = issuers["full"].issue("full")["token"]
    for number in range(9):
        issuers["full"].issue(f"somebody-elses-{number}")
    env.write_text("".join(f"{variable(name)}={value}\n" for name, value in made.old.items()))
    adopt(made, tmp_path)
    return made


def adopt(night: Night, folder: Path) -> None:
    """Take the tokens over that are in use, all but the stranger; in a process of the test's own, for speed."""
    from rotator.app import App
    from rotator.config.settings import load_settings
    from rotator.domain.clock import SystemClock
    from rotator.domain.model import Handle
    from rotator.flow.adoption import adopt as take_over

    ledger = f"sqlite:///{night.desk.ledger_file}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in night.desk.environment.items():
            patch.setenv(name, value)
        app = App(load_settings({"policies": folder / "policies", "ledger": ledger}), SystemClock())
        for policy in app.policies.policies:
            name = str(policy.name)
            issuer = {"many": night.many, "few": night.few, "full": night.full, "dashboard": night.few}[
                policy.issuer.connection
            ]
            handle = next(handle for handle, value in issuer.live_values().items() if value == night.old[name])
            if name == "down":  # its second place cannot be read now: it was adopted when it could
                policy = _without_its_second_place(policy)  # noqa: PLW2901
            if name != "stranger":
                take_over(app.runner().tools, policy, Handle("manual" if name == "manual" else handle))
        app.close()


def _without_its_second_place(policy: Any) -> Any:
    from dataclasses import replace

    return replace(policy, targets=policy.targets[:1])


def killed_in_the_middle(night: Night) -> Said:
    """Begin, and kill it without warning once some tokens are dead, with others half-way."""
    run = night.desk.start(*NOW)
    for _ in range(3):
        run.until("retired")
    run.send(signal.SIGKILL)
    return run.ends(-signal.SIGKILL)


def test_a_night_with_a_kill_in_the_middle_ends_with_proof_and_a_list_of_what_is_left(night: Night) -> None:
    killed = killed_in_the_middle(night)
    plan = next(event for event in killed.events if event["event"] == "plan")
    foreseen = {secret["secret"]: secret for secret in plan["secrets"]}
    assert set(foreseen) == set(ALL)
    assert "allows 10 tokens and has 10" in foreseen["full"]["in_the_way"]
    assert "`rotate adopt stranger`" in foreseen["stranger"]["needs"]
    assert "`rotate provide manual`" in foreseen["manual"]["needs"]
    assert plan["eta_seconds"] > 0
    assert night.report()["status"] == "under way"
    done = {name for name in MANY if not night.lives(name)}
    assert done, "some were dead before the kill"
    kept = {name: night.in_use()[variable(name)] for name in done}

    said = night.desk.rotate(*NOW, code=4).out
    assert "This goes on with incident" in said
    assert {name: night.in_use()[variable(name)] for name in done} == kept, "what was done is not rotated twice"
    assert [name for name in ALL if night.lives(name)] == LEFT
    assert "NOT PROVEN DEAD: full" in said
    assert "  rotate now --all --compromised --reason 'laptop stolen' --report incident.md" in said

    report = night.report()
    assert (report["status"], report["reason"], len(report["tokens"])) == ("not contained", REASON, len(ALL))
    fates = {token["secret"]: token for token in report["tokens"]}
    half_way = {token["secret"] for token in report["tokens"] if token["fate"] == "unproven"}
    assert len(half_way) <= 2, "the kill took the last copy of an old value only where a worker was at it"
    for name in (*MANY, *FEW):
        assert (fates[name]["fate"], fates[name]["proof"]) == ("dead", "refused") or name in half_way
        assert fates[name]["exposed_for"] > 0
        assert fates[name]["last_use_asked_at"] is not None
    assert {token["secret"] for token in report["alive"]} == {*LEFT, *half_way}
    left = {secret["secret"]: secret["to_do"] for secret in report["secrets"] if secret["to_do"]}
    assert "rotate now full --compromised --revoke-first --reason 'laptop stolen'" in left["full"]
    assert "bao path=prod/down" in left["down"]
    assert "never adopted" in left["stranger"]
    assert "https://dashboard.example/tokens" in left["manual"]
    assert "rotate provide" in left["manual"]
    assert "- dashboard: tell its makers." in night.page()
    assert "## Needs a person" in night.page()
    assert "**NOT CONTAINED" in night.page()

    ended = night.desk.json("now", "full", "--compromised", "--revoke-first", "--reason", REASON, "--yes").document
    assert (ended["incident"]["status"], ended["exit_code"]) == ("contained", 0)
    assert not night.lives("full")


def test_what_shares_the_blast_radius_is_shown_and_included_when_asked_for(night: Night) -> None:
    shown = night.desk.rotate("now", "web-1", "--compromised", code=2).out
    assert "MAY HAVE GOT OUT, TOO" in shown
    assert "app-1, app-2" in shown
    assert "the same document (app-env file=" in shown
    assert all(night.lives(name) for name in ALL)
    asked = night.desk.rotate("now", "web-1", "--compromised", "--related", code=2).out
    assert f"COMPROMISED: {len(ALL)} secrets to rotate now" in asked


def test_ctrl_c_says_how_to_go_on_and_that_goes_on(night: Night) -> None:
    run = night.desk.start(*NOW)
    run.until("retired")
    run.send(signal.SIGINT)
    incident = run.ends(4).document["incident"]
    assert incident["status"] == night.report()["status"] == "interrupted"
    assert incident["again"].endswith("--report incident.md --report incident.json --yes")
    assert "**INTERRUPTED" in night.page()
    assert {secret["outcome"] for secret in incident["secrets"]} >= {"rotated", "refused"}
    untouched = [secret for secret in incident["secrets"] if "stopped before its turn" in secret["to_do"]]
    assert untouched
    assert all(night.lives(secret["secret"]) and not secret["rotations"] for secret in untouched)


def test_at_a_terminal_downtime_is_asked_for_apart_and_the_progress_is_shown(night: Night) -> None:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [ROTATE, "now", "full", "web-1", "--compromised"],
        cwd=night.desk.folder, env={**night.desk.whole_environment({}), "TERM": "xterm"},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = read(ours, until=b"Revoke first, there? [y/N]")
    os.write(ours, b"y\n")
    shown += read(ours, until=b"Rotate 2 now? [y/N]")
    os.write(ours, b"y\n")
    shown += read(ours, until=None)
    os.close(ours)
    CANARY.look_at("the terminal", shown)
    assert child.wait(60) == 0
    assert b"OLD TOKENS ALIVE" in shown
    assert b"2 of 2 done" in shown
    assert b"is CONTAINED: 2 old tokens proven dead, 0 not" in shown
    assert not night.lives("full")
    assert not night.lives("web-1")


def looking(desk: Desk, sandbox: SandboxIssuer, *command: str) -> Running:
    """Give a run that waits for its issuer's list."""
    sandbox.clear_script()
    sandbox.script("list", "latency", seconds=3)
    run = desk.start(*command)
    poll(lambda: sandbox.requests("list") > 0, 30, what="the list being asked for")
    return run


def test_one_that_is_stopped_while_it_looks_says_so_and_touches_nothing(
    sandbox_desk: Desk, sandbox: SandboxIssuer
) -> None:
    now = ("now", "app", "--compromised", "--reason", REASON, "--yes")
    run = looking(sandbox_desk, sandbox, *now)
    run.send(signal.SIGINT)
    said = run.ends(4)
    assert said.kinds == ["stopping"]
    [problem] = said.document["problems"]
    assert problem["what"] == "It was stopped before anything was done."
    assert f"rotate now app --compromised --reason '{REASON}' --yes" in problem["remedy"]
    assert [event["event"] for event in sandbox_desk.json("history", "app").document["events"]] == ["adopted"]


def test_an_audit_that_is_stopped_tells_what_it_has_seen(sandbox_desk: Desk, sandbox: SandboxIssuer) -> None:
    (sandbox_desk.folder / "rotator.toml").write_text("workers = 1\n")
    run = looking(sandbox_desk, sandbox, "audit")
    run.send(signal.SIGINT)
    said = run.ends(4)
    assert said.kinds == ["stopping"]
    [finding] = said.document["findings"]
    assert (finding["kind"], finding["secret"]) == ("not-asked", "app")
    assert "stopped before its turn came" in finding["what"]
    assert said.document["looked_at"]["tokens"] == 1


def test_a_signal_while_it_asks_is_a_no(sandbox_desk: Desk) -> None:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [ROTATE, "now", "app", "--compromised"],
        cwd=sandbox_desk.folder, env={**sandbox_desk.whole_environment({}), "TERM": "dumb"},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = read(ours, until=b"Rotate 1 now? [y/N]")
    poll(lambda: _reads_its_input(child.pid), 60, what="the answer is waited for")  # earlier, Python would overlook it
    child.send_signal(signal.SIGINT)
    shown += read(ours, until=None)
    os.close(ours)
    assert shown.startswith("Asking issuers and stores …".encode())
    assert b"Nothing was done: the answer was no" in shown
    assert child.wait(60) == 2


def _reads_its_input(pid: int) -> bool:
    """Tell whether a process waits inside ``read(0, …)``."""
    return Path(f"/proc/{pid}/syscall").read_text().split()[:2] in (["0", "0x0"], ["63", "0x0"])  # x86-64, and ARM


def test_a_token_that_could_not_be_replaced_is_urgent_until_it_is(sandbox_desk: Desk) -> None:
    desk, now = sandbox_desk, ("now", "app", "--compromised", "--reason", REASON)
    desk.rotate(*now, "--yes", code=4, SANDBOX_ADMIN="refused")
    command = f"rotate now app --compromised --reason '{REASON}'"
    for asked in (("status",), ("plan",), ("audit",)):
        shown = desk.rotate(*asked, code=4 if asked == ("audit",) else 0).out
        assert "URGENT: " in shown
        assert f"Declared compromised ({REASON}), and not ended: t1. Since " in shown
        assert f" UTC. `{command}` goes on" in shown
    for asked in ("status", "plan"):
        [row] = desk.json(asked).document["secrets"]
        assert (row["got_out"]["tokens"], row["got_out"]["command"]) == (["t1"], command)
    assert row["action"] == "blocked"

    desk.rotate(*now, "--yes")
    for asked in ("status", "plan"):
        [row] = desk.json(asked).document["secrets"]
        assert row["got_out"] is None
    assert "got-out" not in desk.rotate("audit").out
