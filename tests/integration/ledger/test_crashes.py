"""A move is made whole or not at all, whenever the process dies, the disk fills or the server goes away."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rotator.domain.errors import LedgerUnavailable
from rotator.ledger.ledger import Ledger
from tests.fakes.broken_link import broken_link
from tests.integration.ledger import processes
from tests.integration.ledger.builders import NAME, NOW, TTL, a_rotation, a_token, an_event, begun, with_new_token
from tests.integration.ledger.watching import before_each_statement, each_new_connection

Sql = Callable[..., list[tuple[Any, ...]]]


def test_a_kill_at_any_point_of_a_move_leaves_all_or_nothing(ledger: Ledger, ledger_url: str, key_file: Path) -> None:
    ledger.adopt(a_token("old"), an_event("adopted"))
    rotation, lease = begun(ledger, a_rotation(old=a_token("old")))
    ledger.release(lease)
    deaths = 0
    while processes.dies_while_recording(ledger_url, key_file, deaths + 1):
        deaths += 1
        assert ledger.rotation(rotation.id) == rotation
        assert len(ledger.history(NAME)) == 2
        held = ledger.claim(rotation.id, "dying", NOW, TTL)  # its lease is still valid: only it may let go
        assert held is not None
        ledger.release(held)
    assert deaths >= 10
    assert ledger.rotation(rotation.id) == replace(processes.large_move(rotation), revision=1)
    assert [said.kind for said in ledger.history(NAME)] == ["adopted", "opened", "one", "two"]
    assert ledger.broken_links() == []


def test_a_failure_inside_a_move_leaves_nothing_of_it(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)

    failures = iter([ZeroDivisionError])

    def fails_once(statement: str) -> None:
        if statement.startswith("UPDATE secrets"):
            for failure in failures:
                raise failure

    before_each_statement(ledger, fails_once)
    with pytest.raises(ZeroDivisionError):
        ledger.record(lease, rotation, with_new_token(rotation, a_token()), an_event())
    assert ledger.rotation(rotation.id) == rotation
    assert len(ledger.history(NAME)) == 1
    ledger.record(lease, rotation, with_new_token(rotation, a_token()), an_event())


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_full_disk_is_said_and_changes_nothing(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)

    def fill(connection: Any, *_: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    each_new_connection(ledger, fill)
    with pytest.raises(LedgerUnavailable, match=r"database or disk is full\. Make space on the disk"):
        ledger.record(lease, rotation, rotation, an_event(detail={"why": "x" * 100_000}))
    assert ledger.rotation(rotation.id) == rotation


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_ledger_that_another_program_holds_is_said(ledger: Ledger, ledger_url: str) -> None:
    rotation, lease = begun(ledger)

    def lose_patience(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 1")

    each_new_connection(ledger, lose_patience)
    other = sqlite3.connect(ledger_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(LedgerUnavailable, match=r"database is locked\. Another process holds it"):
            ledger.record(lease, rotation, rotation)
    finally:
        other.close()
    ledger.record(lease, rotation, rotation)


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_server_that_dropped_our_connections_is_asked_anew(ledger: Ledger, sql: Sql) -> None:
    rotation, lease = begun(ledger)
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rotator'")
    assert ledger.record(lease, rotation, rotation).revision == 1


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("committed", [True, False])
def test_after_a_lost_answer_to_a_commit_the_revision_tells(
    ledger: Ledger, ledger_url: str, key_file: Path, committed: bool
) -> None:
    rotation, lease = begun(ledger)
    with broken_link(ledger_url) as link, Ledger.open(link.url, key_file=key_file) as distant:
        (link.lose_the_answer_to if committed else link.lose)(b"COMMIT\0")
        with pytest.raises(LedgerUnavailable, match="It is not known whether the change was made"):
            distant.record(lease, rotation, with_new_token(rotation, a_token()), an_event())
        found = distant.rotation(rotation.id)
    assert found is not None
    assert (found.revision, len(found.tokens)) == ((1, 1) if committed else (0, 0))
    assert len(ledger.history(NAME)) == (2 if committed else 1)


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_connection_lost_before_the_commit_leaves_nothing(ledger: Ledger, ledger_url: str, key_file: Path) -> None:
    rotation, lease = begun(ledger)
    with broken_link(ledger_url) as link, Ledger.open(link.url, key_file=key_file) as distant:
        link.lose_the_answer_to(b"INSERT INTO events")
        with pytest.raises(LedgerUnavailable, match=r"Nothing was changed\. See that the server runs"):
            distant.record(lease, rotation, with_new_token(rotation, a_token()), an_event())
        assert distant.rotation(rotation.id) == rotation
        assert distant.record(lease, rotation, with_new_token(rotation, a_token()), an_event()).revision == 1
