"""How create, list and revoke prove who we are: a credential with each request, or a login that is kept.

A login is made once for the connection and shared by its threads. When an answer says that it has ended, a request
that can be repeated is sent again after a new login; a create never is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.issuers.http.calls import build, texts, with_auth
from providers.issuers.http.outcomes import Failures, matches, outcome_of, text
from providers.issuers.http.requests import CookieSession, LoginStep, SimpleAuth
from providers.issuers.http.templates import Secrets
from providers.kept_login import KeptLogin
from rotator.domain.clock import Clock
from rotator.domain.errors import NeedsOperator, Temporary
from rotator.domain.secret_value import SecretValue


class Management(Protocol):
    """Sends requests as the management account."""

    def send(self, request: HttpRequest, *, changes: bool, repeatable: bool) -> HttpAnswer:
        """Send, and give whatever was answered. Errors as those of ``HttpClient.send``."""
        ...


@dataclass(frozen=True)
class WithCredential:
    """Sends a credential with each request. It is looked up anew each time: it may be rotated under us."""

    client: HttpClient
    auth: SimpleAuth
    variables: Mapping[str, Any] = field(repr=False)

    def send(self, request: HttpRequest, *, changes: bool, repeatable: bool) -> HttpAnswer:  # noqa: ARG002  never repeats
        return self.client.send(with_auth(request, self.auth, self.variables), changes=changes)


@dataclass(frozen=True)
class Login:
    """What a login gave: cookies and captured values, each as good as a password."""

    cookies: Mapping[str, SecretValue] = field(default_factory=dict)
    captured: Mapping[str, SecretValue] = field(default_factory=dict)
    used_until: datetime | None = None

    def is_old(self, now: datetime) -> bool:
        return self.used_until is not None and now >= self.used_until

    def apply(self, request: HttpRequest) -> HttpRequest:
        if not self.cookies:
            return request
        pairs = "; ".join(f"{name}={value.reveal()}" for name, value in self.cookies.items())
        return replace(request, headers={**request.headers, "Cookie": pairs})

    def variables(self, others: Mapping[str, Any]) -> dict[str, Any]:
        return {**others, "session": Secrets(self.captured.__getitem__)}


@dataclass(frozen=True)
class WithLogin:
    """Logs in, keeps the session, and logs in again when it has ended."""

    client: HttpClient
    auth: CookieSession
    variables: Mapping[str, Any] = field(repr=False)
    kept: KeptLogin[Login]
    failures: Failures
    clock: Clock

    def send(self, request: HttpRequest, *, changes: bool, repeatable: bool) -> HttpAnswer:
        login, is_new = self._current()
        answer = self._send_with(login, request, changes=changes)
        if is_new or not any(matches(match, answer) for match in self.auth.relogin_when):
            return answer
        self.kept.forget(login)
        if not repeatable:
            raise Temporary(f"{request.label} was refused: the login had ended.", remedy="It is made anew next time.")
        login, _ = self._current()
        return self._send_with(login, request, changes=changes)

    def _current(self) -> tuple[Login, bool]:
        return self.kept.current(self._log_in, lambda login: login.is_old(self.clock.now()))

    def _send_with(self, login: Login, request: HttpRequest, *, changes: bool) -> HttpAnswer:
        headers = texts(self.auth.headers, login.variables(self.variables), request)
        request = replace(request, headers={**request.headers, **headers})
        return self.client.send(login.apply(request), changes=changes)

    def _log_in(self) -> Login:
        lifetime = self.auth.lifetime
        login = Login(used_until=lifetime.after(self.clock.now()) if lifetime else None)
        for step in self.auth.steps:
            login = self._take(step, login)
        return login

    def _take(self, step: LoginStep, login: Login) -> Login:
        """Take one step of a login. Its request and answer hold passwords: neither is ever quoted."""
        request = build(step.request, login.variables(self.variables))
        answer = self.client.send(login.apply(request), changes=False)
        outcome = outcome_of(step.responses, answer, "login")
        if outcome != "ok":
            raise self.failures.of("login", outcome, request.label, answer, self.clock.now())
        cookies = {name: SecretValue(value) for name, value in answer.cookies if value}
        captured = {}
        for name, expression in step.capture.items():
            found = text(expression, answer.document)
            if found is None:
                raise NeedsOperator(
                    f"{self.failures.profile.name} answered {answer.status} to {request.label} without `{name}`.",
                    remedy="Check the connection's `url` and the profile's `capture`.",
                )
            captured[name] = SecretValue(found)
        return replace(login, cookies={**login.cookies, **cookies}, captured={**login.captured, **captured})
