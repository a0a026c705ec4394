"""The programs that read env files in real life, so that tests see what a consumer sees and not what we meant.

python-dotenv and a POSIX shell are simply there; node's dotenv comes with npm. systemd is asked through
``systemd-tmpfiles``, which reads os-release with the parser of ``EnvironmentFile=`` and prints one field of it;
docker's client through a loopback stand-in for its daemon, because it is the client that reads the file.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from dotenv import dotenv_values

from providers.stores.env_file.dialects import Dialect
from tests.servers.process import require

ROOT = Path(__file__).parents[3]

Reader = Callable[[Path, str], "str | None"]
"""(file, variable) → what the program makes of it."""


def read_as_dotenv(file: Path, var: str) -> str | None:
    return dotenv_values(file).get(var)


def read_by_nodes_dotenv(documents: Sequence[str]) -> list[dict[str, str]]:
    """Give what node's dotenv makes of each document."""
    require((ROOT / "node_modules" / "dotenv").exists(), "dotenv is not in node_modules: `make` installs it with npm")
    require(shutil.which("node") is not None, "node's dotenv needs Node")
    script = "const {parse} = require('dotenv'); process.stdout.write(JSON.stringify(JSON.parse("
    script += "require('fs').readFileSync(0)).map(document => parse(document))))"
    given = json.dumps(documents)
    done = subprocess.run(["node", "-e", script], cwd=ROOT, input=given, capture_output=True, text=True, check=True)
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def read_as_shell(file: Path, var: str) -> str | None:
    shown = file.with_name("shown")
    script = f'. "$1"; [ "${{{var}+set}}" ] && printf "%s" "${var}" > "$2"'
    subprocess.run(["sh", "-c", script, "sh", file, shown], check=False, env={"PATH": os.defpath})
    try:
        return shown.read_bytes().decode()
    except FileNotFoundError:
        return None
    finally:
        shown.unlink(missing_ok=True)


def read_as_systemd(file: Path, var: str) -> str | None:
    if not shutil.which("systemd-tmpfiles"):
        pytest.skip("systemd-tmpfiles is not on this machine")
    root = file.parent / "systemd-root"
    (root / "etc").mkdir(parents=True, exist_ok=True)
    (root / "etc" / "os-release").write_bytes(
        re.sub(rb"(?m)^" + var.encode() + rb"=", b"VARIANT_ID=", file.read_bytes())
    )
    (root / "show.conf").write_text("f+ /shown - - - - %W\n")
    subprocess.run(["systemd-tmpfiles", "--create", f"--root={root}", root / "show.conf"], check=True)
    shown = (root / "shown").read_bytes().decode()
    shutil.rmtree(root)
    return shown or None


def read_as_docker(file: Path, var: str) -> str | None:
    if not shutil.which("docker"):
        pytest.skip("docker's client is not on this machine")
    with _docker_daemon() as (address, environments):
        environment = {"DOCKER_HOST": address, "PATH": os.environ["PATH"], "HOME": str(file.parent)}
        subprocess.run(
            ["docker", "create", "--env-file", file, "image"], check=True, env=environment, stdout=subprocess.DEVNULL
        )
    pairs = dict(line.split("=", 1) for line in environments[0] if "=" in line)
    return pairs.get(var)


READERS: dict[Dialect, Reader] = {
    Dialect.DOTENV: read_as_dotenv,
    Dialect.SHELL: read_as_shell,
    Dialect.SYSTEMD: read_as_systemd,
    Dialect.DOCKER: read_as_docker,
}


@contextmanager
def _docker_daemon() -> Iterator[tuple[str, list[list[str]]]]:
    """Answer ``docker create`` and keep the environment that it asks for."""
    environments: list[list[str]] = []

    class Daemon(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(200, b"")

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            environments.append(asked["Env"])
            self._answer(201, b'{"Id": "made", "Warnings": []}')

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Api-Version", "1.47")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the requests hold values."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Daemon) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_port}", environments
        server.shutdown()
