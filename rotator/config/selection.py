"""SELECT: which policies a command is about. Names or globs, and options that narrow each other.

What finds nothing is an error, and so is each name that finds nothing: a mistyped one never silently does less.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rotator.config.problems import did_you_mean
from rotator.domain.errors import InvalidInput, Problem
from rotator.domain.policy import Policy, PolicySet


@dataclass(frozen=True)
class Selection:
    """What the user asked for. ``issuer`` and ``store`` name a connection or a provider."""

    names: Sequence[str] = ()
    issuer: str | None = None
    store: str | None = None
    tag: str | None = None
    owner: str | None = None
    everything: bool = False

    @property
    def says_nothing(self) -> bool:
        narrowed = any(option is not None for option in (self.issuer, self.store, self.tag, self.owner))
        return not (self.names or narrowed or self.everything)


def select(policies: PolicySet, selection: Selection, *, all_by_default: bool = False) -> tuple[Policy, ...]:
    """Give the chosen policies, in the order of the files. InvalidInput when nothing fits, or nothing was chosen."""
    if selection.says_nothing and not all_by_default:
        raise InvalidInput.of("nothing is selected", "name what you mean, narrow it with options, or say --all")
    problems = [*_unknown_names(policies, selection.names), *_unknown_options(policies, selection)]
    if problems:
        raise InvalidInput(problems)
    chosen = tuple(policy for policy in policies.policies if _fits(policy, selection, policies))
    if not chosen:
        raise InvalidInput.of("nothing fits all that was asked for", "ask for less: the options narrow each other")
    return chosen


def _fits(policy: Policy, selection: Selection, policies: PolicySet) -> bool:
    return (
        (not selection.names or any(fnmatchcase(policy.name, name) for name in selection.names))
        and (selection.issuer is None or selection.issuer in _issuers(policy, policies))
        and (selection.store is None or selection.store in _stores(policy, policies))
        and (selection.tag is None or selection.tag in policy.tags)
        and (selection.owner is None or selection.owner == policy.owner)
    )


def _issuers(policy: Policy, policies: PolicySet) -> tuple[str, str]:
    connection = policy.issuer.connection
    return connection, policies.connections[connection].provider


def _stores(policy: Policy, policies: PolicySet) -> set[str]:
    connections = {target.connection for target in policy.targets}
    return {*connections, *(policies.connections[name].provider for name in connections)}


def _unknown_names(policies: PolicySet, names: Iterable[str]) -> Iterable[Problem]:
    for name in names:
        if not any(fnmatchcase(policy.name, name) for policy in policies.policies):
            yield Problem(f"no policy is named `{name}`", did_you_mean(name, {each.name for each in policies.policies}))


def _unknown_options(policies: PolicySet, selection: Selection) -> Iterable[Problem]:
    every = policies.policies
    for option, wanted, known in (
        ("--issuer", selection.issuer, {name for policy in every for name in _issuers(policy, policies)}),
        ("--store", selection.store, {name for policy in every for name in _stores(policy, policies)}),
        ("--tag", selection.tag, {tag for policy in every for tag in policy.tags}),
        ("--owner", selection.owner, {policy.owner for policy in every if policy.owner}),
    ):
        if wanted is not None and wanted not in known:
            yield Problem(f"{option}: no policy has `{wanted}`", did_you_mean(wanted, known))
