"""The login: email, password and one-time code for a session's cookie, as a browser does it.

A login is made when it is first needed, shared by all threads of the connection, renewed when an answer says that it
has ended, and ended with the process: nothing of it is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.issuers.documenso.answers import at, code_of, login_refusal
from providers.issuers.documenso.one_time_codes import OneTimeCodes
from providers.issuers.documenso.plugin import DocumensoConfig
from providers.kept_login import KeptLogin
from rotator.domain.contracts import Access
from rotator.domain.errors import NeedsOperator, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue

_COOKIE: Final = re.compile(r"(?:^|,\s*)((?:__Secure-)?(?:csrfToken|sessionId))=([^;,\s]+)")
"""The session's and the CSRF token's; with a prefix where the site is https (source)."""


@dataclass(frozen=True)
class Login:
    """What a browser would keep: each cookie is as good as the password."""

    cookies: Mapping[str, SecretValue] = field(default_factory=dict)

    @property
    def is_in(self) -> bool:
        return any(name.endswith("sessionId") for name in self.cookies)

    def after(self, answer: HttpAnswer) -> Login:
        """Give the login with the cookies of an answer.

        We read them ourselves: Documenso sets ``Domain`` to its own host's name, and a cookie jar drops the cookie
        where that is ``localhost``, or the instance is reached by another address. They go to the same origin only.
        """
        found = _COOKIE.findall(answer.headers.get("set-cookie", ""))
        return Login({**self.cookies, **{name: SecretValue(value) for name, value in found}})

    def sign(self, request: HttpRequest) -> HttpRequest:
        pairs = "; ".join(f"{name}={value.reveal()}" for name, value in self.cookies.items())
        return replace(request, headers={**request.headers, "Cookie": pairs})


class Session:
    """The one login of a connection. Safe to share between threads."""

    def __init__(self, config: DocumensoConfig, access: Access) -> None:
        self.client = HttpClient(config.url, ca_file=config.ca_file, access=access)
        """Sends what needs no login."""
        self.server = f"Documenso at {urlsplit(config.url).netloc}"
        self._access = access
        self._codes = OneTimeCodes(access.clock) if "totp_secret" in config.credentials else None
        self._login = KeptLogin[Login]()

    def send(self, request: HttpRequest, *, changes: bool, repeatable: bool) -> HttpAnswer:
        """Send as the user, and give whatever was answered.

        When an answer says that the session has ended, what is ``repeatable`` is sent again after a new login; what
        is not raises Temporary, and nothing was done. Otherwise as ``HttpClient.send``.
        """
        login, is_new = self._login.current(self._log_in)
        answer = self.client.send(login.sign(request), changes=changes)
        # A session that was opened just now has not ended, whatever an answer says.
        if answer.status != HTTPStatus.UNAUTHORIZED or is_new:
            return answer
        self._login.forget(login)
        if not repeatable:
            raise Temporary(f"{request.label} was refused: the login had ended.", remedy="It is made anew next time.")
        login, _ = self._login.current(self._log_in)
        return self.client.send(login.sign(request), changes=changes)

    def close(self) -> None:
        """Sign out, if there is a login: it would live on for 30 days. What comes of it matters to nobody any more."""
        login = self._login.take()
        if login is not None:
            with suppress(RotatorError):
                self.client.send(login.sign(HttpRequest("The logout", "POST", "/api/auth/signout")), changes=False)

    def _log_in(self) -> Login:
        answer = self.client.send(HttpRequest("The request for a CSRF token", "GET", "/api/auth/csrf"), changes=False)
        token = at(answer.document, "csrfToken")
        if answer.status != HTTPStatus.OK or not isinstance(token, str) or not token:
            raise login_refusal(answer, self.server, self._access.clock.now())
        visitor, csrf = Login().after(answer), SecretValue(token)
        answer = self._authorize(visitor, csrf)
        if self._codes is not None and code_of(answer) == "INVALID_TWO_FACTOR_CODE":
            # Another process of ours may have used this code, or it came too late: the next one decides.
            answer = self._authorize(visitor, csrf)
        login = visitor.after(answer)
        if answer.status != HTTPStatus.CREATED:
            raise login_refusal(answer, self.server, self._access.clock.now())
        if not login.is_in:
            raise NeedsOperator(
                f"{self.server} answered {answer.status} to the login without a session's cookie.",
                remedy="Check the connection's `url`, and that nothing in front of Documenso takes cookies away.",
            )
        return login

    def _authorize(self, visitor: Login, csrf: SecretValue) -> HttpAnswer:
        credential = self._access.credential
        form = {
            "email": credential("email").reveal(),
            "password": credential("password").reveal(),
            "csrfToken": csrf.reveal(),
        }
        if self._codes is not None:
            form["totpCode"] = self._codes.next(credential("totp_secret")).reveal()
        request = HttpRequest(
            "The login",
            "POST",
            "/api/auth/email-password/authorize",
            headers={"Content-Type": "application/json"},
            body=json.dumps(form).encode(),
        )
        return self.client.send(visitor.sign(request), changes=False)
