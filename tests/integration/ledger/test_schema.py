"""The schema that the migrations make is the one that the queries are written for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, inspect

import rotator.ledger.migrations
from rotator.domain.standing import CAME_LATE, LATE_ENDED
from rotator.ledger.ledger import Ledger
from rotator.ledger.schema import VERSION_TABLE, VERSIONS
from rotator.ledger.tables import metadata

Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def migrated(ledger: Ledger) -> Engine:
    return ledger._database.engine


@pytest.fixture
def described(ledger_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database that was made from the description of the tables, without the migrations."""
    if ledger_url.startswith("sqlite"):
        engine = create_engine(f"sqlite:///{tmp_path / 'described.db'}")
        metadata.create_all(engine)
        yield engine
    else:
        with request.getfixturevalue("postgresql").fresh_database() as url:
            engine = create_engine(url)
            metadata.create_all(engine)
            yield engine
            engine.dispose()


def _in_words(reflected: Mapping[str, Any]) -> str:
    """Write down what was reflected. Types and conditions are objects that only compare as text."""
    parts = {key: _in_words(value) if isinstance(value, dict) else str(value) for key, value in reflected.items()}
    return str(sorted(parts.items()))


def _rules(engine: Engine) -> dict[str, Any]:
    """Give what Alembic does not compare: checks, keys, foreign keys, uniqueness and partial indexes."""
    inspector = inspect(engine)
    reflections: list[Callable[[str], Any]] = [
        inspector.get_check_constraints,
        inspector.get_indexes,
        inspector.get_unique_constraints,
        inspector.get_foreign_keys,
    ]
    rules: dict[str, Any] = {}
    for table in sorted(set(inspector.get_table_names()) - {VERSION_TABLE}):
        listed = [sorted(_in_words(found) for found in reflect(table)) for reflect in reflections]
        columns = [_in_words(column) for column in inspector.get_columns(table)]
        rules[table] = [*listed, inspector.get_pk_constraint(table), columns]
    return rules


def test_alembic_finds_nothing_to_change(migrated: Engine) -> None:
    options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    with migrated.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_migrated_and_described_schemas_have_the_same_rules(migrated: Engine, described: Engine) -> None:
    assert _rules(migrated) == _rules(described)


def test_the_program_knows_every_migration() -> None:
    folder = Path(rotator.ledger.migrations.__file__).parent
    config = Config(attributes={})
    config.set_main_option("script_location", str(folder))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == VERSIONS
    assert scripts.get_heads() == [VERSIONS[-1]]


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_token_is_found_by_its_value_without_a_look_at_all_others(ledger: Ledger, sql: Sql) -> None:
    [(*_, plan)] = sql("EXPLAIN QUERY PLAN SELECT * FROM tokens WHERE fingerprint = 'x'")
    assert "tokens_by_value" in plan


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_what_stands_is_found_without_a_look_at_all_events(ledger: Ledger, migrated: Engine) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(migrated, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    ledger.standing_events(CAME_LATE, LATE_ENDED)
    [(statement, parameters)] = asked
    with migrated.connect() as connection:
        plans = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert "events_standing" in plans[0][-1]
    assert len(plans) == 1, "and nothing is sorted"
