"""What a person does before there is anything to rotate: help, init, check, schema, the demonstration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.acceptance.command import ROTATE, Desk, without_privileges
from tests.canary import Canary

COMMANDS = (
    *("init", "check", "plan", "now", "run", "status", "history", "adopt", "resume", "withdraw", "retire"),
    *("providers", "schema", "demo"),
)
SAMPLES = sorted((Path(__file__).parents[2] / "policies").glob("*.yaml"))
SDKS = ("boto3", "botocore", "hvac", "requests", "azure", "kubernetes", "psycopg", "moto")
_FOR_WORK = (*SDKS, "sqlalchemy", "alembic", "apscheduler", "httptools", "asyncio", "structlog", "prometheus_client")
NOT_NEEDED = {
    "check": (
        *_FOR_WORK,
        "rich",
        "jinja2",
        "tomllib",
        "platformdirs",
        "email.parser",
        "rotator.domain.model",
        "rotator.observe.sending",
    ),
    "--help": (*_FOR_WORK, "rich", "jinja2", "pydantic", "pydantic_core", "yaml", "importlib.metadata"),
    "--version": (*_FOR_WORK, "rich", "jinja2", "pydantic", "pydantic_core", "yaml", "typer", "dataclasses"),
}
"""What takes longer to import than these commands have to say (docs/performance.md)."""

_REPORTING_MODULES = """
import sys
from rotator.cli.main import main
sys.argv[0] = "rotate"
try:
    main()
finally:
    sys.stderr.write("\\nimported: " + " ".join(sorted(sys.modules)))
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("reader", ["/dev/full", "&-"])
def test_the_version_that_nobody_can_be_told_is_no_traceback(reader: str) -> None:
    told = subprocess.run(["sh", "-c", f"{ROTATE} --version >{reader}"], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (1, "")


def test_help_names_every_command(desk: Desk) -> None:
    told = desk.rotate("--help").out
    assert [name for name in COMMANDS if f" {name} " not in told] == []
    assert "Usage: rotate" in told
    assert desk.rotate("--version").out.startswith("rotate 0.")


def test_what_was_mistyped_is_told_with_the_usage(desk: Desk) -> None:
    told = desk.rotate("now", "--forc", code=2).err
    assert "Usage: rotate now" in told
    assert "--forc" in told
    [problem] = desk.json("now", "--forc", code=2).document["problems"]
    assert "--forc" in problem["what"]


def test_the_first_policy_is_written_passes_the_check_and_is_never_overwritten(desk: Desk) -> None:
    said = desk.rotate("init").out
    assert "Next: edit policies/example.yaml, then run `rotate check`." in said
    assert desk.rotate("check").out == "OK: 1 policy, 2 connections.\n"
    example = desk.policies / "example.yaml"
    example.write_text(f"# mine\n{example.read_text()}")
    again = desk.json("init").document
    assert (again["written"], len(again["kept"])) == ([], 3)
    assert example.read_text().startswith("# mine\n")


def test_a_folder_that_is_named_gets_the_first_policy_and_is_named_in_what_comes_next(desk: Desk) -> None:
    said = desk.rotate("init", "new").out
    assert "Next: edit new/policies/example.yaml, then run `rotate check` in new." in said
    assert desk.rotate("--policies", "new/policies", "check").out.startswith("OK")


def test_a_command_may_be_given_in_a_folder_that_is_closed_to_its_user(desk: Desk) -> None:
    desk.rotate("init")
    closed = desk.folder / "closed"
    closed.mkdir()
    command = [*without_privileges(), "sh", "-c", 'chmod 0 . && exec "$@"', "sh", ROTATE, "--policies", desk.policies]
    done = subprocess.run([*command, "check"], cwd=closed, env=desk.whole_environment({}), capture_output=True,
                          text=True, timeout=60, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_the_schema_takes_the_samples_and_the_first_policy(desk: Desk) -> None:
    schema = json.loads(desk.rotate("schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    desk.rotate("init")
    for file in (*SAMPLES, desk.policies / "example.yaml"):
        jsonschema.validate(yaml.safe_load(file.read_text()), schema)
    assert not list(jsonschema.Draft202012Validator(schema).iter_errors({"policies": []}))
    assert list(jsonschema.Draft202012Validator(schema).iter_errors({"polices": []}))


def test_the_ledger_is_for_its_owner_alone(desk: Desk) -> None:
    desk.rotate("init")
    desk.rotate("status")
    folder = desk.ledger_file.parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("command", ["schema", "providers", "status"])
def test_no_sdk_is_imported_before_it_is_needed(desk: Desk, command: str) -> None:
    """The policies name AWS and Vault: even so, only a call needs their SDKs."""
    desk.write_policy(SAMPLES[0].read_text())
    assert imported_by(desk, command) & set(SDKS) == set()


@pytest.mark.parametrize("command", NOT_NEEDED)
def test_a_command_that_only_answers_imports_little(desk: Desk, command: str) -> None:
    desk.write_policy((SAMPLES[0].parent / "jupyterhub-to-openbao-aws-env.yaml").read_text())
    assert imported_by(desk, command) & set(NOT_NEEDED[command]) == set()


def imported_by(desk: Desk, command: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _REPORTING_MODULES, command],
        cwd=desk.folder, env=desk.whole_environment({}), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    imported = set(done.stderr.rpartition("imported: ")[2].split())
    assert "rotator.cli.main" in imported
    return imported


def test_the_demonstration_rotates_a_real_token_and_proves_it(desk: Desk, known_values: Canary, tmp_path: Path) -> None:
    desk.environment["TMPDIR"] = str(tmp_path)
    said = desk.rotate("demo").out
    [folder] = tmp_path.glob("rotator-demo-*")
    for holder in ("admin-token", "app.env"):
        known_values.may_hold_values(folder / holder)
    known_values.add((folder / "admin-token").read_text().strip())
    known_values.add((folder / "app.env").read_text().rpartition("PAYMENTS_TOKEN=")[2].strip().strip("'\""))
    assert "GET /v1/self with the old token: 401 refused" in said
    assert "GET /v1/self with the new one, read from the env file: 200 accepted" in said
    assert "GET /v1/self with the new one, read from AWS: 200 accepted" in said
    assert "rotation opened (asked): demonstration" in said
