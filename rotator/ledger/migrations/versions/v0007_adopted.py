"""Where a token comes from that nobody asked for through us: the issuer at which it was adopted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PLAIN_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Of those that were adopted before, nobody knows it: both stay empty."""
    op.add_column("tokens", sa.Column("adopted_through", sa.Text))
    op.add_column("tokens", sa.Column("adopted_options", PLAIN_JSON))
