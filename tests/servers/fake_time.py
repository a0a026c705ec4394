"""The wall clock of other processes, as libfaketime shows it to them: it stands ahead of the real one by so much.

Only the wall clock is moved. A wait lasts as long as it lasts: whoever is to notice a jump at once must be told.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.servers.process import require


class FakeTime:
    """A clock for this process (``rotator.domain.clock.Clock``) that others share by their ``environment``."""

    def __init__(self, folder: Path) -> None:
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        require(library is not None, "libfaketime is missing: apt-get install libfaketime")
        self._file = folder / "clock"
        self._ahead = timedelta()
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # else no wait of Python's ends
            "NO_FAKE_STAT": "1",  # else every file changes whenever time does
        }
        self.move()

    def move(self, **by: float) -> None:
        """Let the clock jump ahead, for everybody: ``move(days=31)``."""
        self._ahead += timedelta(**by)
        later = self._file.with_suffix(".later")
        later.write_text(f"+{self._ahead.total_seconds():.0f}\n")
        later.replace(self._file)  # whoever reads it sees all of it

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def wait(self, duration: timedelta) -> bool:
        raise AssertionError("nobody waits by this clock")

    @property
    def is_stopping(self) -> bool:
        return False
