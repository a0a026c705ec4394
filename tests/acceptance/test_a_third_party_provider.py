"""examples/third-party, as its author and its users have it: built, installed beside Rotator, tested, and used.

It is installed into a folder of its own, without a network; docs/writing-a-provider.md shows nothing that is not in it.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from tests.acceptance.command import Desk
from tests.canary import CANARY
from tests.servers.process import require

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "examples" / "third-party"
PAGE: Final = (ROOT / "docs" / "writing-a-provider.md").read_text(encoding="utf-8")
SHOWN: Final = re.findall(r"^```(?:python|toml)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its author's working copy: what is built there stays there."""
    copy = tmp_path_factory.mktemp("author") / "third-party"
    return Path(shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*")))


@pytest.fixture(scope="module")
def site(checkout: Path) -> Path:
    """Where it is installed: a folder that goes on Python's path."""
    require(find_spec("hatchling") is not None, "hatchling is missing (PyPI; in the dev group)")
    site = checkout.parent / "site"
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--no-cache-dir", "--disable-pip-version-check")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", site, checkout],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture
def desk(tmp_path: Path, site: Path) -> Desk:
    return Desk(tmp_path, {"PYTHONPATH": str(site)})


@pytest.fixture(scope="module")
def fake_tollgate(checkout: Path) -> ModuleType:
    """The service, as the package's own tests have it."""
    spec = importlib.util.spec_from_file_location("fake_tollgate", checkout / "tests" / "fake_tollgate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_own_tests_with_the_inherited_contracts_pass(desk: Desk, checkout: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=checkout, env=desk.whole_environment({}), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    passed = int(re.findall(r"(\d+) passed", done.stdout)[0])
    assert passed > 60, "the contracts were not inherited"


def test_its_providers_are_listed_and_the_example_with_both_passes_the_check(desk: Desk) -> None:
    listed = desk.rotate("providers").out
    assert re.search(r"^secret-folder +store ", listed, re.MULTILINE)
    assert re.search(r"^tollgate +issuer ", listed, re.MULTILINE)
    example = desk.rotate("providers", "tollgate").out.partition("\nExample:\n")[2]
    desk.write_policy("\n".join(line.removeprefix("  ") for line in example.splitlines()))
    assert desk.rotate("check").out == "OK: 1 policy, 2 connections.\n"


def test_its_options_are_checked_as_ours_are(desk: Desk) -> None:
    desk.write_policy(
        """\
connections:
  tollgate: {provider: tolgate, url: "https://tollgate.example", account: acme, credentials: {key: "env:KEY"}}
  gates: {provider: tollgate, url: "https://tollgate.example", account: Acme, credentials: {key: "env:KEY"}}
policies: []
"""
    )
    told = desk.rotate("check", code=2).text
    assert "policies/policies.yaml:2:24: unknown provider `tolgate`; did you mean `tollgate`?" in told
    assert re.search(r"policies/policies\.yaml:3:\d+: `account`: ", told)


def test_a_token_of_its_issuer_is_rotated_in_its_store(desk: Desk, fake_tollgate: ModuleType) -> None:
    with fake_tollgate.serving(fake_tollgate.Tollgate()) as tollgate:
        _, old = tollgate.make({"label": "by hand", "lane": "north", "expires_at": None})
        folder = CANARY.may_hold_values(desk.folder / "secrets" / "barrier")
        folder.mkdir(parents=True)
        (folder / "1.json").write_text(json.dumps({"gate": "north-2", "value": CANARY.add(old["pass"])}))
        desk.environment["TOLLGATE_KEY"] = CANARY.add(tollgate.key)
        desk.write_policy(
            f"""\
connections:
  tollgate: {{provider: tollgate, url: "{tollgate.url}", account: acme, credentials: {{key: "env:TOLLGATE_KEY"}}}}
  secrets: {{provider: secret-folder, root: "{folder.parent}"}}
policies:
  - name: barrier
    issuer: {{connection: tollgate, token_name: barrier, lane: north, expires_in: 90 days}}
    stores: [{{connection: secrets, secret: barrier}}]
    schedule: {{every: 30 days}}
    overlap: {{for: 1h}}
"""
        )
        assert "2 checks" in desk.rotate("check", "--online").out
        assert f"adopted {old['id']}" in desk.rotate("adopt", "barrier").out
        desk.rotate("now", "barrier", "--yes")
        assert "is dead (proof: refused)" in desk.rotate("retire", "barrier").out, "the store keeps the old value"

        [new] = tollgate.passes.values()
        CANARY.add(new["pass"])
        assert json.loads((folder / "2.json").read_text()) == {"gate": "north-2", "value": new["pass"]}


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: block.strip().splitlines()[0])
def test_what_the_page_shows_stands_in_the_example(block: str) -> None:
    files = [file for file in EXAMPLE.rglob("*.*") if file.suffix in (".py", ".toml")]
    assert any(block.rstrip() in file.read_text(encoding="utf-8") for file in files)


def test_the_page_shows_the_distribution_the_issuer_the_store_and_their_tests() -> None:
    assert len(SHOWN) == 7
