"""Profiles of one's own are known before the policies beside them are right."""

from __future__ import annotations

import re
from pathlib import Path

from rotator.config.own_profiles import add_own_profiles
from rotator.config.plugins import Plugins

PAGE = (Path(__file__).parents[3] / "docs" / "writing-a-provider.md").read_text(encoding="utf-8")


def profile(name: str) -> str:
    found = re.search(r"```yaml\n(kind: HttpIssuer\n.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1].replace("name: quayside", f"name: {name}")


def test_policies_that_are_not_right_hide_no_profile(tmp_path):
    (tmp_path / "ours.yaml").write_text(profile("ours"))
    (tmp_path / "policies.yaml").write_text("policies: [")
    plugins = Plugins()
    assert add_own_profiles(tmp_path, plugins) == []
    assert plugins.issuer("ours").summary == "keys of a crane at Quayside"
    assert plugins.file_of("ours") == tmp_path / "ours.yaml"
    assert plugins.file_of("sandbox") is None


def test_a_profile_that_is_not_right_is_told_with_its_line_and_hides_no_other(tmp_path):
    (tmp_path / "ours.yaml").write_text(profile("ours"))
    (tmp_path / "theirs.yaml").write_text(profile("theirs").replace("summary:", "sumary:"))
    (tmp_path / "taken.yaml").write_text(profile("sandbox"))
    plugins = Plugins()
    told = [str(problem).removeprefix(f"{tmp_path}/") for problem in add_own_profiles(tmp_path, plugins)]
    assert told[0].startswith("taken.yaml:2:7: `sandbox` is the name of a provider of")
    assert told[-1] == "theirs.yaml:3:1: unknown key `sumary`; did you mean `summary`?"
    assert "ours" in plugins.names()


def test_without_policies_there_are_no_profiles(tmp_path):
    assert add_own_profiles(tmp_path / "nowhere", Plugins()) == []
    assert add_own_profiles(tmp_path, Plugins()) == []


def test_a_profile_that_would_be_overlooked_is_told(tmp_path):
    (tmp_path / "ours.yml").write_text(profile("ours"))
    [told] = add_own_profiles(tmp_path, Plugins())
    assert str(told) == f"{tmp_path}/ours.yml: only *.yaml files are read; rename it"
