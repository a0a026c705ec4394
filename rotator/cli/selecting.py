"""SELECT, the same for every command: names or globs, and options that narrow each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rotator.cli.context import Context
    from rotator.config.selection import Selection
    from rotator.domain.errors import Problem
    from rotator.domain.model import ConnectionName, Secret
    from rotator.domain.policy import Policy, PolicySet
    from rotator.flow.still_out import StillOut
    from rotator.flow.without_policy import WithoutPolicy

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


def chosen(session: Context, selection: Selection, *, all_by_default: bool = False) -> tuple[Policy, ...]:
    """Give the chosen policies. InvalidInput also says of a name that it had a policy once."""
    from rotator.config.selection import select
    from rotator.domain.errors import InvalidInput

    try:
        return select(session.app.policies, selection, all_by_default=all_by_default)
    except InvalidInput as error:
        told = {f"no policy is named `{name}`": problem for name, problem in _had_a_policy(session, selection)}
        raise InvalidInput([told.get(problem.what, problem) for problem in error.problems]) from error


def _had_a_policy(session: Context, selection: Selection) -> Iterator[tuple[str, Problem]]:
    from rotator.domain.errors import LedgerUnavailable, Problem

    try:
        known = {secret.name: secret for secret in session.app.ledger.secrets()} if selection.names else {}
    except LedgerUnavailable:  # what is wrong with the names is to be told
        return
    for name in known.keys() & set(selection.names):
        token = known[name].current
        which = f" ({token.handle or token.name})" if token is not None else ""
        what, told = f"{name} has no policy any more", f"`rotate history {name}` tells more"
        yield name, Problem(what, f"put the policy back, or delete its token{which} at its issuer; {told}")


def may_mean(selection: Selection, each: WithoutPolicy, policies: PolicySet) -> bool:
    """Tell whether a secret that has no policy any more is among those chosen, as far as anybody can know.

    Its tags and its owner are known to nobody.
    """
    from fnmatch import fnmatchcase

    made_at = {each.issuer.connection} if each.issuer is not None else set()
    return (
        (not selection.names or any(fnmatchcase(each.secret, name) for name in selection.names))
        and (selection.issuer is None or selection.issuer in _with_providers(made_at, policies))
        and (selection.store is None or selection.store in _with_providers(each.stores, policies))
        and selection.tag is None
        and selection.owner is None
    )


def _with_providers(names: Iterable[ConnectionName], policies: PolicySet) -> set[str]:
    known = policies.connections
    return {*names, *(known[name].provider for name in names if name in known)}


def with_what_is_known(session: Context, selection: Selection) -> list[tuple[Policy, Secret, StillOut | None]]:
    """Give the chosen policies, all when nothing was said, each with what the ledger knows of its secret.

    And with what got out of it and was not ended. A fixed number of queries.
    """
    from rotator.domain.model import Secret
    from rotator.flow.still_out import declarations, still_out

    policies = chosen(session, selection, all_by_default=True)
    declared = declarations(session.app.ledger)
    known = {secret.name: secret for secret in session.app.ledger.secrets()}
    secrets = ((policy, known.get(policy.name) or Secret(policy.name)) for policy in policies)
    return [(policy, secret, still_out(secret, declared.get(secret.name))) for policy, secret in secrets]
