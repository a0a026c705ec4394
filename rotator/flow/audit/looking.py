"""Looking at issuers and stores, without touching anything: their lists, and what every destination holds now.

Each account is asked for its list once, however many secrets it serves. What cannot be asked is part of what was seen,
and keeps nobody from looking at the rest. A value that is read lives until it has become a fingerprint.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from rotator.domain.contracts import IssuerTraits, TokenInfo, Verdict
from rotator.domain.errors import LedgerUnavailable, RotatorError
from rotator.domain.model import ConnectionName, Fingerprint, IssuerRef, SecretName, Target, Version
from rotator.domain.policy import Policy
from rotator.domain.secret_value import SecretValue
from rotator.flow.emergency import STOPPED
from rotator.flow.runner import unforeseen
from rotator.flow.work import Tools


@dataclass(frozen=True)
class Listing:
    """What one account of an issuer said when it was asked for its tokens."""

    account: IssuerRef
    asked_at: datetime
    traits: IssuerTraits | None = None
    tokens: tuple[TokenInfo, ...] | None = None
    """None: it could not be asked, or lists nothing."""
    error: RotatorError | None = None


@dataclass(frozen=True)
class Reading:
    """What one destination of a secret holds. With an ``error``, nobody knows."""

    secret: SecretName
    target: Target
    exists: bool = False
    readable: bool = True
    version: Version | None = None
    fingerprint: Fingerprint | None = None
    """None: it cannot be read, or our field is not there."""
    verdict: Verdict | None = None
    """What its issuer says of the value, where it lists nothing."""
    error: RotatorError | None = None
    issuer_error: RotatorError | None = None


@dataclass(frozen=True)
class Sight:
    """All that was looked at."""

    listings: tuple[Listing, ...] = ()
    places: tuple[Reading, ...] = ()


def named(account: IssuerRef) -> str:
    """Name an account in one short line, as destinations are named."""
    return str(Target(account.connection, account.options))


def key_of(account: IssuerRef) -> str:
    """Give what is equal for equal accounts."""
    return _key(account.connection, account.options)


def key_of_place(target: Target) -> str:
    """Give what is equal for equal places, whether they come from a policy or from the ledger."""
    return _key(target.connection, target.place)


def _key(connection: ConnectionName, settings: Mapping[str, Any]) -> str:
    return f"{connection} {json.dumps(settings, sort_keys=True, default=str)}"


def look(tools: Tools, accounts: Iterable[IssuerRef], policies: Iterable[Policy], workers: int) -> Sight:
    """Look at these accounts, and at every destination of these policies; so many at a time."""
    different = {key_of(account): account for account in accounts}.values()
    lists = [partial(_listed, tools, account) for account in different]
    places = [partial(_held, tools, policy, target) for policy in policies for target in policy.targets]
    with _pool(workers) as pool:
        listings = [pool.submit(look_at) for look_at in lists]
        held = [pool.submit(look_at) for look_at in places]
        try:
            return Sight(tuple(each.result() for each in listings), tuple(each.result() for each in held))
        except BaseException:  # interrupted: what has not begun is not begun any more
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="audit")


def _listed(tools: Tools, account: IssuerRef) -> Listing:
    asked_at = tools.clock.now()

    def ask() -> Listing:
        issuer = tools.connections.issuer(account)
        tokens = tuple(issuer.tokens()) if _lists(issuer.traits) else None
        return Listing(account, asked_at, issuer.traits, tokens)

    return _explained(tools, ask, lambda error: Listing(account, asked_at, error=error), "list")


def _held(tools: Tools, policy: Policy, target: Target) -> Reading:
    def read() -> Reading:
        opened = tools.connections.destination(target)
        stored = opened.store.current(opened.place)
        readable = opened.traits.readable
        if stored is None or stored.value is None:
            version = stored.version if stored is not None else None
            return Reading(policy.name, target, exists=stored is not None, readable=readable, version=version)
        held = Reading(
            policy.name,
            target,
            exists=True,
            readable=readable,
            version=stored.version,
            fingerprint=tools.ledger.fingerprint(stored.value),
        )
        return _with_verdict(tools, policy, stored.value, held)

    return _explained(tools, read, lambda error: Reading(policy.name, target, error=error), "read")


def _with_verdict(tools: Tools, policy: Policy, value: SecretValue, held: Reading) -> Reading:
    """Ask an issuer that lists nothing. Others are not asked: it would count as a use of the token."""

    def ask() -> Reading:
        issuer = tools.connections.issuer(policy.issuer)
        return held if _lists(issuer.traits) else replace(held, verdict=issuer.verify(value).verdict)

    return _explained(tools, ask, lambda error: replace(held, issuer_error=error), "verify")


def _lists(traits: IssuerTraits) -> bool:
    return traits.lists and not traits.by_hand


SeenT = TypeVar("SeenT")


def _explained(
    tools: Tools, look_at: Callable[[], SeenT], failed: Callable[[RotatorError], SeenT], doing: str
) -> SeenT:
    """Look; an error of one provider, and even a bug in it, is what was seen there. So is that it was stopped."""
    if tools.clock.is_stopping:
        return failed(STOPPED)
    try:
        return look_at()
    except LedgerUnavailable:
        raise
    except RotatorError as error:
        return failed(error)
    except Exception as bug:  # noqa: BLE001  one plug-in's bug must not hide what all the others show
        return failed(unforeseen(doing, bug))
