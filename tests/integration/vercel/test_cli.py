"""The fake is proven by Vercel's own CLI: what it writes the store reads, and the other way round.

It is also what people use beside us, so this shows what they see of our work. Run with 64.0.2.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from providers.stores.vercel.store import VercelStore
from rotator.domain.errors import Conflict, Temporary
from rotator.testing.store_contract import fresh, held, publish, refusal_of, version_of
from tests.fakes.fault_proxy import FaultProxy
from tests.fakes.vercel import TEAM, TOKEN, Vercel
from tests.fakes.vercel_account import Project
from tests.integration.vercel.setting import VAR, AtTheRecord, access_to, opened, place_of
from tests.servers.process import require

_ROOT = Path(__file__).parents[3]
_PROGRAM = _ROOT / "node_modules" / ".bin" / "vercel"
_SCRIPT = _ROOT / "deploy" / "permissions" / "vercel.sh"

pytestmark = pytest.mark.xdist_group("vercel-cli")


@dataclass(frozen=True)
class Printed:
    code: int
    text: str


Run = Callable[..., Printed]


@pytest.fixture
def cli(service: Vercel, project: Project, tmp_path: Path) -> Run:
    """Give the CLI, in a folder that is linked to the project. A value is given on stdin, as people should."""
    require(_PROGRAM.exists(), "Vercel's CLI is not in node_modules; `make` installs it where there is npm")
    (tmp_path / ".vercel").mkdir()
    (tmp_path / ".vercel" / "project.json").write_text(f'{{"projectId": "{project.id}", "orgId": "{TEAM}"}}')
    path = os.environ["PATH"]

    def run(*arguments: str, value: str = "") -> Printed:
        done = subprocess.run(
            [_PROGRAM, "--api", service.url, *arguments],
            input=value,
            cwd=tmp_path,
            env={"PATH": path, "HOME": str(tmp_path), "VERCEL_TOKEN": TOKEN, "VERCEL_TELEMETRY_DISABLED": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Printed(done.returncode, done.stdout + done.stderr)

    return run


def test_what_the_cli_adds_the_store_reads(cli: Run, store: VercelStore) -> None:
    value = fresh()
    assert cli("env", "add", "NEW", "production", "--type", "config", value=value.reveal()).code == 0
    place = place_of(var="NEW")
    assert held(store.current(place)) == value.reveal()
    assert store.traits(place).readable


def test_what_the_cli_adds_as_a_secret_nobody_reads_and_the_store_writes(
    cli: Run, store: VercelStore, project: Project
) -> None:
    assert cli("env", "add", "NEW", "production", value="tok_by_the_cli").code == 0
    place, value = place_of(var="NEW"), fresh()
    assert not store.traits(place).readable
    assert held(store.current(place)) is None
    publish(store, place, value)
    assert [env.value for env in project.envs if env.key == "NEW"] == [value.reveal()]


def test_what_the_store_writes_the_cli_pulls(
    cli: Run,
    store: VercelStore,
    outside: AtTheRecord,
    tmp_path: Path,
    may_hold_values: Callable[[Path], Path],
) -> None:
    value, file = fresh(), may_hold_values(tmp_path / "pulled.env")
    publish(store, place_of(), value)
    assert cli("env", "pull", file.name, "--environment=production", "--yes").code == 0
    assert f'{VAR}="{value.reveal()}"' in file.read_text()


def test_what_the_store_makes_the_cli_lists_and_does_not_make_again(cli: Run, store: VercelStore) -> None:
    publish(store, place_of(var="NEW", create=True), fresh())
    [line] = [line for line in cli("env", "ls").text.splitlines() if "NEW" in line]
    assert "Secret" in line
    assert "Production" in line
    again = cli("env", "add", "NEW", "production", value="tok_twice")
    assert again.code == 1
    assert "already" in again.text or "exists" in again.text


def test_a_record_for_one_branch_that_the_cli_makes_is_told_from_the_others(
    cli: Run, store: VercelStore, outside: AtTheRecord
) -> None:
    value = fresh()
    added = cli("env", "add", VAR, "preview", "feature-y", "--type", "config", value=value.reveal())
    assert added.code == 0
    assert held(store.current(place_of(targets=("preview",), git_branch="feature-y"))) == value.reveal()
    assert held(store.current(place_of(targets=("preview",)))) == "tok_of_previews"


@pytest.mark.parametrize("kind", ["encrypted", "sensitive"])
def test_what_the_cli_updates_is_somebody_elses_change(
    cli: Run, store: VercelStore, outside: AtTheRecord, kind: str
) -> None:
    outside.env.type = kind
    expected = version_of(store.current(place_of()))
    assert cli("env", "update", VAR, "production", "-y", value="tok_by_the_cli").code == 0
    assert outside.field() == "tok_by_the_cli"
    assert type(refusal_of(lambda: store.write(place_of(), fresh(), expected, "rotation-1"))) is Conflict


def test_what_the_cli_removes_is_gone(cli: Run, store: VercelStore, outside: AtTheRecord) -> None:
    assert cli("env", "rm", VAR, "production", "-y").code == 0
    assert store.current(place_of()) is None


def test_a_redeploy_by_the_cli_settles_what_the_store_wrote(
    cli: Run, store: VercelStore, service: Vercel, project: Project, outside: AtTheRecord
) -> None:
    place = place_of(redeploy=True)
    version = publish(store, place, fresh())
    service.looks_until_next_state = 1
    assert project.production is not None
    assert cli("redeploy", project.production.id).code == 0
    store.settle(place, version)
    assert len(project.deployments) == 2


def test_a_redeploy_by_the_store_is_found_by_the_cli(
    cli: Run, store: VercelStore, project: Project, outside: AtTheRecord
) -> None:
    place = place_of(redeploy=True)
    version = publish(store, place, fresh())
    assert type(refusal_of(lambda: store.settle(place, version))) is Temporary
    listed = cli("ls", "--meta", f"rotatorKey={version}").text
    assert "Queued" in listed
    assert listed.count("https://site-") == cli("ls", "--meta", "action=redeploy").text.count("https://site-")
    assert "https://site-" not in cli("ls", "--meta", "rotatorKey=other").text


# --- the token ---


def test_the_token_that_the_shipped_script_makes_is_enough_and_is_for_one_project(
    cli: Run,
    service: Vercel,
    proxy: FaultProxy,
    project: Project,
    outside: AtTheRecord,
    tmp_path: Path,
    may_hold_values: Callable[[Path], Path],
) -> None:
    service.looks_until_next_state = 1
    service.account.add_project("another")
    token = made_by_the_script(service, tmp_path, may_hold_values(tmp_path / "token.json"), project.id)
    store, place, value = opened(proxy.url, access_to(proxy.url, token=token)), place_of(redeploy=True), fresh()
    store.preflight(place)
    version = publish(store, place, value)
    while project.production is project.deployments[-1]:
        with suppress(Temporary):
            store.settle(place, version)
    assert held(store.current(place)) == value.reveal()
    publish(store, place_of(var="NEW", create=True), fresh())
    assert "one other project" in str(refusal_of(lambda: store.current(place_of(project="another"))))


def made_by_the_script(service: Vercel, folder: Path, printed: Path, project: str) -> str:
    """Run it as its docs say, but with a `vercel` that talks to the fake."""
    program = folder / "bin" / "vercel"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{_PROGRAM}" --api {service.url} "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    with printed.open("w") as file:
        subprocess.run(
            ["sh", _SCRIPT, project],
            cwd=folder,
            env={"PATH": path, "HOME": str(folder), "VERCEL_TOKEN": TOKEN, "VERCEL_TELEMETRY_DISABLED": "1"},
            stdout=file,
            stderr=subprocess.DEVNULL,
            timeout=120,
            check=True,
        )
    return str(json.loads(printed.read_text())["bearerToken"])
