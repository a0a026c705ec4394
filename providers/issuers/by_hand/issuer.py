"""An issuer that can be asked one thing: whether it accepts a value. For all else it has instructions for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from providers.issuers.by_hand.profile import Page, PageExpiry
from providers.issuers.http.templates import render
from providers.issuers.http.verifying import Verifier
from rotator.domain.contracts import Instructions, Issued, IssueRequest, IssuerTraits, Verification
from rotator.domain.durations import Duration
from rotator.domain.errors import NeedsOperator
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle


@dataclass(frozen=True)
class AssistedIssuer:
    """The tokens of one account of a service that has no API for them. Implements ``contracts.IssuerByHand``."""

    name: str
    page: Page = field(repr=False)
    expiry: PageExpiry | None = field(repr=False)
    traits: IssuerTraits = field(repr=False)
    verifier: Verifier = field(repr=False)
    variables: Mapping[str, Any] = field(repr=False)
    """``options`` and ``settings``, as templates see them."""

    def verify(self, value: SecretValue) -> Verification:
        return self.verifier.verify(value)

    def instructions(self, lifetime: Duration | None) -> Instructions:
        return Instructions(
            link=self.page.link,
            make=str(render(self.page.make, self.variables)),
            delete=self.page.delete,
            expiry=self._choice(lifetime),
            recognise=self.page.recognise,
            compromised=self.page.compromised,
        )

    def _choice(self, lifetime: Duration | None) -> str:
        """Give what the page calls this lifetime; empty where it offers no choice."""
        if self.expiry is None:
            return ""
        if lifetime is None:
            return self.expiry.never or ""
        return next((name for name, offered in self.expiry.choices.items() if offered == lifetime), str(lifetime))

    # --- what it has no API for ---

    def issue(self, request: IssueRequest) -> Issued:
        self._has_no_api(f"make {request.name}")

    def tokens(self) -> NoReturn:
        self._has_no_api("list its tokens")

    def revoke(self, handle: Handle) -> NoReturn:
        self._has_no_api(f"delete {handle}")

    def _has_no_api(self, what: str) -> NoReturn:
        raise NeedsOperator(
            f"{self.name} has no API for its tokens: nobody but a person can {what}.",
            remedy=f"Do it at {self.page.link}.",
        )
