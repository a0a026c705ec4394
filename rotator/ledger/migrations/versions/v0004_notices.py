"""What people were told, and are to be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.String(32).with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("matter", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("same_as", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("patience", sa.Integer, nullable=False),
        sa.Column("deadline", MOMENT),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("first_told", MOMENT),
        sa.Column("last_told", MOMENT),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("is_over", sa.Boolean, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("claimed_until", MOMENT),
        sa.PrimaryKeyConstraint("channel", "secret", "matter", name="notices_key"),
        sa.CheckConstraint("(owner IS NULL) = (claimed_until IS NULL)", name="notices_claim_is_whole"),
        sa.CheckConstraint("(times = 0) = (last_told IS NULL)", name="notices_telling_is_dated"),
    )
