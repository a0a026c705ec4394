"""What commands end with: a promise to whoever writes scripts."""

from __future__ import annotations

import signal
from typing import Final

DONE: Final = 0
OUR_FAULT: Final = 1
"""A bug, or what we work with: the ledger, a full disk."""
BAD_INPUT: Final = 2
"""Nothing was touched."""
WITHDRAWN: Final = 3
"""Or refused: what was in force still is."""
UNFINISHED: Final = 4
"""Something still needs doing."""
DUE: Final = 10
"""Only of ``plan --exit-code``."""
INTERRUPTED: Final = 128 + signal.SIGINT
UNHEARD: Final = 128 + signal.SIGPIPE
"""All is done, but nobody read to the end what was said."""
