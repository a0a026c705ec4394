"""The kinds of event that say: something stands, until the other one of the pair is told of the same.

What stands is looked for across all secrets, so the ledger has an index of these kinds, and of no others.
"""

from __future__ import annotations

from typing import Final

DECLARED: Final = "compromised"
"""A secret's tokens got out, says a person."""

OVER: Final = "incident over"
"""All that got out is proven dead."""

CAME_LATE: Final = "came too late"
"""A token came when its rotation was no longer ours: nobody will ever use it, and it may live."""

LATE_ENDED: Final = "late one ended"
"""It is dead."""

STANDING: Final = (DECLARED, OVER, CAME_LATE, LATE_ENDED)
