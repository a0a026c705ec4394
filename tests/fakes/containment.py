"""What a compromise is to end with."""

from __future__ import annotations

from rotator.flow.report import Outcome, Report


def contained(report: Report) -> bool:
    """Tell whether every old token is proven dead."""
    return report.outcome is Outcome.ROTATED and report.old_may_live is None
