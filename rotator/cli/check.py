"""``rotate check``: are the policies valid, and with ``--online``, does everything they name answer as it must?"""

from __future__ import annotations

from typing import Annotated

import typer

from rotator.cli.context import Context
from rotator.cli.output import document, line


def check(
    context: typer.Context,
    online: Annotated[
        bool, typer.Option("--online", help="Log in everywhere; check permissions, quotas, places.")
    ] = False,
) -> None:
    """Validate the policies. Touches nothing."""
    session: Context = context.obj
    policies = session.app.policies
    counts = f"{len(policies.policies)} policies, {len(policies.connections)} connections"
    if not online:
        if session.as_json:
            document({"policies": len(policies.policies), "connections": len(policies.connections), "problems": []})
        else:
            line(f"OK: {counts}.")
        return
    from rotator.flow.inspection import inspect

    findings = [finding for policy in policies.policies for finding in inspect(session.app.connections, policy)]
    wrong = [finding for finding in findings if finding.error is not None]
    if session.as_json:
        problems = [
            {"secret": finding.secret, "subject": finding.subject, "problem": str(finding.error)} for finding in wrong
        ]
        document({"policies": len(policies.policies), "checked": len(findings), "problems": problems})
    else:
        for finding in findings:
            mark = "ok  " if finding.error is None else "FAIL"
            line(f"{mark} {finding.secret}: {finding.subject}: {finding.error or finding.said}")
        line(f"{counts}; {len(wrong)} of {len(findings)} checks failed." if wrong else f"OK: {counts}.")
    if wrong:
        raise typer.Exit(3)
