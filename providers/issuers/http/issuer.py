"""The four operations of an issuer that a profile describes: one request each, and what its answer means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.http.client import HttpAnswer, HttpClient
from providers.issuers.http import expiry as expiries
from providers.issuers.http.calls import build, label
from providers.issuers.http.chosen import Chosen
from providers.issuers.http.listing import Listing
from providers.issuers.http.outcomes import Failures, outcome_of, search, text
from providers.issuers.http.profile import HttpProfile
from providers.issuers.http.session import Management
from providers.issuers.http.templates import Named
from providers.issuers.http.verifying import Verifier
from rotator.domain.clock import Clock
from rotator.domain.contracts import (
    Issued,
    IssueRequest,
    IssuerTraits,
    Revocation,
    TokenInfo,
    Verdict,
    Verification,
)
from rotator.domain.errors import Ambiguous, Permanent
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle, TokenName


@dataclass(frozen=True)
class HttpIssuer:
    """The tokens of one account, at an issuer that a profile describes."""

    profile: HttpProfile = field(repr=False)
    traits: IssuerTraits = field(repr=False)
    client: HttpClient
    management: Management = field(repr=False)
    variables: Mapping[str, Any] = field(repr=False)
    """``options`` and ``settings``, as templates see them."""
    failures: Failures = field(repr=False)
    clock: Clock = field(repr=False)

    def issue(self, request: IssueRequest) -> Issued:
        """Make one token; the request is sent once."""
        create, expiry = self.profile.operations.create, self.profile.limits.expiry
        try:
            sent_expiry = expiries.as_sent(expiry, request.lifetime, request.now)
        except ValueError as error:
            raise Permanent(f"{self.profile.name} was not asked for a token: {error}.") from error
        variables = {**self.variables, "name": request.name, "expiry": sent_expiry}
        if create.chosen is None:
            return self._create(request, variables)
        chosen = Chosen.for_name(request.name)
        try:
            return self._create(request, {**variables, "chosen": chosen.variables})
        except Ambiguous:
            if not self._knows(chosen):
                raise
        return Issued(chosen.handle, chosen.value, request.name, request.now, self._computed_end(request))

    def tokens(self) -> tuple[TokenInfo, ...]:
        """List the live tokens: every page, or an error."""
        if self.profile.operations.list is None:
            raise Permanent(f"{self.profile.name} cannot list its tokens.")
        return Listing(
            self.profile.operations.list, self.management, self.variables, self.failures, self.clock
        ).tokens()

    def verify(self, value: SecretValue) -> Verification:
        """Ask with the value itself, and with nothing else of ours."""
        return Verifier(self.profile.name, self.profile.operations.verify, self.client, self.variables).verify(value)

    def revoke(self, handle: Handle) -> Revocation:
        """End this token and no other. Repeatable."""
        revoke = self.profile.operations.revoke
        outgoing = build(revoke.request, {**self.variables, "token": Named({"handle": handle})})
        answer = self.management.send(outgoing, changes=True, repeatable=True)
        outcome = outcome_of(revoke.responses, answer, "revoke")
        match outcome:
            case "ok":
                return Revocation.DONE
            case "already_gone":
                return Revocation.ALREADY_GONE
        raise self.failures.of("revoke", outcome, outgoing.label, answer, self.clock.now())

    def _create(self, request: IssueRequest, variables: Mapping[str, Any]) -> Issued:
        create = self.profile.operations.create
        outgoing = build(create.request, variables)
        answer = self.management.send(outgoing, changes=True, repeatable=False)
        outcome = outcome_of(create.responses, answer, "create")
        if outcome != "ok":
            raise self.failures.of("create", outcome, outgoing.label, answer, self.clock.now())
        return self._issued(request, answer)

    def _knows(self, chosen: Chosen) -> bool:
        """Ask whether the token was made, though its answer was lost. No is no proof: it may still be on its way."""
        verification = self.verify(chosen.value)
        return verification.verdict is Verdict.VALID and verification.handle == chosen.handle

    def _computed_end(self, request: IssueRequest) -> datetime | None:
        return expiries.computed_end(self.profile.limits.expiry, request.lifetime, request.now)

    def _issued(self, request: IssueRequest, answer: HttpAnswer) -> Issued:
        extract, document = self.profile.operations.create.extract, answer.document
        handle, value = text(extract.handle, document), text(extract.value, document)
        if handle is None or value is None:
            raise self._unusable(answer, "without the token's handle and value")
        secret = SecretValue(value)
        if self.profile.token.pattern and not re.fullmatch(self.profile.token.pattern, value):
            raise self._unusable(answer, "with a value that does not look like its tokens")
        try:
            created_at = expiries.moment(search(extract.created_at, document))
            expires_at = expiries.moment(search(extract.expires_at, document))
            expires_at = expires_at or expiries.end_of(search(extract.expires_in, document), request.now)
        except ValueError:
            # Not worth losing a token for: it is listed with its true times.
            created_at = expires_at = None
        name = text(extract.name, document)
        return Issued(
            handle=Handle(handle),
            value=secret,
            name=TokenName(name) if name else request.name,
            created_at=created_at or request.now,
            expires_at=expires_at or self._computed_end(request),
        )

    def _unusable(self, answer: HttpAnswer, what: str) -> Ambiguous:
        called = label(self.profile.operations.create.request)
        return Ambiguous(
            f"{self.profile.name} answered {answer.status} to {called} {what}; a token may have been made.",
            remedy="Check the profile's `extract` and `token.pattern` if this happens again.",
        )
