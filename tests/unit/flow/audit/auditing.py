"""One audit of a world in memory, and ways to look at what it found."""

from __future__ import annotations

from rotator.domain.policy import PolicySet
from rotator.flow.audit.audit import Audit, audit
from rotator.flow.audit.findings import Finding, Weight
from tests.fakes.world import World


def audited(world: World, *names: str) -> Audit:
    """Audit these secrets, or all that have a policy."""
    policies = PolicySet(tuple(world.policies.values()), {})
    chosen = [policy for policy in policies.policies if not names or policy.name in names]
    return audit(world.worker().runner.tools, policies, chosen, workers=4)


def kinds(result: Audit) -> list[str]:
    """Give the kinds of all findings, gravest first, without the notes."""
    return [str(finding.kind) for finding in result.findings if finding.weight is not Weight.NOTE]


def notes(result: Audit) -> list[str]:
    return [str(finding.kind) for finding in result.findings if finding.weight is Weight.NOTE]


def only(result: Audit) -> Finding:
    """Give the one finding that there is, notes aside."""
    [finding] = [finding for finding in result.findings if finding.weight is not Weight.NOTE]
    return finding
