"""``rotate plan``: what is due and why, what would be done, what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rotator.cli import selecting
from rotator.cli.context import Context
from rotator.cli.exit_codes import DUE
from rotator.cli.output import document, line, moment, table

if TYPE_CHECKING:
    from rotator.domain.policy import Policy


def plan(
    context: typer.Context,
    names: selecting.Names = None,
    issuer: selecting.ByIssuer = None,
    store: selecting.ByStore = None,
    tag: selecting.ByTag = None,
    owner: selecting.ByOwner = None,
    everything: selecting.Everything = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 10 when something is due.")] = False,
) -> None:
    """Show what is due and why, and when the rest will be. Touches nothing."""
    from rotator.cli.reporting import still_out_data
    from rotator.cli.wording import can_be_done_now, waits_for
    from rotator.config.selection import Selection
    from rotator.domain.plan import Action
    from rotator.flow.judging import judge

    session: Context = context.obj
    wanted = Selection(names or (), issuer, store, tag, owner, everything=everything)
    now = session.app.clock.now()
    rows: list[dict[str, Any]] = []
    for policy, secret, out in selecting.with_what_is_known(session, wanted):
        decision = judge(policy, secret, now)
        waits = decision.action is Action.RESUME and not can_be_done_now(decision, now)
        action = Action.WAIT if waits else decision.action
        rows.append(
            {
                "secret": policy.name,
                "action": Action.BLOCKED if out and action is Action.WAIT else action,
                "reason": decision.reason,
                "text": waits_for(secret, decision, now, out),
                "got_out": still_out_data(out) if out else None,
                "due": decision.due,
                "issuer": policy.issuer.connection,
                "destinations": [str(target) for target in policy.targets],
                "in_the_way": _in_the_way(session, policy) if decision.action is Action.ROTATE else [],
            }
        )
    due = [row for row in rows if row["action"] in (Action.ROTATE, Action.RESUME)]
    if session.as_json:
        document({"secrets": rows, "due": len(due)})
    else:
        headings = ("SECRET", "ACTION", "DUE (UTC)", "WHY")
        table(
            headings,
            [(row["secret"], row["action"], moment(row["due"]), row["text"]) for row in rows],
            no_color=session.no_color,
        )
        for row in due:  # what would be done
            line(f"{row['secret']}: {row['issuer']} → {', '.join(row['destinations'])}")
            for obstacle in row["in_the_way"]:
                line(f"  in the way: {obstacle}")
    if exit_code and due:
        raise typer.Exit(DUE)


def _in_the_way(session: Context, policy: Policy) -> list[str]:
    """Ask the issuer and the stores of a secret that is due what would make its rotation fail. Touches nothing."""
    from rotator.flow.inspection import inspect

    findings = inspect(session.app.connections, policy)
    return [f"{finding.subject}: {finding.error}" for finding in findings if finding.error is not None]
