"""What every test may ask for: the real servers; and the canary that watches them all."""

from __future__ import annotations

pytest_plugins = ["tests.canary", "tests.servers.fixtures"]
