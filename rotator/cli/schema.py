"""``rotate schema``: the JSON Schema of policy files, for editors."""

from __future__ import annotations

import typer

from rotator.cli.context import Context
from rotator.cli.output import document


def schema(context: typer.Context) -> None:
    """Print the JSON Schema of policy files. With every installed provider's keys."""
    from rotator.config.schema import policy_schema

    session: Context = context.obj
    document(policy_schema(session.app.plugins))
