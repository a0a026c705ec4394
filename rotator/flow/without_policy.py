"""Secrets that no policy names any more, while their tokens may live: an emergency is not to pass them over in silence.

Nothing says how such a token is replaced, so nobody here replaces or ends it. It is told, and counts as not ended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from rotator.domain.identity import means
from rotator.domain.model import ConnectionName, IssuerRef, SecretName, Token
from rotator.flow.lanes import account_key
from rotator.flow.outlook import Survey
from rotator.ledger.ledger import Ledger
from rotator.observe.incident import Fate, OldToken, SecretReport


@dataclass(frozen=True)
class WithoutPolicy:
    """One of them."""

    secret: SecretName
    tokens: tuple[Token, ...]
    issuer: IssuerRef | None
    """Where the token in force was made, as far as it was written down."""
    stores: frozenset[ConnectionName]
    """Where its last rotation wrote to."""

    @property
    def names(self) -> str:
        return ", ".join(str(token.handle or token.name or "one without a known id") for token in self.tokens)

    @property
    def remedy(self) -> str:
        at = f"at {self.issuer.connection}" if self.issuer is not None else "at its issuer"
        return f"put its policy back and run this again, or delete {self.names} {at}"

    def as_report(self) -> tuple[SecretReport, list[OldToken]]:
        """Give what a report says of it: a person's work, and tokens that live as far as anybody knows."""
        issuer = self.issuer.connection if self.issuer is not None else ConnectionName("-")
        to_do = f"{self.remedy[:1].upper()}{self.remedy[1:]}."
        told = SecretReport(self.secret, "", issuer, "no policy any more", to_do=to_do, needs_person=True)
        living = [
            OldToken(self.secret, issuer, token.handle, token.name, Fate.ALIVE, created_at=token.created_at)
            for token in self.tokens
        ]
        return told, living


def without_policy(
    ledger: Ledger, named: Collection[SecretName], is_meant: Callable[[WithoutPolicy], bool], survey: Survey
) -> list[WithoutPolicy]:
    """Give those that are meant. ``named``: all that have a policy. A token that its issuer lists no more is gone."""
    found = []
    for secret in ledger.secrets():
        if secret.name in named or not secret.living:
            continue
        last = secret.open or ledger.last_rotation(secret.name)
        made_through = ledger.made_through(secret.current.id) if secret.current is not None else None
        issuer = made_through or (last.issuer if last is not None else None)
        stores = frozenset(each.target.connection for each in last.destinations) if last is not None else frozenset()
        living = tuple(token for token in secret.living if not _is_gone(token, issuer, survey))
        one = WithoutPolicy(secret.name, living, issuer, stores)
        if living and is_meant(one):
            found.append(one)
    return found


def _is_gone(token: Token, issuer: IssuerRef | None, survey: Survey) -> bool:
    """Tell whether its issuer was asked for its list just now, and the token is not in it."""
    for account in (outlook.account for outlook in survey.outlooks):
        if issuer is not None and account_key(account.ref) == account_key(issuer) and account.listed is not None:
            info = account.listed.get(token.handle) if token.handle is not None else None
            return info is None or not means(info, token)
    return False
