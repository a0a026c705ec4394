"""The rules that hold even for statements which pass the program by."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from rotator.domain.model import Phase
from rotator.ledger.ledger import Ledger
from rotator.ledger.tables import MOVES
from tests.integration.ledger.builders import (
    HAPPY_PATH,
    a_rotation,
    a_token,
    begun,
    buried,
    finished,
    moved_to,
    with_new_token,
)

Sql = Callable[..., list[tuple[Any, ...]]]


def _refused(sql: Sql, *statements: str) -> str:
    with pytest.raises((sqlite3.IntegrityError, psycopg.errors.IntegrityError)) as refusal:
        sql(*statements)
    return str(refusal.value)


def _at(ledger: Ledger, phase: Phase) -> None:
    rotation, lease = begun(ledger)
    rotation = ledger.record(lease, rotation, with_new_token(rotation, a_token()))
    path = [Phase.WITHDRAWN] if phase is Phase.WITHDRAWN else HAPPY_PATH[: [Phase.PLANNED, *HAPPY_PATH].index(phase)]
    moved_to(ledger, lease, rotation, *path)


@pytest.mark.parametrize("here", list(Phase))
def test_a_phase_moves_as_the_life_cycle_says_and_not_otherwise(ledger: Ledger, sql: Sql, here: Phase) -> None:
    _at(ledger, here)
    for there in Phase:
        ends = ", lease_owner = NULL, lease_until = NULL" if not there.is_open else ""
        move = f"UPDATE rotations SET phase_before = phase, phase = '{there}'{ends}"
        if (here, there) in MOVES:
            sql(move, "ROLLBACK")
        else:
            _refused(sql, move)
    assert sql("SELECT phase FROM rotations") == [(here.value,)]


def test_a_move_cannot_lie_about_where_it_began(ledger: Ledger, sql: Sql) -> None:
    _at(ledger, Phase.PLANNED)
    said = _refused(sql, "UPDATE rotations SET phase_before = 'VERIFIED', phase = 'PUBLISHED'")
    assert "a rotation moves from the phase that it is in" in said


def test_nothing_of_a_closed_rotation_changes(ledger: Ledger, sql: Sql) -> None:
    _at(ledger, Phase.RETIRED)
    for change in ("phase_before = phase, phase = 'CONFIRMED'", "reason = 'another'", "fence = 99"):
        assert "a closed rotation never moves again" in _refused(sql, f"UPDATE rotations SET {change}")


def test_a_second_open_rotation_is_refused_by_the_index(ledger: Ledger, sql: Sql) -> None:
    begun(ledger)
    columns = [
        "secret", "phase_before", "phase", "cause", "mode", "issuer_connection", "issuer_options", "token_name",
        "overlap", "opened_at", "phase_at", "attempts", "reason", "actor", "revision", "fence",
    ]  # fmt: skip
    copied = ", ".join(columns)
    _refused(sql, f"INSERT INTO rotations (id, {copied}) SELECT 'second', {copied} FROM rotations")


def test_a_dead_token_stays_dead(ledger: Ledger, sql: Sql) -> None:
    rotation, lease = begun(ledger)
    ledger.record(lease, rotation, with_new_token(rotation, buried(a_token())))
    assert "a dead token stays dead" in _refused(sql, "UPDATE tokens SET state = 'LIVE', proof = NULL")


def test_a_death_needs_its_proof(ledger: Ledger, sql: Sql) -> None:
    finished(ledger, a_rotation(), a_token())
    _refused(sql, "UPDATE tokens SET state = 'DEAD'")
    _refused(sql, "UPDATE tokens SET proof = 'refused'")


@pytest.mark.parametrize(
    "statement",
    ["UPDATE events SET actor = 'somebody else'", "DELETE FROM events", "DELETE FROM events WHERE sequence = 1"],
)
def test_events_are_only_ever_added(ledger: Ledger, sql: Sql, statement: str) -> None:
    begun(ledger)
    assert "events" in _refused(sql, statement)
    assert sql("SELECT count(*) FROM events") == [(1,)]


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_the_table_of_events_cannot_be_emptied(ledger: Ledger, sql: Sql) -> None:
    begun(ledger)
    assert "events are never deleted" in _refused(sql, "TRUNCATE events")


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("rotations", "phase"),
        ("rotations", "cause"),
        ("rotations", "mode"),
        ("rotations", "trouble_kind"),
        ("tokens", "state"),
        ("tokens", "proof"),
        ("destinations", "state"),
        ("secrets", "last_phase"),
    ],
)
def test_a_word_that_the_domain_does_not_know_is_refused(ledger: Ledger, sql: Sql, table: str, column: str) -> None:
    _at(ledger, Phase.PLANNED)
    _refused(sql, f"UPDATE {table} SET {column} = 'something else'")
