"""SIGHUP tells a daemon to look for new policies. One that has only just begun is not ended by it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from rotator.cli.exit_codes import BAD_INPUT

HANGS_UP_WHILE_IT_STARTS = """
import os, signal, sys

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs this under nohup has it ignored

class HangUp:
    def find_spec(self, name, *_):
        if name == "rotator.cli.commands":
            os.kill(os.getpid(), signal.SIGHUP)

from rotator.cli.main import main
sys.meta_path.insert(0, HangUp())
main()
"""


def exit_code_of(*arguments: str, where: Path) -> int:
    command = [sys.executable, "-c", HANGS_UP_WHILE_IT_STARTS, *arguments]
    return subprocess.run(command, cwd=where, capture_output=True, check=False).returncode


def test_a_daemon_outlives_sighup_before_it_has_imported_anything(tmp_path):
    assert exit_code_of("run", where=tmp_path) == BAD_INPUT  # it came as far as its policies, and there are none


def test_other_commands_end_with_their_terminal(tmp_path):
    assert exit_code_of("plan", where=tmp_path) == -signal.SIGHUP
    assert exit_code_of("run", "--once", where=tmp_path) == -signal.SIGHUP
