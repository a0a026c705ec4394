"""``rotate now``: rotate at once, because a person said so."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli import selecting
from rotator.cli.context import Context
from rotator.cli.output import counted, line
from rotator.domain.errors import InvalidInput

if TYPE_CHECKING:
    from rotator.domain.model import Overlap, Secret
    from rotator.domain.policy import Policy
    from rotator.flow.opening import Order


def now(
    context: typer.Context,
    names: selecting.Names = None,
    issuer: selecting.ByIssuer = None,
    store: selecting.ByStore = None,
    tag: selecting.ByTag = None,
    owner: selecting.ByOwner = None,
    everything: selecting.Everything = False,
    compromised: Annotated[
        bool, typer.Option("--compromised", help="No overlap; proof of death for every old token.")
    ] = False,
    revoke_first: Annotated[
        bool, typer.Option("--revoke-first", help="Revoke before there is a new token: DOWNTIME.")
    ] = False,
    overlap: Annotated[
        str | None,
        typer.Option(
            help="How long the old token lives on, e.g. 0 or 2h.  [default: the policy's]", show_default=False
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    related: Annotated[
        bool, typer.Option("--related", help="With --compromised: also what shares a document, issuer, owner or store.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="With --compromised: another incident; rotate what was just rotated, too.")
    ] = False,
    report: Annotated[
        list[Path] | None,
        typer.Option(help="Write a report here: FILE.json, or FILE.md after a compromise.", show_default=False),
    ] = None,
) -> None:
    """Rotate now: shows what it will do, asks, then does it. Running it again after an interruption goes on."""
    from rotator.config.selection import Selection, select

    session: Context = context.obj
    selection = Selection(names or (), issuer, store, tag, owner, everything=everything)
    chosen = select(session.app.policies, selection)
    if compromised:
        from rotator.cli.compromise import Wish, rotate_compromised

        if overlap is not None:
            raise InvalidInput.of("--overlap: there is none after a compromise", "leave it away")
        typed = selecting.as_typed(selection)
        wish = Wish(typed, reason, revoke_first, related, again, yes, tuple(report or ()))
        raise typer.Exit(rotate_compromised(session, chosen, wish))
    if related or again:
        raise InvalidInput.of("--related and --again are about a compromise", "add --compromised, or leave them away")
    raise typer.Exit(_rotate(session, chosen, revoke_first, overlap, reason, yes, report or []))


def _rotate(
    session: Context,
    chosen: Sequence[Policy],
    revoke_first: bool,
    overlap: str | None,
    reason: str,
    yes: bool,
    files: Sequence[Path],
) -> int:
    from rotator.cli import report_files
    from rotator.cli.people import people_told
    from rotator.cli.reporting import as_data, conclude, progress
    from rotator.domain.model import Cause, Mode
    from rotator.flow.emergency import rotate_all
    from rotator.flow.opening import Order

    report_files.refuse_unwritable(files, ".json")
    mode, commit = Mode.REVOKE_FIRST if revoke_first else Mode.ROTATE_FIRST, session.app.policies.commit
    orders = [
        Order(policy, Cause.ASKED, mode, _shortened(policy.overlap, overlap), reason, commit) for policy in chosen
    ]
    _ask(session, orders, yes=yes)
    session.stop_gently_on_signals()
    runner = session.app.runner(progress(session))
    with people_told(session) as tell:
        reports = [tell(item) for item in rotate_all(runner, orders, session.app.settings.workers)]
        failures = report_files.write(files, {"secrets": [as_data(item) for item in reports]})
        return conclude(session, reports, failures)


def _shortened(policy_overlap: Overlap, asked_for: str | None) -> Overlap:
    """Give the overlap the user asked for instead of the policy's."""
    from rotator.domain.durations import Duration
    from rotator.domain.model import Overlap

    if asked_for is None:
        return policy_overlap
    try:
        return Overlap(for_=timedelta() if asked_for == "0" else Duration.parse(asked_for).roughly)
    except ValueError as error:
        raise InvalidInput.of(f"--overlap: {error}") from error


def _ask(session: Context, orders: list[Order], *, yes: bool) -> None:
    """Show what will be done, and ask. Without a terminal nobody can answer, so --yes is needed."""
    if not session.as_json:
        for order in orders:
            for text in _intent(order, session.app.ledger.secret(order.policy.name)):
                line(text)
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidInput.of("There is no terminal to ask whether to go on", "add --yes")
    try:
        agreed = typer.confirm(f"Rotate {len(orders)} now?", err=session.as_json)
    except typer.Abort:
        agreed = False
    if not agreed:
        raise InvalidInput.of("Nothing was done: the answer was no")


def _intent(order: Order, secret: Secret) -> Iterator[str]:
    """Say what will be done with one secret, in lines."""
    from rotator.domain.model import Mode

    policy, under_way = order.policy, secret.open
    if under_way is not None:
        then = "it is moved on, and no other is begun"
        yield f"{policy.name}: rotation {under_way.id} is open ({under_way.phase}); {then}."
        return
    places = counted(len(policy.targets), "place")
    yield f"{policy.name}: a new token from {policy.issuer.connection}, written to {places}:"
    for target in policy.targets:
        yield f"  {target}"
    yield f"  the old token: {_fate(order, secret)}"
    if order.mode is Mode.REVOKE_FIRST:
        yield "  DOWNTIME: consumers are refused from then on, until they have read the new one."


def _fate(order: Order, secret: Secret) -> str:
    from rotator.domain.durations import Duration
    from rotator.domain.model import Mode

    if secret.current is None:
        return f"not known, so it is left alone. (`rotate adopt {order.policy.name}` first, if there is one.)"
    old = secret.current.handle
    if order.mode is Mode.REVOKE_FIRST:
        return f"{old} is revoked first, before there is a new one"
    overlap = order.overlap.for_ if order.overlap else timedelta()
    if not overlap:
        return f"{old} is revoked as soon as the new one is confirmed everywhere"
    return f"{old} lives on for {Duration(exact=overlap)}"
