"""Runs ``rotate`` many times, each in a process of its own, and pays for its imports once.

Reads a line of JSON for each run on stdin: ``arguments``, ``environment``, ``output`` (a folder for ``stdout``,
``stderr`` and ``points``), and ``kill``, the number of a point and ``before`` or ``after``, or null. Answers with the
exit status as ``waitpid`` gives it: negative for a signal. The runs are forks of this process, which has no threads.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

_IMPORTED_ONCE = (
    *("boto3.session", "botocore.auth", "hvac", "httpx", "jinja2", "jmespath", "psycopg", "requests", "yaml"),
    *("providers.issuers.http", "providers.stores.aws_secrets_manager", "providers.stores.env_file"),
    *("providers.stores.vault", "rotator.app", "rotator.cli.main", "rotator.cli.reporting"),
    *("rotator.flow.emergency", "rotator.flow.reconcile", "rotator.ledger.ledger", "pydantic_settings"),
)


def main() -> None:
    _import_what_a_rotation_needs()
    for order in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(json.loads(order))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _import_what_a_rotation_needs() -> None:
    for module in _IMPORTED_ONCE:
        importlib.import_module(module)


def _run(order: dict[str, Any]) -> None:
    """Become one run of ``rotate``. Never returns."""
    output = Path(order["output"])
    os.environ.update(order["environment"])
    for stream, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(output / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    from rotator.cli.main import main as rotate
    from tests.crash.points import Points

    Points(output / "points", tuple(order["kill"]) if order["kill"] else None).install()
    sys.argv = ["rotate", *order["arguments"]]
    code: Any = 0
    try:
        rotate()
    except SystemExit as ending:
        code = ending.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    main()
