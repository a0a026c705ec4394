"""After a compromise: a secret whose policy was removed, while its token lives, is not passed over in silence."""

from __future__ import annotations

import pytest

from tests.acceptance.command import Desk
from tests.servers.sandbox import SandboxIssuer

AT_NIGHT = ("now", "--all", "--compromised", "--reason", "laptop stolen", "--yes")


@pytest.fixture
def left(sandbox_desk: Desk, sandbox: SandboxIssuer) -> str:
    """Give the id of the token of `left`, whose policy is gone since it was rotated."""
    file = sandbox_desk.write_policy(
        f"""\
policies:
  - name: left
    issuer: {{connection: sandbox, token_name: left}}
    stores: [{{connection: app-env, file: "{sandbox_desk.folder}/app.env", var: LEFT_TOKEN}}]
    schedule: never
""",
        "left.yaml",
    )
    sandbox_desk.rotate("now", "left", "--yes")
    file.unlink()
    [token] = [token["id"] for token in sandbox.tokens() if token["name"].startswith("left-")]
    return str(token)


def test_it_is_told_before_and_after_and_nothing_is_contained_until_its_token_is_gone(
    sandbox_desk: Desk, sandbox: SandboxIssuer, left: str
) -> None:
    to_do = f"ut its policy back and run this again, or delete {left} at sandbox"
    said = sandbox_desk.rotate(*AT_NIGHT, "--report", "incident.md", code=4)
    assert "app: rotated; the old token t1 is dead (proof: refused)." in said.out
    assert "NO POLICY ANY MORE (nothing here replaces or ends these" in said.out
    assert f"  left: p{to_do}" in said.out
    assert f"left: NO POLICY ANY MORE. P{to_do}." in said.out
    assert f"NOT PROVEN DEAD: left: {left}" in said.out
    page = (sandbox_desk.folder / "incident.md").read_text()
    assert f"| left | - | no policy any more | P{to_do}. |" in page
    sandbox.request("DELETE", f"/v1/tokens/{left}")
    assert "is CONTAINED: 1 old token proven dead, 0 not" in sandbox_desk.rotate(*AT_NIGHT).out


def test_only_what_it_is_part_of_tells_of_it(sandbox_desk: Desk, left: str) -> None:
    for selection in (("--issuer", "sandbox"), ("--store", "env-file"), ("[al]*",)):
        plan, *_ = sandbox_desk.json("now", *selection, "--compromised", "--yes", "--again", code=4).events
        assert plan["without_policy"] == [{"secret": "left", "tokens": [left]}]
    assert sandbox_desk.json("now", "app", "--compromised", "--yes", "--again").events[0]["without_policy"] == []


@pytest.mark.parametrize("command", [("now", "--yes"), ("now", "--compromised", "--yes"), ("status",), ("audit",)])
def test_asked_for_by_name_it_is_said_what_is_the_matter(
    sandbox_desk: Desk, left: str, command: tuple[str, ...]
) -> None:
    [problem] = sandbox_desk.json(*command, "left", code=2).document["problems"]
    assert problem["what"] == "left has no policy any more"
    assert f"delete its token ({left}) at its issuer" in problem["remedy"]
