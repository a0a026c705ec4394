"""Asking a service whether it accepts a value: one request with the value itself, and what its answer means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.http.client import HttpAnswer, HttpClient
from providers.issuers.http.calls import build, label, with_auth
from providers.issuers.http.operations import Verify
from providers.issuers.http.outcomes import matches, outcome_of, search, text
from providers.issuers.http.templates import OMIT, Secrets, render
from rotator.domain.contracts import Verdict, Verification
from rotator.domain.errors import RotatorError
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle


@dataclass(frozen=True)
class Verifier:
    """A profile's verify, for one account."""

    name: str
    operation: Verify = field(repr=False)
    client: HttpClient
    variables: Mapping[str, Any] = field(repr=False)
    """``options`` and ``settings``, as templates see them."""

    def verify(self, value: SecretValue) -> Verification:
        """Ask with the value itself, and with nothing else of ours."""
        verify = self.operation
        try:
            variables = {**self.variables, "token": Secrets({"value": value}.__getitem__)}
            outgoing = build(verify.request, variables)
            if verify.request.auth is not None:
                outgoing = with_auth(outgoing, verify.request.auth, variables)
            answer = self.client.send(outgoing, changes=False)
        except RotatorError as error:
            return Verification(Verdict.INDETERMINATE, reason=str(error))
        rule = next((rule for rule in verify.responses if matches(rule, answer)), None)
        match outcome_of(verify.responses, answer, "verify"):
            case "valid":
                return self._valid(answer)
            case "invalid":
                return Verification(Verdict.INVALID)
            case "rate_limited":
                return self._indeterminate(answer, "too many requests")
        why = f": {rule.why}" if rule is not None and rule.why else ""
        return self._indeterminate(answer, f"which proves neither life nor death{why}")

    def _valid(self, answer: HttpAnswer) -> Verification:
        verify = self.operation
        handle = text(verify.extract.handle, answer.document)
        if verify.extract.handle is not None and handle is None:
            return self._indeterminate(answer, "but it does not name the token")
        for expression, template in verify.assert_.items():
            wanted = render(template, self.variables) if isinstance(template, str) else template
            found = search(expression, answer.document)
            if wanted is not OMIT and found != wanted and text(expression, answer.document) != str(wanted):
                return self._indeterminate(answer, f"but `{expression}` is not what the policy says")
        return Verification(Verdict.VALID, Handle(handle) if handle else None)

    def _indeterminate(self, answer: HttpAnswer, why: str) -> Verification:
        said = f"{self.name} answered {answer.status} to {label(self.operation.request)}"
        return Verification(Verdict.INDETERMINATE, reason=f"{said}, {why}.")
