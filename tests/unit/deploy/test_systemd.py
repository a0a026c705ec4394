"""The systemd units: systemd understands them, they are closed, and both ways of running are closed alike."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.servers.process import require

FOLDER: Final = Path(__file__).parents[3] / "deploy/systemd"
UNITS: Final = ["rotator.service", "rotator-once.service", "rotator-once.timer"]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units in a folder, with a program that there is."""
    require(shutil.which("systemd-analyze") is not None, "systemd-analyze is missing")
    for unit in UNITS:
        text = (FOLDER / unit).read_text().replace("/opt/rotator/bin/rotate", "/bin/true")
        (tmp_path / unit).write_text(text)
    return tmp_path


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, check=False, timeout=30
    )


def settings(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (FOLDER / unit).read_text().splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_systemd_understands_the_units(installed: Path):
    verified = analyze("verify", *(installed / unit for unit in UNITS))
    assert (verified.returncode, verified.stderr) == (0, "")


def test_systemd_understands_the_drop_in(installed: Path):
    folder = installed / "rotator.service.d"
    folder.mkdir()
    shutil.copy(FOLDER / "env-file-destinations.conf", folder)
    verified = analyze("verify", installed / "rotator.service")
    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize("unit", ["rotator.service", "rotator-once.service"])
def test_a_service_can_do_next_to_nothing_but_talk_to_the_network(installed: Path, unit: str):
    """The threshold is in tenths: 1.1 is what is left with a network and a host's own root directory."""
    judged = analyze("security", "--offline=true", "--threshold=11", installed / unit)
    assert judged.returncode == 0, judged.stdout


def test_both_services_are_closed_alike():
    def closed(unit: str) -> str:
        text = (FOLDER / unit).read_text().partition("NoNewPrivileges")[2].partition("[Install]")[0]
        return re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip()

    assert closed("rotator.service") == closed("rotator-once.service") != ""


def test_the_daemon_speaks_to_systemd_as_the_unit_expects():
    unit = settings("rotator.service")
    assert unit["Type"] == ["notify"]
    assert unit["WatchdogSec"] == ["2min"]
    assert unit["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert unit["ExecStart"] == ["/opt/rotator/bin/rotate --json run"]


def test_no_secret_is_handed_over_in_the_environment():
    for unit in UNITS[:2]:
        handed = settings(unit)
        assert handed["LoadCredential"] == ["rotator:/etc/rotator/credentials"]
        assert handed["Environment"] == ["XDG_STATE_HOME=/var/lib", "PGPASSFILE=%d/rotator_pgpass"]
