"""The installed command ``rotate``, run as people run it: a process of its own, at a desk of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.canary import CANARY
from tests.servers.forked_rotate import ForkedRotate
from tests.servers.process import require

ROTATE = Path(sys.executable).parent / "rotate"
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "COVERAGE_PROCESS_START")


@dataclass(frozen=True)
class Said:
    """What one run of ``rotate`` said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Standard error as the JSON lines that it must be."""
        return [json.loads(line) for line in self.err.splitlines()]

    @property
    def kinds(self) -> list[str]:
        return [event["event"] for event in self.events]


@dataclass
class Desk:
    """A person's working directory and environment. The ledger lies where it lies by default: in the state folder."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    ordinary: bool = False
    """Run without root's right to read and write everything."""
    forked: ForkedRotate | None = None
    """What runs are forks of, for tests with very many of them. Its rights are theirs; see ``ordinary``."""

    @property
    def policies(self) -> Path:
        return self.folder / "policies"

    @property
    def ledger_file(self) -> Path:
        return self.folder / "state" / "rotator" / "ledger.db"

    def write_policy(self, text: str, name: str = "policies.yaml") -> Path:
        file = self.policies / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def rotate(self, *arguments: str, code: int = 0, given: str | None = None, **environment: str) -> Said:
        """Run ``rotate`` without a terminal; it must end with this exit code, and never with a traceback.

        ``given`` is what it reads from its standard input.
        """
        said = (self._forked if self.forked is not None else self._started)(arguments, given, environment)
        _is_well_behaved(said, code, arguments)
        return said

    def _started(self, arguments: Sequence[str], given: str | None, environment: Mapping[str, str]) -> Said:
        done = subprocess.run(
            [*(without_privileges() if self.ordinary else ()), ROTATE, *arguments],
            cwd=self.folder,
            env=self.whole_environment(environment),
            stdin=subprocess.DEVNULL if given is None else None,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def _forked(self, arguments: Sequence[str], given: str | None, environment: Mapping[str, str]) -> Said:
        assert self.forked is not None
        with tempfile.TemporaryDirectory() as output:
            code = self.forked.run(
                arguments, self.whole_environment(environment), Path(output), folder=self.folder, given=given or ""
            )
            said = Said(code, *((Path(output) / name).read_text() for name in ("stdout", "stderr")))
        CANARY.look_at("the output of rotate", said.text)
        return said

    def json(self, *arguments: str, code: int = 0, **environment: str) -> Said:
        """Run ``rotate --json``: one document on standard output, JSON lines on standard error, and nothing else."""
        said = self.rotate("--json", *arguments, code=code, **environment)
        assert isinstance(said.document, dict)
        assert all(isinstance(event, dict) for event in said.events)
        return said

    def start(self, *arguments: str, given: str | None = None) -> Running:
        """Begin a run of ``rotate --json``, to be watched and sent signals. ``given`` is what it reads."""
        child = subprocess.Popen(
            [ROTATE, "--json", *arguments],
            cwd=self.folder,
            env=self.whole_environment({}),
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if child.stdin is not None:
            child.stdin.write(given or "")
            child.stdin.close()
            child.stdin = None
        return Running(child)

    def whole_environment(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        own = {"HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state"), "AWS_EC2_METADATA_DISABLED": "1"}
        return {name: value for name, value in {**kept, **own, **self.environment, **more}.items() if value}


class Running:
    """A run of ``rotate --json`` under way."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self._seen: list[str] = []

    def until(self, kind: str) -> None:
        """Read its events until one of this kind."""
        assert self._child.stderr is not None
        for line in self._child.stderr:
            self._seen.append(line)
            if json.loads(line).get("event") == kind:
                return
        raise AssertionError(f"it ended without the event {kind!r}:\n{''.join(self._seen)}")

    def is_alive(self) -> bool:
        return self._child.poll() is None

    def send(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    def ends(self, code: int) -> Said:
        out, err = self._child.communicate(timeout=60)
        said = Said(self._child.returncode, out, "".join(self._seen) + err)
        CANARY.look_at("stderr of rotate", said.err)
        _is_well_behaved(said, code, ("…",))
        return said


def _is_well_behaved(said: Said, code: int, arguments: tuple[str, ...]) -> None:
    command = f"rotate {' '.join(arguments)}"
    assert said.code == code, f"`{command}` ended with {said.code} instead of {code}:\n{said.text}"
    assert "Traceback" not in said.text, f"`{command}` showed a traceback:\n{said.text}"
    assert "bug of rotate's" not in said.text, f"`{command}` ran into a bug:\n{said.text}"


def without_privileges() -> list[str]:
    """Take from root, for whom every file can be read, what makes it so."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    require(setpriv is not None, "setpriv is missing: without it, root may read and write everything")
    return [str(setpriv), "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
