"""How many tokens issuers allow, held against how many secrets have theirs made there."""

from __future__ import annotations

import json
from collections import Counter

from rotator.domain.contracts import IssuerTraits
from rotator.domain.terms import IssuerRef


class Quotas:
    """Counts the secrets of each account at an issuer."""

    def __init__(self) -> None:
        self._secrets_of: Counter[str] = Counter()
        """By the issuer's connection and options."""

    def count(self, issuer: IssuerRef, traits: IssuerTraits) -> tuple[str, str] | None:
        """Refuse the first secret that leaves no room to rotate: each has a token, and one has two for a while."""
        account = json.dumps([issuer.connection, issuer.options], sort_keys=True, default=str)
        self._secrets_of[account] += 1
        limit, secrets = traits.max_active, self._secrets_of[account]
        if limit is None or secrets != max(limit, 2):  # with one token at a time, downtime is known and chosen
            return None
        what = (
            f"this issuer allows {limit} tokens at a time, and with this policy {secrets} secrets have one each: "
            "there is no room left for a new one"
        )
        return what, "use another account for some of them"
