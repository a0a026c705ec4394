"""OpenBao as the issuer: a service's own token, handed over in an env file."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.command import Desk
from tests.canary import CANARY
from tests.servers.openbao import OpenBao


def test_a_token_of_openbao_is_replaced_in_an_env_file(tmp_path: Path, openbao: OpenBao) -> None:
    old = openbao.token("default", ttl="240h")["client_token"]
    env = CANARY.may_hold_values(tmp_path / "billing.env")
    env.write_text(f"# billing\nexport BAO_TOKEN={old}\nexport BAO_ADDR={openbao.url}\n")
    desk = Desk(tmp_path, {"BAO_ADMIN": openbao.root_token})
    desk.write_policy(
        f"""\
connections:
  bao: {{provider: openbao-token, url: "{openbao.url}", credentials: {{token: "env:BAO_ADMIN"}}}}
  billing-host: {{provider: env-file}}
policies:
  - name: billing
    issuer: {{connection: bao, token_name: billing, policies: [default], expires_in: 20 days}}
    stores: [{{connection: billing-host, file: "{env}", var: BAO_TOKEN, dialect: shell}}]
    schedule: {{every: 7 days, before_expiry: 5 days}}
    overlap: {{for: 2h}}
"""
    )
    assert desk.json("check", "--online").document["problems"] == []
    accessor = desk.json("adopt", "billing").document["handle"]
    assert desk.json("plan", "--exit-code").document["due"] == 0
    desk.rotate("now", "billing", "--yes")
    assert openbao.accepts(old)
    said = desk.rotate("retire", "billing").out
    assert f"the old token {accessor} is dead (proof: unlisted)" in said, "an env file keeps no old value to try"

    comment, ours, other = env.read_text().splitlines()
    new = CANARY.add(ours.removeprefix("export BAO_TOKEN=").strip("'\""))
    assert (comment, other) == ("# billing", f"export BAO_ADDR={openbao.url}")
    assert new != old
    assert openbao.accepts(new)
    assert not openbao.accepts(old)
