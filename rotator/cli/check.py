"""``rotate check``: are the policies valid, and with ``--online``, does everything they name answer as it must?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rotator.cli.context import Context
from rotator.cli.exit_codes import WITHDRAWN
from rotator.cli.output import counted, document, line, warn

if TYPE_CHECKING:
    from rotator.flow.inspection import Check


def check(
    context: typer.Context,
    online: Annotated[
        bool, typer.Option("--online", help="Log in everywhere; check permissions, quotas, places.")
    ] = False,
) -> None:
    """Validate the policies. Touches nothing."""
    from rotator.config.channels import refuse_without_library
    from rotator.config.policy_source.in_force import load_newest

    session: Context = context.obj
    load_newest(session.app.source)  # of a repository, older ones might be in force: they are not what is asked about
    policies = session.app.policies
    if session.settings.notify:
        refuse_without_library()
    counts = {"policies": len(policies.policies), "connections": len(policies.connections)}
    summary = f"{counted(counts['policies'], 'policy')}, {counted(counts['connections'], 'connection')}"
    if not online:
        if session.as_json:
            document({**counts, "problems": []})
        else:
            line(f"OK: {summary}.")
        return
    from rotator.flow.inspection import inspect, inspect_channel, inspect_credential

    findings = [inspect_credential(str(each), each) for each in session.app.connections.stored_credentials()]
    findings += [finding for policy in policies.policies for finding in inspect(session.app.connections, policy)]
    findings += [inspect_channel(channel) for channel in session.app.channels()]
    warnings = session.app.connections.warnings
    wrong = [finding for finding in findings if finding.error is not None]
    if session.as_json:
        document(
            {
                **counts,
                "checks": [_as_data(each) for each in findings],
                "problems": [_as_data(each) for each in wrong],
                "warnings": warnings,
            }
        )
    else:
        for finding in findings:
            mark = "ok  " if finding.error is None else "FAIL"
            line(f"{mark} {finding.secret}: {finding.subject}: {finding.error or finding.said}")
        for warning in warnings:
            warn(f"warning: {warning}")
        checks = counted(len(findings), "check")
        line(f"{len(wrong)} of {checks} failed." if wrong else f"OK: {summary}, {checks}.")
    if wrong:
        raise typer.Exit(WITHDRAWN)


def _as_data(finding: Check) -> dict[str, Any]:
    about = {"secret": finding.secret, "subject": finding.subject}
    if finding.error is None:
        return {**about, "ok": True, "said": finding.said}
    return {**about, "ok": False, "what": finding.error.what, "remedy": finding.error.remedy}
