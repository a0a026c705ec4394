"""What Alembic runs for a migration: on the connection, and inside the transaction, that ``schema`` opened for it."""

from __future__ import annotations

from alembic import context

from rotator.ledger.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
