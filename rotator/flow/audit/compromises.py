"""What was declared compromised, and that nobody is about to end."""

from __future__ import annotations

from collections.abc import Iterator

from rotator.domain.model import Secret
from rotator.flow.audit.evidence import Evidence, account_of
from rotator.flow.audit.findings import Finding, Kind
from rotator.flow.audit.looking import named
from rotator.flow.still_out import StillOut, still_out


def judge_compromises(evidence: Evidence) -> Iterator[Finding]:
    """Find the tokens that got out and may be alive, while no rotation of their incident is open."""
    chosen = {policy.name for policy in evidence.chosen}
    for secret in evidence.picture.secrets:
        out = still_out(secret, evidence.declarations.get(secret.name))
        if out is not None and (evidence.everything or secret.name in chosen):
            yield _got_out(secret, out, evidence)


def _got_out(secret: Secret, out: StillOut, evidence: Evidence) -> Finding:
    policy = evidence.policies.get(secret.name)
    account = account_of(secret, evidence.picture, policy)
    where = named(account) if account is not None else ""
    return Finding(Kind.GOT_OUT, where, out.what, out.remedy(has_policy=policy is not None), secret.name, out.since)
