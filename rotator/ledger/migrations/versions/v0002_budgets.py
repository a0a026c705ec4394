"""What many daemons share: budgets of connections, requests under way, and a way to find what others changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_index("events_by_time", "events", ["at"])
    op.create_table(
        "budgets",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("spent_until", MOMENT, nullable=False),
        sa.Column("urgent_until", MOMENT),
        sa.PrimaryKeyConstraint("connection", name="budgets_key"),
    )
    op.create_table(
        "requests_under_way",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("connection", "owner", name="requests_under_way_key"),
    )
