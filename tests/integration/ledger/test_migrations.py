"""A ledger of an earlier release is brought up to date with everything in it, a rotation under way included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

import rotator.ledger.migrations
from rotator.domain.model import ConnectionName, IssuerRef, Phase, Proof, TokenId, TokenState, Trouble
from rotator.domain.standing import STANDING
from rotator.flow.still_out import declarations
from rotator.ledger.database import Database
from rotator.ledger.engines import open_engine
from rotator.ledger.ledger import Ledger
from tests.integration.ledger.builders import NAME, NOW, TTL, an_event
from tests.integration.ledger.test_schema_rules import _refused

Sql = Callable[..., list[tuple[Any, ...]]]

_AT = "2026-01-05T12:00:00.000000+00:00"
_ROTATION = "20260105-1111aaaa"
HUB = IssuerRef(ConnectionName("hub"))
_OVERLAP = '{"for": 0, "until_unused_for": null, "at_most": null}'
_OPEN_ROTATION = f"""
INSERT INTO secrets (name, failures, events, digest) VALUES ('{NAME}', 0, 0, '');
INSERT INTO tokens (id, secret, state, name, handle, created_at, handles_before)
    VALUES ('old', '{NAME}', 'LIVE', 'api-old', 'a1', '{_AT}', '[]');
INSERT INTO rotations (id, secret, phase_before, phase, cause, mode, issuer_connection, issuer_options, token_name,
        overlap, opened_at, phase_at, old_token, attempts, trouble_kind, trouble_what, trouble_remedy, reason, actor,
        revision, fence)
    VALUES ('{_ROTATION}', '{NAME}', 'PLANNED', 'PLANNED', 'due', 'rotate-first', 'hub', '{{}}', 'api', '{_OVERLAP}',
        '{_AT}', '{_AT}', 'old', 1, 'operator', 'somebody must look', 'look', '', 'alice', 3, 2);
INSERT INTO tokens (id, secret, rotation, ordinal, state, name, created_at, handles_before)
    VALUES ('new', '{NAME}', '{_ROTATION}', 0, 'INTENDED', 'api-k3x', '{_AT}', '[]');
INSERT INTO destinations (rotation, ordinal, connection, place, state, token)
    VALUES ('{_ROTATION}', 0, 'vault', '{{"path": "prod/api"}}', 'PENDING', NULL);
UPDATE secrets SET current_token = 'old' WHERE name = '{NAME}'
"""


@pytest.fixture
def of_release_2(ledger_url: str, sql: Sql) -> None:
    """A ledger with schema 0002, in which a rotation waits for a person."""
    database = Database(open_engine(ledger_url))
    config = Config()
    config.set_main_option("script_location", str(Path(rotator.ledger.migrations.__file__).parent))
    with database.alone() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    database.close()
    sql(*_OPEN_ROTATION.strip().split(";\n"))


@pytest.mark.usefixtures("of_release_2")
def test_a_rotation_that_was_open_before_a_migration_goes_on_after_it(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    [waiting] = ledger.open_rotations()
    assert (waiting.trouble, waiting.given_up) == (Trouble("operator", "somebody must look", "look"), None)
    assert [token.state for token in waiting.tokens] == [TokenState.INTENDED]
    assert len(waiting.destinations) == 1
    lease = ledger.claim(waiting.id, "here", NOW, TTL)
    assert lease is not None

    asked = replace(waiting, trouble=Trouble("person", "make a token", since=NOW, said=1), retry_at=NOW + TTL)
    asked = ledger.record(lease, waiting, asked, an_event("asked"))
    assert ledger.rotation(waiting.id) == asked
    said = replace(asked.tokens[0], state=TokenState.DEAD, proof=Proof.SAID, ended_at=NOW)
    ended = replace(asked, tokens=(said,), phase=Phase.WITHDRAWN, trouble=None, given_up="not now")
    assert ledger.record(lease, asked, ended, an_event("withdrawn")).given_up == "not now"
    assert ledger.rotation(waiting.id).tokens[0].proof is Proof.SAID


@pytest.mark.usefixtures("of_release_2")
def test_what_stood_before_a_migration_stands_after_it_and_what_nobody_wrote_down_stays_unknown(
    open_ledger: Callable[[], Ledger], sql: Sql
) -> None:
    told = '{"incident": "i1", "began": "2026-01-05T12:00:00+00:00", "reason": "", "open": null, "tokens": []}'
    for number, kind in enumerate(["compromised", "adopted", "came too late"], 1):
        columns = "secret, sequence, kind, at, actor, detail, digest"
        sql(f"INSERT INTO events ({columns}) VALUES ('{NAME}', {number}, '{kind}', '{_AT}', 'alice', '{told}', '')")
    ledger = open_ledger()
    assert [event.kind for event in ledger.standing_events(*STANDING)] == ["compromised", "came too late"]
    assert declarations(ledger)[NAME].detail["incident"] == "i1"
    [waiting] = ledger.open_rotations()
    assert (waiting.issuer, ledger.made_through(TokenId("new"))) == (HUB, HUB)
    assert ledger.made_through(TokenId("old")) is None
    assert not HUB.may_be_another(replace(HUB, hosts=("hub.example",)))


@pytest.mark.usefixtures("of_release_2")
def test_the_rules_of_the_schema_outlive_a_migration(open_ledger: Callable[[], Ledger], sql: Sql) -> None:
    open_ledger()
    lie = "UPDATE rotations SET phase_before = 'VERIFIED', phase = 'PUBLISHED'"
    assert "moves from the phase" in _refused(sql, lie)
    _refused(sql, "UPDATE tokens SET proof = 'a guess', state = 'DEAD'")
    _refused(sql, "UPDATE rotations SET trouble_kind = 'a mood'")
    sql("UPDATE tokens SET state = 'DEAD', proof = 'refused' WHERE id = 'old'")
    assert "a dead token stays dead" in _refused(sql, "UPDATE tokens SET state = 'LIVE', proof = NULL WHERE id = 'old'")
    columns = "secret, phase_before, phase, cause, mode, issuer_connection, issuer_options, token_name, overlap, "
    columns += "opened_at, phase_at, attempts, reason, actor, revision, fence"
    _refused(sql, f"INSERT INTO rotations (id, {columns}) SELECT 'second', {columns} FROM rotations")
