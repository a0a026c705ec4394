"""Which files hold policies: folders, links and paths that cannot be read are told, and nothing is overlooked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rotator.config.policy_files import load
from rotator.domain.errors import InvalidInput
from tests.unit.config.small_plugins import small_plugins

QUOTE_IT = "write it in quotes"
TOO_LONG = "x" * 300
"""A name at which no file system looks: root, too, is refused."""
CANNOT_BE_READ = "cannot be read: File name too long; let the user that runs rotate read it"


def test_an_empty_directory_is_an_error(folder, tmp_path):
    with pytest.raises(InvalidInput) as caught:
        folder.load()
    assert str(caught.value) == f"{tmp_path}: no policy file (*.yaml) in this directory; `rotate init` writes one"


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path / "policies", small_plugins())
    assert str(caught.value) == (
        f"{tmp_path}/policies: there is no such file or directory; "
        "check the path; `rotate init` writes a first policy file"
    )


def test_a_path_that_may_not_be_looked_at_is_told(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path / TOO_LONG, small_plugins())
    assert str(caught.value) == f"{tmp_path}/{TOO_LONG}: {CANNOT_BE_READ}"


def test_connections_without_a_policy_are_an_error(connected, tmp_path):
    with pytest.raises(InvalidInput) as caught:
        connected.load()
    assert str(caught.value) == f"{tmp_path}: there is no policy here; add one under `policies:`"


def test_a_file_that_would_be_overlooked_is_an_error(policy):
    assert policy().write("more.yml", "policies: []").problems() == ["more.yml: only *.yaml files are read; rename it"]


def test_a_link_to_nowhere_is_told(policy, tmp_path):
    folder = policy()
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    assert folder.problems() == ["gone.yaml: there is no such file; check the path"]


def test_a_link_to_where_nobody_may_look_is_told_beside_all_else(policy, tmp_path):
    (tmp_path / "far.yaml").symlink_to(TOO_LONG)
    assert policy(owner="owner: 5").problems() == [
        f"far.yaml: {CANNOT_BE_READ}",
        f"p.yaml:6:12: `owner`: must be text, and YAML reads this as a number; {QUOTE_IT}",
    ]


def test_a_link_that_may_lead_to_a_folder_of_policies_is_not_passed_over(policy, tmp_path):
    (tmp_path / "team").symlink_to(TOO_LONG)
    assert policy().problems() == [f"team: {CANNOT_BE_READ}"]


def test_a_directory_that_may_not_be_read_is_told(policy, tmp_path, monkeypatch):
    folder, scandir = policy(), os.scandir
    (tmp_path / "closed").mkdir()

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert folder.problems() == ["closed: cannot be read: Permission denied; let the user that runs rotate read it"]
