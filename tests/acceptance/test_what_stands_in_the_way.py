"""``rotate plan`` of a secret that is due says what would make its rotation fail, before anybody asks for it."""

from __future__ import annotations

from tests.acceptance.command import Desk
from tests.servers.sandbox import SandboxIssuer


def test_a_full_quota_is_told_by_the_plan(sandbox_desk: Desk, sandbox: SandboxIssuer) -> None:
    file = next(sandbox_desk.folder.rglob("*.yaml"))
    file.write_text(file.read_text().replace("schedule: never", "schedule: {every: 30m}\n    overlap: {for: 0s}"))
    free = sandbox_desk.json("plan", "--exit-code", code=10).document
    for number in range(9):
        sandbox.issue(f"another {number}")
    full = sandbox_desk.json("plan", "--exit-code", code=10).document
    assert free["secrets"][0]["in_the_way"] == []
    [obstacle] = full["secrets"][0]["in_the_way"]
    assert "allows 10 tokens and has 10" in obstacle
    assert "in the way: issuer sandbox: " in sandbox_desk.rotate("plan").out
