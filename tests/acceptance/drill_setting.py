"""What the drill begins with: tokens of a hundred secrets in their places, adopted; and the command of the night.

Tokens of JupyterHub, of OpenBao and of sandbox issuers; documents in OpenBao and in AWS as moto simulates it, of which
two are shared by several secrets; env files. One store is behind a link that can be cut, one account can be full, and
two tokens are made by hand.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

import providers.issuers.sandbox as sandbox_issuer
from providers.issuers.sandbox.tokens import Rules
from rotator.app import App
from rotator.config.settings import load_settings
from rotator.domain.clock import SystemClock
from rotator.domain.model import Handle
from rotator.flow.adoption import adopt
from tests.acceptance.command import Desk
from tests.acceptance.dashboard import DASHBOARD
from tests.acceptance.drill import Bao, Drill, Spec
from tests.canary import CANARY
from tests.fakes.cut_link import cut_link
from tests.servers.jupyterhub import JupyterHub
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.servers.sandbox import StartSandbox

REASON: Final = "laptop stolen"
ROOM: Final = 6
"""Tokens that the account allows which can be full. Five of them are ours."""
AGE: Final = timedelta(days=40)
"""How long ago the tokens were made, as the ledger has it."""

_PROFILE: Final = Path(sandbox_issuer.__file__).parents[1] / "profiles" / "sandbox.yaml"


def at_once(*selection: str) -> tuple[str, ...]:
    """Give the command of the night."""
    reports = ("--report", "incident.md", "--report", "incident.json")
    return ("now", *selection, "--compromised", "--reason", REASON, *reports, "--yes")


def specs(users: list[str]) -> list[Spec]:
    """Give all of them: 101."""
    hub = [
        Spec(f"hub-{n:02}", "hub", ("bao", "aws", "env") if n % 3 == 0 else ("bao",), user=users[n % len(users)])
        for n in range(34)
    ]
    bao = [Spec(f"bao-{n:02}", "tokens", ("aws", "env") if n % 2 else ("aws",)) for n in range(32)]
    web = [Spec(f"web-{n:02}", "web", ("env",)) for n in range(8)]
    web += [Spec(f"web-{n:02}", "web", ("bao",), document="shared") for n in range(8, 16)]
    web += [Spec(f"web-{n:02}", "web", ("aws",), document="shared") for n in range(16, 22)]
    far = [Spec(f"far-{n}", "web", ("far", "env")) for n in range(6)]
    full = [Spec(f"full-{n}", "full", ("bao",)) for n in range(5)]
    manual = [Spec(f"manual-{n}", "dashboard", ("bao",)) for n in range(2)]
    return [*hub, *bao, *web, *far, *full, *manual]


@contextmanager
def drill(
    folder: Path,
    hub: JupyterHub,
    openbao: OpenBao,
    moto: Moto,
    start_sandbox: StartSandbox,
    wanted: Callable[[Spec], bool] = lambda _: True,
) -> Iterator[Drill]:
    """Make a token for each secret that is wanted by hand, write it to its places, and adopt it. All is well as yet."""
    sandboxes = {
        "web": start_sandbox(rules=Rules(max_active=200)),
        "full": start_sandbox(rules=Rules(max_active=ROOM)),
        "dashboard": start_sandbox(),
    }
    environment = {
        "HUB_TOKEN": hub.admin_token,
        "BAO_TOKEN": openbao.root_token,
        "AWS_ACCESS_KEY_ID": moto.access_key_id,
        "AWS_SECRET_ACCESS_KEY": moto.secret_access_key,
    }
    environment |= {f"{name.upper()}_ADMIN": sandbox.admin_token for name, sandbox in sandboxes.items()}
    port = urlsplit(openbao.url).port
    assert port is not None
    with cut_link(port) as link:
        chosen = [spec for spec in specs([hub.new_user() for _ in range(4)]) if wanted(spec)]
        made = Drill(Desk(folder, environment), hub, Bao.made(openbao), moto, link, sandboxes, chosen)
        _issue(made)
        _furnish(made)
        _write_policies(made)
        _adopt(made)
        yield made


def _issue(drill: Drill) -> None:
    for spec in drill.specs:
        if spec.issuer == "hub":
            value = drill.hub.issue("made by hand", user=spec.user)["token"]
        elif spec.issuer == "tokens":
            value = drill.bao.issue()
        else:
            value = drill.sandboxes[spec.issuer].issue(spec.name)["token"]
        drill.old[spec.name] = value


def _furnish(drill: Drill) -> None:
    env = CANARY.may_hold_values(drill.desk.folder / "app.env")
    env.write_text("".join(f"{s.variable}={drill.old[s.name]}\n" for s in drill.specs if "env" in s.stores))
    for store in ("bao", "aws"):
        documents: dict[str, dict[str, str]] = {}
        for spec in drill.specs:
            if store in spec.stores or (store == "bao" and "far" in spec.stores):
                documents.setdefault(spec.path, {"note": "keep me"})[spec.field] = drill.old[spec.name]
        for path, document in documents.items():
            if store == "bao":
                drill.bao.write(path, document)
            else:
                drill.aws.create_secret(Name=f"{drill.bao.namespace}/{path}", SecretString=json.dumps(document))


def _write_policies(drill: Drill) -> None:
    for name, allows in (("roomy", 200), ("tight", ROOM)):
        profile = _PROFILE.read_text().replace("name: sandbox\n", f"name: {name}\n", 1)
        drill.desk.write_policy(profile.replace("max_active: 10", f"max_active: {allows}"), f"{name}.yaml")
    drill.desk.write_policy(DASHBOARD, "dashboard.yaml")
    bao, moto, sandboxes = drill.bao, drill.moto, drill.sandboxes
    vault = f'namespace: {bao.namespace}, credentials: {{token: "env:BAO_TOKEN"}}'
    lines = [
        "connections:",
        f'  hub: {{provider: jupyterhub, url: "{drill.hub.url}", credentials: {{token: "env:HUB_TOKEN"}}}}',
        f'  tokens: {{provider: openbao-token, url: "{bao.server.url}", {vault}}}',
        f'  web: {{provider: roomy, url: "{sandboxes["web"].url}", credentials: {{admin: "env:WEB_ADMIN"}}}}',
        f'  full: {{provider: tight, url: "{sandboxes["full"].url}", credentials: {{admin: "env:FULL_ADMIN"}}}}',
        f'  dashboard: {{provider: a-dashboard, url: "{sandboxes["dashboard"].url}"}}',
        f'  bao: {{provider: vault, url: "{bao.server.url}", mount: {bao.mount}, {vault}}}',
        f'  far: {{provider: vault, url: "http://127.0.0.1:{drill.link.port}", mount: {bao.mount}, {vault}}}',
        f'  aws: {{provider: aws-secrets-manager, region: {moto.region}, url: "{moto.url}"}}',
        "  env: {provider: env-file}",
        "policies:",
    ]
    for spec in drill.specs:
        options = {"hub": f", user: {spec.user}", "tokens": ", policies: [default]"}.get(spec.issuer, "")
        lines += [
            f"  - name: {spec.name}",
            f"    owner: {spec.name.partition('-')[0]}@example.com",
            f"    issuer: {{connection: {spec.issuer}, token_name: {spec.name}{options}}}",
            f"    stores: [{', '.join(_place(drill, spec, store) for store in spec.stores)}]",
            "    schedule: {every: 10 days}",
        ]
    drill.desk.write_policy("\n".join(lines) + "\n")


def _place(drill: Drill, spec: Spec, store: str) -> str:
    match store:
        case "env":
            return f'{{connection: env, file: "{drill.desk.folder}/app.env", var: {spec.variable}}}'
        case "aws":
            return f'{{connection: aws, secret: "{drill.bao.namespace}/{spec.path}", field: {spec.field}}}'
        case _:
            return f"{{connection: {store}, path: {spec.path}, field: {spec.field}}}"


def _adopt(drill: Drill) -> None:
    """Do what ``rotate adopt`` does, for all of them in this one process; and let the tokens be weeks old."""
    given = {"policies": drill.desk.policies, "ledger": f"sqlite:///{drill.desk.ledger_file}"}
    drill.desk.ledger_file.parent.mkdir(parents=True, mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in drill.desk.environment.items():
            patch.setenv(name, value)
        app = App(load_settings(given), SystemClock())
        tools = app.runner().tools
        for policy in app.policies.policies:
            by_hand = policy.issuer.connection == "dashboard"
            adopt(tools, policy, Handle(f"{policy.name}-made-long-ago") if by_hand else None)
        app.close()
    made_at = (datetime.now(UTC) - AGE).isoformat(timespec="microseconds")
    with closing(sqlite3.connect(drill.desk.ledger_file)) as ledger:
        ledger.execute("UPDATE tokens SET created_at = ?", (made_at,))
        ledger.commit()
