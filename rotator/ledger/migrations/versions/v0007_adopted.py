"""Where a token was made: the issuer at which it was adopted, and the hosts to which an issuer's connection led."""

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
    """Of what was there before, nobody knows it: it stays empty."""
    op.add_column("tokens", sa.Column("adopted_through", sa.Text))
    op.add_column("tokens", sa.Column("adopted_options", PLAIN_JSON))
    op.add_column("tokens", sa.Column("adopted_hosts", PLAIN_JSON))
    op.add_column("rotations", sa.Column("issuer_hosts", PLAIN_JSON))
