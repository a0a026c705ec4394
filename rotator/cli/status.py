"""``rotate status``: where every secret is, and what it waits for."""

from __future__ import annotations

from typing import Any

import typer

from rotator.cli import selecting
from rotator.cli.context import Context
from rotator.cli.output import document, line, moment, span, table


def status(
    context: typer.Context,
    names: selecting.Names = None,
    issuer: selecting.ByIssuer = None,
    store: selecting.ByStore = None,
    tag: selecting.ByTag = None,
    owner: selecting.ByOwner = None,
    everything: selecting.Everything = False,
) -> None:
    """Show each secret's phase, age, due time, expiry, destinations, and what it waits for."""
    from rotator.cli.reporting import rotation_data
    from rotator.cli.wording import waits_for
    from rotator.config.selection import Selection, select
    from rotator.domain.plan import decide

    session: Context = context.obj
    app = session.app
    wanted = Selection(names or (), issuer, store, tag, owner, everything=everything)
    chosen = select(app.policies, wanted, all_by_default=True)
    known = {secret.name: secret for secret in app.ledger.secrets()}
    now = app.clock.now()
    rows: list[dict[str, Any]] = []
    for policy in chosen:
        secret = known.get(policy.name) or app.ledger.secret(policy.name)
        decision = decide(policy, secret, now)
        token, rotation = secret.current, secret.open
        rows.append(
            {
                "secret": policy.name,
                "phase": rotation.phase if rotation else "in force" if token else "unknown",
                "age": span(now - token.created_at) if token and token.created_at else "-",
                "due": decision.due,
                "expires": token.expires_at if token else None,
                "handle": token.handle if token else None,
                "in_step": _in_step(rotation.destinations)
                if rotation
                else f"{len(policy.targets)}/{len(policy.targets)}"
                if token
                else "-",
                "waits_for": waits_for(secret, decision),
                "rotation": rotation_data(rotation) if rotation else None,
            }
        )
    orphaned = [name for name in known if app.policies.named(name) is None]
    if session.as_json:
        document({"secrets": rows, "without_a_policy": orphaned})
        return
    table(
        ("SECRET", "PHASE", "AGE", "DUE (UTC)", "EXPIRES (UTC)", "IN STEP", "WAITS FOR"),
        [
            (
                row["secret"],
                row["phase"],
                row["age"],
                moment(row["due"]),
                moment(row["expires"]),
                row["in_step"],
                row["waits_for"],
            )
            for row in rows
        ],
        no_color=session.no_color,
    )
    if orphaned:
        line(f"Known, but without a policy now (nothing is revoked for that): {', '.join(orphaned)}")


def _in_step(destinations: Any) -> str:
    from rotator.domain.model import Placed

    done = sum(place.state in (Placed.WRITTEN, Placed.CONFIRMED) for place in destinations)
    return f"{done}/{len(destinations)}"
