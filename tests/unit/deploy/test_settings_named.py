"""Whatever is deployed sets settings that there are, and those that it must."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from rotator.config.plugins import Plugins
from rotator.config.policy_files import load
from rotator.config.settings import Settings, load_settings

ROOT: Final = Path(__file__).parents[3]
DEPLOY: Final = ROOT / "deploy"
FILES: Final = [
    *(file for file in sorted(DEPLOY.rglob("*")) if file.is_file() and "permissions" not in file.parts),
    ROOT / "docs/deploying.md",
    ROOT / "docs/runbook.md",
]
NOT_SETTINGS: Final = {"CONFIG", "USER"}
"""``ROTATOR_CONFIG`` names the file of the settings; ``ROTATOR_USER`` is compose.yaml's own."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_variable_that_a_file_names_is_a_setting(file: Path):
    named = {name.lower() for name in re.findall(r"\bROTATOR_([A-Z_]*[A-Z])\b", file.read_text())}
    assert named - {name.lower() for name in NOT_SETTINGS} <= set(Settings.model_fields)


@pytest.mark.parametrize("file", sorted(DEPLOY.rglob("settings.env")), ids=lambda file: file.parent.name)
def test_the_settings_of_a_pod_are_good(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            name, _, value = line.partition("=")
            monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.repository is not None
    assert settings.repository_token == "file:/run/secrets/rotator/repository-token"


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", (ROOT / "docs/deploying.md").read_text(), re.DOTALL))
def test_the_settings_that_the_document_shows_are_good(block: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    Path("rotator.toml").write_text(block)
    load_settings()


# --- the try-out -----------------------------------------------------------------------------------------------------


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())
    return found


def test_the_try_out_has_a_policy_that_loads():
    (policy,) = load(DEPLOY / "compose/policies", Plugins()).policies
    assert policy.name == "tryout"


def test_the_try_out_listens_on_this_machine_only():
    for service in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_try_outs_secrets_are_files_that_prepare_makes():
    secrets = compose()["secrets"]
    made = set(re.findall(r"^make (\S+)", (DEPLOY / "compose/prepare").read_text(), re.MULTILINE))
    assert {each["file"] for each in secrets.values()} == {f"secrets/{name}" for name in made}
    used = {name for service in compose()["services"].values() for name in service["secrets"]}
    assert used == set(secrets)
    assert (DEPLOY / "compose/.gitignore").read_text().splitlines() == [".env", "secrets/"]


def test_the_try_outs_daemon_is_as_closed_as_in_production():
    daemon = compose()["services"]["rotator"]
    assert daemon["read_only"] is True
    assert daemon["cap_drop"] == ["ALL"]
    assert daemon["security_opt"] == ["no-new-privileges:true"]
