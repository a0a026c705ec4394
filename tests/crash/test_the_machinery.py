"""What the crash tests rest on: a forked run is one of the installed command, and no instant is left out by mistake."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.acceptance.command import Desk
from tests.crash.kills import instants
from tests.servers.forked_rotate import ForkedRotate


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("--version", 0),
        ("now --help", 0),
        ("init .", 0),
        ("now --nonsense", 2),
        ("--json now --nonsense", 2),
        ("--policies nowhere check", 2),
        ("provide app --stdin", 2),
    ],
)
def test_a_forked_run_says_what_the_installed_command_says(
    command: str, code: int, tmp_path: Path, forked: ForkedRotate
) -> None:
    folders = [tmp_path / name / "here" for name in ("installed", "forked")]
    for folder in folders:
        folder.mkdir(parents=True)
    installed, fork = Desk(folders[0]), Desk(folders[1], forked=forked)
    said = [desk.rotate(*command.split(), code=code, given="a value\n") for desk in (installed, fork)]
    texts = [each.text.replace(str(folder), "here") for each, folder in zip(said, folders, strict=True)]
    assert texts[0] == texts[1]
    assert texts[0]


def test_a_forked_run_has_the_environment_it_is_given_and_no_other(tmp_path: Path, forked: ForkedRotate) -> None:
    desk = Desk(tmp_path, forked=forked)
    assert "ROTATOR_LOG_LEVEL" in desk.rotate("status", code=2, ROTATOR_LOG_LEVEL="loud").text
    assert "ROTATOR_LOG_LEVEL" not in desk.rotate("status", code=2).text
    assert os.environ.get("ROTATOR_LOG_LEVEL") is None


def test_an_instant_is_left_out_only_where_it_is_the_same_as_its_neighbour() -> None:
    points = ["ledger.record", "issuer.issue", "request POST /v1/tokens", "ledger.record", "app-env.write", "rename"]
    assert [kill for kill, _ in instants(points)] == [
        (0, "before"),
        (2, "before"),  # the provider's call and its first request are one
        (3, "before"),
        (4, "before"),
        (5, "before"),  # by now the new file stands beside the old one
        (5, "after"),
    ]
