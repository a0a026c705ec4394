"""``rotate demo``: one real rotation, end to end, on servers of its own."""

from __future__ import annotations

import typer


def demo(context: typer.Context) -> None:  # noqa: ARG001  every command is called alike
    """Rotate a real token. A sandbox issuer over HTTP, an env file and, with the AWS extra, Secrets Manager (moto)."""
    from rotator.cli.demonstration import demonstrate

    demonstrate()
