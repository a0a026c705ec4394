"""``rotate now``: rotate at once, because a person said so."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli import selecting
from rotator.cli.asking import agreed
from rotator.cli.context import Context
from rotator.cli.output import counted, line
from rotator.domain.errors import InvalidInput

if TYPE_CHECKING:
    from rotator.domain.model import Overlap, Rotation, Secret, SecretName
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
    from rotator.config.selection import Selection
    from rotator.domain.visible import one_line

    session: Context = context.obj
    reason = one_line(reason)
    selection = Selection(names or (), issuer, store, tag, owner, everything=everything)
    chosen = selecting.chosen(session, selection)
    if compromised:
        from rotator.cli.compromise import Wish, rotate_compromised

        if overlap is not None:
            raise InvalidInput.of("--overlap: there is none after a compromise", "leave it away")
        wish = Wish(selection, reason, revoke_first, related, again, yes, tuple(report or ()))
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
    wanted = _parsed(overlap)
    if revoke_first and wanted is not None and wanted.for_:
        raise InvalidInput.of("--overlap: there is none with --revoke-first", "leave one of them away")
    orders = [Order(policy, Cause.ASKED, mode, wanted or policy.overlap, reason, commit) for policy in chosen]
    known = {secret.name: secret for secret in session.app.ledger.secrets()}
    _refuse_what_comes_too_late(orders, known, wanted)
    _ask(session, orders, known, yes=yes)
    session.stop_gently_on_signals()
    runner = session.app.runner(progress(session))
    with people_told(session) as tell:
        reports = [tell(item) for item in rotate_all(runner, orders, session.app.settings.workers)]
        failures = report_files.write(files, {"secrets": [as_data(item) for item in reports]})
        return conclude(session, reports, failures)


def _parsed(asked_for: str | None) -> Overlap | None:
    """Give the overlap the user asked for. None: the policy's will do."""
    from rotator.domain.durations import Duration
    from rotator.domain.model import Overlap

    if asked_for is None:
        return None
    try:
        return Overlap(for_=timedelta() if asked_for == "0" else Duration.parse(asked_for).roughly)
    except ValueError as error:
        raise InvalidInput.of(f"--overlap: {error}") from error


def _refuse_what_comes_too_late(
    orders: Sequence[Order], known: Mapping[SecretName, Secret], wanted: Overlap | None
) -> None:
    """Raise InvalidInput where a rotation is open that was begun otherwise: it is moved on as it was begun."""
    from rotator.domain.errors import Problem
    from rotator.domain.model import Phase

    problems = []
    for order in orders:
        name = order.policy.name
        opened = known[name].open if name in known else None
        options = _too_late(order, opened, wanted) if opened is not None else []
        if opened is not None and options:
            what = f"{name}: rotation {opened.id} is open ({opened.phase}), too late for {' and '.join(options)}"
            ends = f"`rotate retire {opened.id}` ends its overlap"
            first = ends if opened.phase is Phase.CONFIRMED else f"`rotate now {name}` moves it on"
            problems.append(Problem(what, f"{first}; run this again for another one"))
    if problems:
        raise InvalidInput(problems)


def _too_late(order: Order, opened: Rotation, wanted: Overlap | None) -> list[str]:
    """Give the options that an open rotation does not heed. Its overlap can be ended, once it has begun."""
    from rotator.domain.model import Mode, Phase

    ends_it = wanted is not None and not wanted.for_ and opened.phase is Phase.CONFIRMED
    is_other = wanted not in (None, opened.overlap) and not ends_it
    is_too_late = order.mode is Mode.REVOKE_FIRST and opened.mode is not Mode.REVOKE_FIRST
    return [*(["--revoke-first"] if is_too_late else []), *(["--overlap"] if is_other else [])]


def _ask(session: Context, orders: list[Order], known: Mapping[SecretName, Secret], *, yes: bool) -> None:
    """Show what will be done, and ask. Without a terminal nobody can answer, so --yes is needed."""
    from rotator.domain.model import Secret

    if not session.as_json:
        for order in orders:
            for text in _intent(order, known.get(order.policy.name) or Secret(order.policy.name)):
                line(text)
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidInput.of("There is no terminal to ask whether to go on", "add --yes")
    if not agreed(f"Rotate {len(orders)} now?", as_json=session.as_json):
        raise InvalidInput.of("Nothing was done: the answer was no")


def _intent(order: Order, secret: Secret) -> Iterator[str]:
    """Say what will be done with one secret, in lines."""
    from rotator.domain.model import Mode

    policy, under_way = order.policy, secret.open
    if under_way is not None:
        then = "it is moved on, and no other is begun"
        reason = " It keeps its own reason." if order.reason not in ("", under_way.reason) else ""
        yield f"{policy.name}: rotation {under_way.id} is open ({under_way.phase}); {then}.{reason}"
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
