"""Rotations that wait for a person, since when and how often they were told; a death that a person vouches for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")

NEW_RULES = {
    ("rotations", "rotations_trouble_kind_is_known"): (
        "trouble_kind IN ('temporary', 'permanent', 'operator')",
        "trouble_kind IN ('temporary', 'permanent', 'operator', 'person')",
    ),
    ("tokens", "tokens_proof_is_known"): (
        "proof IN ('refused', 'unlisted', 'never made')",
        "proof IN ('refused', 'unlisted', 'said by a person', 'never made')",
    ),
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for (table, name), (_, rule) in NEW_RULES.items():
            op.drop_constraint(name, table, type_="check")
            op.create_check_constraint(name, table, rule)
    else:
        # Until the transaction ends: the rows of a table are gone while it is made anew.
        op.execute("PRAGMA defer_foreign_keys = ON")
        for (table, _), (before, after) in NEW_RULES.items():
            _make_anew(table, before, after)
    op.add_column("rotations", sa.Column("trouble_since", MOMENT))
    op.add_column("rotations", sa.Column("trouble_said", sa.Integer))
    op.add_column("rotations", sa.Column("given_up", sa.Text))


def _make_anew(table: str, before: str, after: str) -> None:
    """Change a rule of a table on SQLite, which can only be done by making it again, with its indexes and triggers.

    The rows are put back into a table of the same name, so every reference to them holds again.
    """
    connection = op.get_bind()
    wanted = {"table": table}
    made_by = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table"), wanted)
    if made_by is None or made_by.count(before) != 1:
        raise RuntimeError(f"the table {table} is not as the ledger made it")
    rest = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = :table AND type <> 'table' AND sql IS NOT NULL")
    indexes_and_triggers = connection.scalars(rest, wanted).all()
    op.execute(f"CREATE TEMPORARY TABLE rows_of_{table} AS SELECT * FROM {table}")  # noqa: S608  our own names
    op.execute(f"DROP TABLE {table}")
    connection.exec_driver_sql(made_by.replace(before, after))
    op.execute(f"INSERT INTO {table} SELECT * FROM rows_of_{table}")  # noqa: S608  as above
    op.execute(f"DROP TABLE rows_of_{table}")
    for statement in indexes_and_triggers:
        connection.exec_driver_sql(statement)
