"""All that an audit judges by: the policies, what the ledger knows, what was seen; and whose token is whose.

A listed token is one of ours when its handle is, and nothing speaks against it. Where a handle may have been given to
another, or the ledger knows it from another connection, name and creation time must agree, as before a revoke.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final

from rotator.domain import naming
from rotator.domain.contracts import NameRules, TokenInfo
from rotator.domain.identity import means
from rotator.domain.model import (
    ConnectionName,
    Event,
    Fingerprint,
    Handle,
    IssuerRef,
    Phase,
    Rotation,
    Secret,
    SecretName,
    Token,
    TokenId,
    TokenName,
    TokenState,
)
from rotator.domain.policy import Policy
from rotator.flow.audit.looking import Listing, Sight, key_of
from rotator.ledger.picture import KnownToken, Picture


@dataclass(frozen=True)
class Evidence:
    """What was seen, and what the ledger knew just after it. ``chosen`` are the policies that the audit is about."""

    now: datetime
    policies: Mapping[SecretName, Policy]
    chosen: tuple[Policy, ...]
    picture: Picture = field(default_factory=Picture)
    seen: Sight = field(default_factory=Sight)
    moved: frozenset[SecretName] = frozenset()
    """Secrets that were changed while we looked: what was seen of them may be of before or after."""
    everything: bool = True
    """The audit is about all there is, also what has no policy."""
    declarations: Mapping[SecretName, Event] = field(default_factory=dict)
    """The compromises that are not over."""
    late: tuple[KnownToken, ...] = ()
    """Tokens that came too late to be used, and were not seen to be dead."""

    @cached_property
    def secrets(self) -> Mapping[SecretName, Secret]:
        return {secret.name: secret for secret in self.picture.secrets}

    def secret(self, policy: Policy) -> Secret:
        return self.secrets.get(policy.name) or Secret(policy.name)

    def not_adopted(self, account: IssuerRef) -> list[Policy]:
        """Give the policies of an account whose token in use nobody knows."""
        return self._not_adopted[key_of(account)]

    @cached_property
    def _not_adopted(self) -> defaultdict[str, list[Policy]]:
        found: defaultdict[str, list[Policy]] = defaultdict(list)
        for policy in self.policies.values():
            if self.secret(policy).current is None:
                found[key_of(policy.issuer)].append(policy)
        return found

    # --- listings ----------------------------------------------------------------------------------------------------

    @cached_property
    def listings(self) -> Mapping[str, Listing]:
        return {key_of(listing.account): listing for listing in self.seen.listings}

    def listing_of(self, secret: Secret) -> Listing | None:
        """Give the list in which a secret's token in force must be; None: nobody was asked for it, or can be."""
        account = account_of(secret, self.picture, self.policies.get(secret.name))
        listing = self.listings.get(key_of(account)) if account is not None else None
        return listing if listing is not None and listing.tokens is not None else None

    def as_listed(self, secret: Secret) -> TokenInfo | None:
        """Give what the issuer says of a secret's token in force; None: it is not listed, or nobody was asked."""
        listing, current = self.listing_of(secret), secret.current
        if listing is None or current is None or current.handle is None:
            return None
        found = self._by_handle_listed[key_of(listing.account)].get(current.handle, ())
        reused = listing.traits is not None and listing.traits.reuses_handles
        return next((info for info in found if not reused or means(info, current)), None)

    @cached_property
    def _by_handle_listed(self) -> Mapping[str, Mapping[Handle, list[TokenInfo]]]:
        found: dict[str, dict[Handle, list[TokenInfo]]] = {}
        for key, listing in self.listings.items():
            by_handle = found.setdefault(key, {})
            for info in listing.tokens or ():
                by_handle.setdefault(info.handle, []).append(info)
        return found

    # --- whose token -------------------------------------------------------------------------------------------------

    def owner_of(self, info: TokenInfo, listing: Listing) -> Token | None:
        """Give the token of the ledger that this listed one is: in force before left over, left over before dead."""
        candidates = [known.token for known in self._by_handle[info.handle] if self._is(known, info, listing)]
        if info.name is not None:
            candidates += self._handleless[info.name]
        return min(candidates, key=self._how_far_gone, default=None)

    def _how_far_gone(self, token: Token) -> tuple[bool, bool]:
        return token.state is TokenState.DEAD, token.id not in self.accounted_for

    def _is(self, known: KnownToken, info: TokenInfo, listing: Listing) -> bool:
        policy = self.policies.get(known.token.secret)
        connection = known.connection or (policy.issuer.connection if policy is not None else None)
        for_good = listing.traits is not None and not listing.traits.reuses_handles
        return (for_good and connection == listing.account.connection) or means(info, known.token)

    @cached_property
    def _by_handle(self) -> defaultdict[Handle, list[KnownToken]]:
        found: defaultdict[Handle, list[KnownToken]] = defaultdict(list)
        for known in (*self.picture.tokens, *self.late):
            if known.token.handle is not None:
                found[known.token.handle].append(known)
        return found

    @cached_property
    def _handleless(self) -> defaultdict[TokenName, list[Token]]:
        """Tokens that were asked for and whose making was never answered, by their marked names."""
        found: defaultdict[TokenName, list[Token]] = defaultdict(list)
        for known in self.picture.tokens:
            if known.token.handle is None and known.token.name is not None:
                found[known.token.name].append(known.token)
        return found

    def likely(self, policy: Policy) -> TokenInfo | None:
        """Give the listed token that nobody knows, and whose name is the very one that this policy wants."""
        return self._unowned.get((key_of(policy.issuer), policy.token_name))

    def is_likely(self, info: TokenInfo, listing: Listing) -> bool:
        """Tell whether this is the likely token of a policy that was never adopted."""
        key = key_of(listing.account)
        is_wanted = info.name is not None and (key, info.name) in self._names_not_adopted
        return is_wanted and self._unowned.get((key, str(info.name))) is info

    @cached_property
    def _names_not_adopted(self) -> frozenset[tuple[str, str]]:
        return frozenset((key, policy.token_name) for key, found in self._not_adopted.items() for policy in found)

    @cached_property
    def _unowned(self) -> Mapping[tuple[str, str], TokenInfo]:
        return {
            (key, info.name): info
            for key, listing in self.listings.items()
            for info in listing.tokens or ()
            if info.name is not None and self.owner_of(info, listing) is None
        }

    @cached_property
    def by_fingerprint(self) -> Mapping[Fingerprint, Token]:
        tokens = [known.token for known in self.picture.tokens]
        return {token.fingerprint: token for token in tokens if token.fingerprint is not None}

    @cached_property
    def accounted_for(self) -> frozenset[TokenId]:
        """Give the tokens that something will come of: those in force, and all of open rotations."""
        found: set[TokenId] = set()
        for secret in self.picture.secrets:
            of_rotation = tokens_of(secret.open) if secret.open is not None else ()
            found |= {token.id for token in (secret.current, *of_rotation) if token is not None}
        return frozenset(found)

    def bears_a_mark(self, info: TokenInfo, listing: Listing) -> bool:
        """Tell whether a listed token has a name that we would give: what some policy wants, and a mark."""
        name = info.name or ""
        begins, mark = name[: -naming.MARK_LENGTH], name[-naming.MARK_LENGTH :]
        return _MARK.fullmatch(mark) is not None and begins in self._beginnings[key_of(listing.account)]

    @cached_property
    def _beginnings(self) -> Mapping[str, frozenset[str]]:
        """Give what stands before the mark in the names that an account's tokens were ever to have."""
        found: dict[str, frozenset[str]] = {}
        for key, listing in self.listings.items():
            wanted = self._wanted_names[listing.account.connection] if listing.traits is not None else ()
            rules = listing.traits.names if listing.traits is not None else NameRules()
            names = (naming.token_name(each, "a" * naming.MARK_LENGTH, rules) for each in wanted)
            found[key] = frozenset(name[: -naming.MARK_LENGTH] for name in names)
        return found

    @cached_property
    def _wanted_names(self) -> defaultdict[ConnectionName, set[str]]:
        found: defaultdict[ConnectionName, set[str]] = defaultdict(set)
        for policy in self.policies.values():
            found[policy.issuer.connection].add(policy.token_name)
        for rotation in rotations_known(self.picture):
            found[rotation.issuer.connection].add(rotation.token_name)
        return found


_MARK: Final = re.compile(rf"[a-z2-7]{{{naming.MARK_LENGTH}}}")


def account_of(secret: Secret, picture: Picture, policy: Policy | None) -> IssuerRef | None:
    """Give where a secret's token in force was made; where nobody wrote it down, its policy tells."""
    made_through = picture.made_through.get(secret.name)
    return made_through or (policy.issuer if policy is not None else None)


def rotations_known(picture: Picture) -> Iterator[Rotation]:
    """Give the rotations that brought the tokens in force, and those under way."""
    yield from picture.in_force.values()
    yield from (secret.open for secret in picture.secrets if secret.open is not None)


def tokens_of(rotation: Rotation) -> tuple[Token, ...]:
    """Give every token that an open rotation is about."""
    return (*((rotation.old,) if rotation.old is not None else ()), *rotation.tokens)


def is_between_tokens(secret: Secret) -> bool:
    """Tell whether a rotation is on its way, so that a destination may hold the old or the new token."""
    return secret.open is not None and secret.open.phase is not Phase.CONFIRMED


def shown(moment: datetime | None) -> str:
    """Write a moment as findings do."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment is not None else "nobody knows when"
