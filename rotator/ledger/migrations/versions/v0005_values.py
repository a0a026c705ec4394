"""A token is found by its value's fingerprint at once, however many there were."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("tokens_by_value", "tokens", ["fingerprint"])
