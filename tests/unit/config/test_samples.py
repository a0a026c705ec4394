"""Everything that users are shown as a policy file loads: the samples, the docs, the plug-ins' own examples."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from rotator.config.allowed import Allowed
from rotator.config.plugins import Plugins
from rotator.config.policy_files import load
from rotator.config.settings import Settings

ROOT = Path(__file__).parents[3]
SAMPLES = sorted((ROOT / "policies").glob("*.yaml"))
PAGE = (ROOT / "docs" / "policies.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.name)
def test_a_sample_loads_by_itself(file):
    assert load(file, Plugins()).policies


def test_the_samples_load_together():
    names = [policy.name for policy in load(ROOT / "policies", Plugins()).policies]
    assert len(names) >= len(SAMPLES) >= 3


@pytest.mark.parametrize("name", Plugins().names())
def test_the_example_of_a_provider_loads(name, tmp_path):
    plugin = Plugins().find(name)
    (tmp_path / "example.yaml").write_text(plugin.example)
    loaded = load(tmp_path, Plugins())
    assert name in {connection.provider for connection in loaded.connections.values()}


def test_every_policy_file_in_the_docs_loads(tmp_path):
    examples = blocks("yaml")
    assert len(examples) >= 4
    for number, example in enumerate(examples):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "example.yaml").write_text(example)
        allowed = Allowed(frozenset({"api.example.com"}), commands=True)
        assert load(folder, Plugins(), allowed=allowed).policies, example


def test_the_docs_name_every_key_and_every_setting():
    from rotator.config import file_format

    models = (
        file_format.PolicyBlock, file_format.ScheduleBlock, file_format.OverlapBlock, file_format.IssuerBlock,
        file_format.VerifyBlock, file_format.HttpTrialBlock,
    )  # fmt: skip
    for model in models:
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in PAGE
    for name in Settings.model_fields:
        assert f"`{name}`" in PAGE


def test_the_settings_files_in_the_docs_are_valid():
    examples = blocks("toml")
    assert len(examples) == 2
    for example in examples:
        assert set(tomllib.loads(example)) <= Settings(**tomllib.loads(example)).model_fields_set
