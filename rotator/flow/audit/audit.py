"""The audit itself: look, read the ledger, judge.

The ledger is read twice. Before looking it says whom to ask; after it, what to judge by, so that a token made in the
meantime is known. A secret that changed in between is not judged by what was seen of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from rotator.domain.model import IssuerRef, SecretName
from rotator.domain.policy import Policy, PolicySet
from rotator.flow import latecomers
from rotator.flow.audit import compromises, places, times, tokens
from rotator.flow.audit.evidence import Evidence, account_of
from rotator.flow.audit.findings import Finding, Kind, by_gravity
from rotator.flow.audit.looking import Sight, look
from rotator.flow.still_out import declarations
from rotator.flow.work import Tools
from rotator.ledger.picture import Picture, Sought

_JUDGES = (
    compromises.judge_compromises,
    tokens.judge_listings,
    tokens.judge_tokens_in_force,
    tokens.judge_verdicts,
    tokens.judge_latecomers,
    places.judge_places,
    places.judge_left_behind,
    times.judge_schedules,
    times.judge_rotations,
    times.judge_without_policy,
    times.judge_deaths,
)


@dataclass(frozen=True)
class Audit:
    """What came of it: the findings, gravest first, and what was looked at."""

    findings: tuple[Finding, ...]
    secrets: int
    accounts: int
    tokens: int
    places: int
    moved: frozenset[SecretName]
    """Changed while we looked, and so judged by the ledger alone."""


def audit(tools: Tools, policies: PolicySet, chosen: Sequence[Policy], workers: int) -> Audit:
    """Hold reality against the ledger, for these policies. Touches nothing, and holds no value longer than a moment."""
    everything = len(chosen) == len(policies.policies)
    by_name = {policy.name: policy for policy in policies.policies}
    before = tools.ledger.picture()
    seen = look(tools, _accounts(policies, chosen, before, everything=everything), chosen, workers)
    declared = declarations(tools.ledger)
    late = tuple(latecomers.of_ledger(tools.ledger))
    after = tools.ledger.picture(_sought(seen))
    moved = _moved(before, after)
    evidence = Evidence(tools.clock.now(), by_name, tuple(chosen), after, seen, moved, everything, declared, late)
    found = [*chain.from_iterable(judge(evidence) for judge in _JUDGES), *_of_the_ledger(tools, evidence)]
    return Audit(
        findings=tuple(sorted(found, key=by_gravity)),
        secrets=len(chosen),
        accounts=len(seen.listings),
        tokens=sum(len(listing.tokens or ()) for listing in seen.listings),
        places=len(seen.places),
        moved=moved,
    )


def _accounts(
    policies: PolicySet, chosen: Sequence[Policy], before: Picture, *, everything: bool
) -> Iterator[IssuerRef]:
    """Give the accounts that the policies name, and those where tokens in force were made that are still connected."""
    yield from (policy.issuer for policy in chosen)
    names = {policy.name for policy in chosen}
    for secret in before.secrets:
        account = account_of(secret, before, None) if everything or secret.name in names else None
        if account is not None and account.connection in policies.connections:
            yield account


def _sought(seen: Sight) -> Sought:
    listed = [info for listing in seen.listings for info in listing.tokens or ()]
    return Sought(
        handles={info.handle for info in listed},
        names={info.name for info in listed if info.name is not None},
        fingerprints={held.fingerprint for held in seen.places if held.fingerprint is not None},
    )


def _moved(before: Picture, after: Picture) -> frozenset[SecretName]:
    earlier = {secret.name: secret for secret in before.secrets}
    return frozenset(secret.name for secret in after.secrets if earlier.get(secret.name) != secret)


def _of_the_ledger(tools: Tools, evidence: Evidence) -> Iterator[Finding]:
    """Check the chain of events; and say so when there is nothing to compare anything with."""
    names = () if evidence.everything else tuple(policy.name for policy in evidence.chosen)
    for broken in tools.ledger.broken_links(*names):
        secret, _, what = broken.partition(": ")
        yield Finding(
            Kind.TAMPERED,
            "ledger",
            f"The history does not hold: {what}",
            f"Somebody changed the database past Rotator: compare it with a backup, and see `rotate history {secret}`.",
            SecretName(secret),
        )
    if not evidence.picture.secrets:
        yield Finding(
            Kind.NO_HISTORY,
            "ledger",
            "The ledger knows no secret yet: nothing was adopted or rotated with it.",
            "If that cannot be, look whether `--ledger` names the right one. Else begin with `rotate adopt NAME`.",
        )
