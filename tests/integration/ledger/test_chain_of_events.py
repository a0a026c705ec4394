"""History that was changed past the program shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rotator.domain.model import SecretName
from rotator.ledger.ledger import Ledger
from tests.integration.ledger.builders import NAME, a_rotation, a_token, finished

Sql = Callable[..., list[tuple[Any, ...]]]
OTHER = SecretName("untouched")


@pytest.fixture
def history(ledger: Ledger) -> Ledger:
    """Two secrets with seven events each."""
    finished(ledger, a_rotation("one"), a_token("one"))
    finished(ledger, a_rotation("two", secret=OTHER), a_token("two", secret=OTHER))
    return ledger


def test_events_are_numbered_and_sealed_in_order(history: Ledger) -> None:
    events = history.history(NAME)
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6, 7]
    assert len({event.digest for event in events}) == 7
    assert history.broken_links() == []
    assert history.broken_links(NAME) == []


def test_a_ledger_opened_anew_still_believes_its_history(history: Ledger, open_ledger: Callable[[], Ledger]) -> None:
    assert history.broken_links() == []
    assert open_ledger().broken_links() == []


@pytest.mark.usefixtures("without_guards")
@pytest.mark.parametrize(
    "change",
    [
        "actor = 'mallory'",
        "kind = 'blessed'",
        "rotation = NULL",
        """detail = '{"handle": "a5"}'""",
        "at = '2026-01-05 12:00:01.000000+00:00'",
        "digest = 'ab'",
    ],
)
def test_a_changed_event_shows(history: Ledger, sql: Sql, change: str) -> None:
    sql(f"UPDATE events SET {change} WHERE secret = '{NAME}' AND sequence = 3")
    found = history.broken_links()
    assert found[0].startswith(f"{NAME}: event 3 (")
    assert all("was changed or exchanged" in sentence for sentence in found)
    assert history.broken_links(NAME) == found
    assert history.broken_links(OTHER) == []


@pytest.mark.usefixtures("without_guards")
def test_a_removed_event_shows(history: Ledger, sql: Sql) -> None:
    sql(f"DELETE FROM events WHERE secret = '{NAME}' AND sequence = 3")
    assert history.broken_links() == [f"{NAME}: event 3 is missing."]


@pytest.mark.usefixtures("without_guards")
def test_a_cut_tail_shows(history: Ledger, sql: Sql) -> None:
    sql(f"DELETE FROM events WHERE secret = '{NAME}' AND sequence > 5")
    assert history.broken_links() == [f"{NAME}: events 6 to 7 are missing, at the end."]


@pytest.mark.usefixtures("without_guards")
def test_a_history_that_is_gone_altogether_shows(history: Ledger, sql: Sql) -> None:
    sql(f"DELETE FROM events WHERE secret = '{NAME}'")
    assert history.broken_links() == [f"{NAME}: events 1 to 7 are missing, at the end."]


@pytest.mark.usefixtures("without_guards")
def test_exchanged_events_show(history: Ledger, sql: Sql) -> None:
    move = f"UPDATE events SET sequence = {{}} WHERE secret = '{NAME}' AND sequence = {{}}"
    sql(move.format(99, 3), move.format(3, 4), move.format(4, 99))
    found = history.broken_links()
    assert [sentence.partition(" (")[0] for sentence in found[:2]] == [f"{NAME}: event 3", f"{NAME}: event 4"]


@pytest.mark.usefixtures("without_guards")
def test_events_cannot_be_carried_over_from_another_secret(history: Ledger, sql: Sql) -> None:
    sql(
        f"DELETE FROM events WHERE secret = '{NAME}' AND sequence = 3",
        f"UPDATE events SET secret = '{NAME}' WHERE secret = '{OTHER}' AND sequence = 3",
    )
    found = history.broken_links()
    assert found[0].startswith(f"{NAME}: event 3 (")
    assert f"{OTHER}: event 3 is missing." in found


def test_an_added_event_shows(history: Ledger, sql: Sql) -> None:
    columns = "secret, rotation, kind, at, actor, detail, digest"
    sql(
        f"INSERT INTO events (sequence, {columns}) SELECT 8, {columns} FROM events "
        f"WHERE secret = '{NAME}' AND sequence = 7"
    )
    found = history.broken_links()
    assert f"{NAME}: event 8 is not the ledger's own." in found


@pytest.mark.usefixtures("without_guards")
def test_a_head_moved_back_onto_another_event_shows(history: Ledger, sql: Sql) -> None:
    sql(f"UPDATE secrets SET digest = (SELECT digest FROM events WHERE secret = '{NAME}' AND sequence = 6)")
    assert f"{NAME}: the last event is not the one that the ledger remembers." in history.broken_links()
