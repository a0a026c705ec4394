"""One daemon for one SQLite ledger; any number for one in PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from rotator.domain.errors import LedgerUnavailable
from rotator.ledger.ledger import Ledger


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_second_daemon_on_a_sqlite_ledger_is_refused_and_told_by_whom(open_ledger: Callable[[], Ledger]) -> None:
    first, second = open_ledger(), open_ledger()
    with first.alone(), pytest.raises(LedgerUnavailable, match=rf"process {os.getpid()}\)"), second.alone():
        pytest.fail("two daemons at once")
    with second.alone():
        pass


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_daemons_share_a_ledger_in_postgresql(open_ledger: Callable[[], Ledger]) -> None:
    with open_ledger().alone(), open_ledger().alone():
        pass
