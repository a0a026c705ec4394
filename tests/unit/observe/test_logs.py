"""What libraries may say in our log."""

from __future__ import annotations

import subprocess
import sys

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
