"""What every test may ask for: the real servers."""

from __future__ import annotations

pytest_plugins = ["pytester", "tests.servers.fixtures"]
