"""``rotate status``: where every secret is, and what it waits for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import typer

from rotator.cli import selecting
from rotator.cli.context import Context
from rotator.cli.output import document, line, moment, span, table

if TYPE_CHECKING:
    from rotator.domain.model import Destination, Secret
    from rotator.domain.policy import Policy
    from rotator.flow.still_out import StillOut


def status(
    context: typer.Context,
    names: selecting.Names = None,
    issuer: selecting.ByIssuer = None,
    store: selecting.ByStore = None,
    tag: selecting.ByTag = None,
    owner: selecting.ByOwner = None,
    everything: selecting.Everything = False,
) -> None:
    """Show each secret's phase, age, due time and expiry. Also its destinations, and what it waits for."""
    from rotator.config.selection import Selection

    session: Context = context.obj
    wanted = Selection(names or (), issuer, store, tag, owner, everything=everything)
    now = session.app.clock.now()
    rows = [_row(*known, now) for known in selecting.with_what_is_known(session, wanted)]
    policies = session.app.policies
    orphaned = [secret.name for secret in session.app.ledger.secrets() if policies.named(secret.name) is None]
    if session.as_json:
        document({"secrets": rows, "without_a_policy": orphaned})
        return
    table(_HEADINGS, [_cells(row) for row in rows], no_color=session.no_color)
    if orphaned:
        line(f"Known, but without a policy now (nothing is revoked for that): {', '.join(orphaned)}")


_HEADINGS: Final = ("SECRET", "PHASE", "AGE", "DUE (UTC)", "EXPIRES (UTC)", "IN STEP", "WAITS FOR")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    due, expires = moment(row["due"]), moment(row["expires"])
    return (row["secret"], row["phase"], row["age"], due, expires, row["in_step"], row["waits_for"])


def _row(policy: Policy, secret: Secret, out: StillOut | None, now: datetime) -> dict[str, Any]:
    from rotator.cli.reporting import rotation_data, still_out_data
    from rotator.cli.wording import waits_for
    from rotator.flow.judging import judge

    decision = judge(policy, secret, now)
    token, rotation = secret.current, secret.open
    everywhere = f"{len(policy.targets)}/{len(policy.targets)}" if token else "-"
    return {
        "secret": policy.name,
        "phase": rotation.phase if rotation else "in force" if token else "unknown",
        "age": span(now - token.created_at) if token and token.created_at else "-",
        "due": decision.due,
        "expires": token.expires_at if token else None,
        "handle": token.handle if token else None,
        "in_step": _in_step(rotation.destinations) if rotation else everywhere,
        "waits_for": waits_for(secret, decision, now, out),
        "got_out": still_out_data(out) if out else None,
        "rotation": rotation_data(rotation) if rotation else None,
    }


def _in_step(destinations: tuple[Destination, ...]) -> str:
    from rotator.domain.model import Placed

    done = sum(place.state in (Placed.WRITTEN, Placed.CONFIRMED) for place in destinations)
    return f"{done}/{len(destinations)}"
