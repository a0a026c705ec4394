"""SELECT, the same for every command: names or globs, and options that narrow each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rotator.cli.context import Context
    from rotator.config.selection import Selection
    from rotator.domain.model import Secret
    from rotator.domain.policy import Policy
    from rotator.flow.still_out import StillOut

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


def as_typed(selection: Selection) -> list[str]:
    """Give the words that choose the same secrets again."""
    options = {
        "--issuer": selection.issuer,
        "--store": selection.store,
        "--tag": selection.tag,
        "--owner": selection.owner,
    }
    chosen = [word for option, value in options.items() if value is not None for word in (option, value)]
    return [*selection.names, *chosen, *(["--all"] if selection.everything else [])]


def with_what_is_known(session: Context, selection: Selection) -> list[tuple[Policy, Secret, StillOut | None]]:
    """Give the chosen policies, all when nothing was said, each with what the ledger knows of its secret.

    And with what got out of it and was not ended. A fixed number of queries.
    """
    from rotator.config.selection import select
    from rotator.domain.model import Secret
    from rotator.flow.still_out import declarations, still_out

    chosen = select(session.app.policies, selection, all_by_default=True)
    declared = declarations(session.app.ledger)
    known = {secret.name: secret for secret in session.app.ledger.secrets()}
    secrets = ((policy, known.get(policy.name) or Secret(policy.name)) for policy in chosen)
    return [(policy, secret, still_out(secret, declared.get(secret.name))) for policy, secret in secrets]
