"""SELECT, the same for every command: names or globs, and options that narrow each other."""

from __future__ import annotations

from typing import Annotated

import typer

Names = Annotated[
    list[str] | None, typer.Argument(help="Names of secrets, or globs such as 'payments-*'.", metavar="NAME…")
]
ByIssuer = Annotated[str | None, typer.Option("--issuer", help="Tokens of this issuer (a connection or a provider).")]
ByStore = Annotated[
    str | None, typer.Option("--store", help="Secrets written to this store (a connection or a provider).")
]
ByTag = Annotated[str | None, typer.Option("--tag", help="Secrets with this tag.")]
ByOwner = Annotated[str | None, typer.Option("--owner", help="Secrets of this owner.")]
Everything = Annotated[bool, typer.Option("--all", help="All secrets.")]
