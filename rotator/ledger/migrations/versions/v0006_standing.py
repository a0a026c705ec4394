"""What stands until another event ends it is found without reading through all events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STANDING = sa.text("kind IN ('compromised', 'incident over', 'came too late', 'late one ended')")


def upgrade() -> None:
    op.create_index(
        "events_standing", "events", ["secret", "sequence"], sqlite_where=_STANDING, postgresql_where=_STANDING
    )
