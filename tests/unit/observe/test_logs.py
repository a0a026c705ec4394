"""What libraries may say in our log, and what becomes of those who log when nothing can be written."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rotator
from rotator.observe import logs

_PROGRAM = """
import logging
from rotator.observe import logs

logs.configure("debug", as_json=True)
for name in ("botocore.retries", "requests", "urllib3.connectionpool", "urllib3.connection"):
    logging.getLogger(name).info("%s tells a detail", name)
    logging.getLogger(name).warning("%s warns", name)
"""


def test_libraries_may_warn_and_urllib3_not_even_that_because_it_quotes_urls_and_headers():
    run = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert "tells a detail" not in run.stderr
    assert ["botocore" in line or "requests" in line for line in run.stderr.splitlines()] == [True, True]
    assert "urllib3" not in run.stderr


_LOGS_AND_WORKS_ON = """
from rotator.observe import logs

logs.configure("info", as_json=False)
for number in range(1000):
    logs.logger().error("nobody learns of this")
print("worked on")
"""


def a_full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def a_pipe_that_nobody_reads() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("opened", [a_full_disk, a_pipe_that_nobody_reads])
def test_a_log_that_cannot_be_written_stops_nobody(opened):
    if opened is a_full_disk and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    log = opened()
    try:
        run = subprocess.run(
            [sys.executable, "-c", _LOGS_AND_WORKS_ON], stdout=subprocess.PIPE, stderr=log, text=True, check=False
        )
    finally:
        os.close(log)
    assert (run.returncode, run.stdout) == (0, "worked on\n")


def _lines_of_ours() -> Iterator[ast.Call]:
    for module in (Path(rotator.__file__).parent).rglob("*.py"):
        for call in ast.walk(ast.parse(module.read_text())):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and "logger()" in ast.unparse(call.func)
            ):
                yield call


def test_every_field_that_we_log_is_one_that_a_line_may_have():
    fields = {keyword.arg for call in _lines_of_ours() for keyword in call.keywords}
    assert {"secret", "handle", "exc_info"} <= fields
    assert fields <= logs.ALLOWED_FIELDS | {"exc_info"}
