"""The canary sings: each way a value can get out is tried in a run of its own (canary_leaks.py), and must be seen."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

_LEAKS_FILE = Path(__file__).parent / "canary_leaks.py"
_TESTS = {
    node.name: ast.get_docstring(node)
    for node in ast.parse(_LEAKS_FILE.read_text()).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
}
LEAKS = {name: place for name, place in _TESTS.items() if place}
HARMLESS = [name for name, place in _TESTS.items() if not place]


@dataclass(frozen=True)
class Run:
    output: str

    def verdicts(self, test: str) -> set[str]:
        """Give what pytest said of each phase of a test that is worth a word: PASSED, FAILED, ERROR."""
        return set(re.findall(rf"^(\w+) \S*::{test}\b", self.output, re.MULTILINE))

    def report(self, test: str) -> str:
        """Give what was said of its failures: one that failed may have failed in its teardown too."""
        return "\n".join(
            re.findall(rf"_ (?:ERROR at \w+ of )?{test} _+\n(.*?)(?=\n_____|\n=====)", self.output, re.DOTALL)
        )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("leaks")
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.canary", "-p", "no:cacheprovider", "--color=no", "-rpfE"]
    command += [f"--rootdir={folder}", f"--basetemp={folder}/base", str(_LEAKS_FILE)]
    finished = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
    return Run(finished.stdout + finished.stderr)


@pytest.mark.parametrize("leak", LEAKS)
def test_a_value_that_gets_out_fails_the_test_with_the_place(run: Run, leak: str) -> None:
    assert run.verdicts(leak) & {"FAILED", "ERROR"}
    assert f"canary: a known secret value reached {LEAKS[leak]}\n" in run.report(leak)


@pytest.mark.parametrize("test", HARMLESS)
def test_what_is_harmless_or_declared_passes(run: Run, test: str) -> None:
    assert run.verdicts(test) == {"PASSED"}


def test_the_report_of_a_leak_does_not_repeat_it(run: Run) -> None:
    assert "canary/in/a/mine" not in run.output
