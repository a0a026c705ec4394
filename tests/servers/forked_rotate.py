"""Runs ``rotate`` many times, each in a process of its own, and pays for its imports once.

``ForkedRotate`` starts this module as a process and writes it a line of JSON for each run; the process forks, the child
becomes ``rotate``, and the exit status comes back. The forking process has no threads and talks to nobody, so a child
differs from the installed command in one thing only: what every run imports and reads first is in its memory already.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import providers
import rotator

REPOSITORY: Final = Path(__file__).parents[2]

_SDKS: Final = (
    *("boto3.session", "botocore.auth", "encodings.ascii", "httptools", "hvac", "jinja2", "jmespath", "psycopg"),
    *("requests", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite", "urllib3", "yaml"),
)
_NOT_FOR_RUNS: Final = ("__main__", "migrations", "testing")
_AWS_SERVICES: Final = ("iam", "secretsmanager", "sts")
_LONGEST_SECONDS: Final = 180
"""A run that hangs ends by SIGALRM, and its test fails."""


class ForkedRotate:
    """The process that becomes runs of ``rotate``. It is ended by ``close``, or with this one."""

    def __init__(self, through: Sequence[str] = ()) -> None:
        """``through``: a command that starts it, as ``setpriv`` does."""
        command = [*through, sys.executable, "-m", "tests.servers.forked_rotate"]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        output: Path,
        *,
        folder: Path | None = None,
        given: str = "",
        first: tuple[str, Mapping[str, Any]] | None = None,
    ) -> int:
        """Run ``rotate`` to its end and give its exit status: negative for a signal.

        ``output`` is a folder; ``stdout`` and ``stderr`` in it are written on. ``given`` is what it reads. ``first``
        names a module whose ``install`` is called with these settings in the child, before it becomes ``rotate``.
        """
        output.mkdir(exist_ok=True)
        order = {
            "arguments": [*arguments], "environment": {**environment}, "output": str(output),
            "folder": str(folder or output), "given": given, "first": first,
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the forking process itself died"
        return int(answer)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


# --- the process ---------------------------------------------------------------------------------------------------


def main() -> None:
    _get_ready()
    for order in sys.stdin:
        child = os.fork()
        if child == 0:
            _become_rotate(json.loads(order))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _get_ready() -> None:
    for module in (*_SDKS, *_modules_of(rotator), *_modules_of(providers)):
        with suppress(ModuleNotFoundError):  # an extra that is not installed: then no test needs it
            importlib.import_module(module)
    _read_models_of_aws_once()
    _read_sample_policies()
    assert threading.active_count() == 1, "a fork has only the thread that forks"
    gc.collect()
    gc.freeze()  # else the first collection in each child copies every page of all this


def _modules_of(package: ModuleType) -> Iterator[str]:
    found = (module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
    return (name for name in found if not set(_NOT_FOR_RUNS) & set(name.split(".")))


def _read_models_of_aws_once() -> None:
    """Have botocore's descriptions of services read here, and from memory in the children."""
    with suppress(ModuleNotFoundError):
        import boto3
        from botocore.loaders import JSONFileLoader

        JSONFileLoader.load_file = staticmethod(functools.cache(JSONFileLoader().load_file))
        for service in _AWS_SERVICES:
            keys = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}
            boto3.Session().client(service, region_name="eu-west-1", **keys)


def _read_sample_policies() -> None:
    """Have pydantic build here what it builds when something is first validated."""
    from rotator.config.plugins import Plugins
    from rotator.config.policy_files import load

    load(REPOSITORY / "policies", Plugins())


def _become_rotate(order: dict[str, Any]) -> None:
    """Become one run of ``rotate``. Never returns."""
    signal.alarm(_LONGEST_SECONDS)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    output = Path(order["output"])
    for stream, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(output / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), stream)
    os.dup2(_readable(order["given"]), 0)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  the old one has read ahead
    if order["first"] is not None:
        module, settings = order["first"]
        importlib.import_module(module).install(**settings)
    from rotator.cli.main import main as rotate

    sys.argv = ["rotate", *order["arguments"]]
    sys.modules["__main__"].__package__ = None  # else Typer tells people to type `python -m tests…`
    code: Any = 1
    try:
        rotate()
        code = 0
    except SystemExit as ending:
        code = ending.code or 0
    except BaseException:  # noqa: BLE001  told as the interpreter itself would
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def _readable(given: str) -> int:
    """Give a descriptor from which this can be read. It is in memory: it may be a value."""
    descriptor = os.memfd_create("given")
    os.write(descriptor, given.encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


if __name__ == "__main__":
    main()
