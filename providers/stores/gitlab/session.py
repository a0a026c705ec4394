"""The connection to GitLab's REST API: each request with the token of this moment."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.stores.gitlab.failures import Asked, garbled, refusal
from providers.stores.gitlab.plugin import API, GitLabConfig
from rotator.domain.contracts import Access
from rotator.domain.errors import RotatorError
from rotator.domain.secret_value import SecretValue


@dataclass(frozen=True)
class Answered:
    """What came back."""

    http: HttpAnswer
    asked: Asked
    token: SecretValue
    at: datetime = field(repr=False)

    @property
    def is_success(self) -> bool:
        return HTTPStatus.OK <= self.http.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def document(self) -> Mapping[str, Any]:
        """Give the JSON object of a success. Raises what any other answer means."""
        if not self.is_success:
            raise self.refusal
        if not isinstance(self.http.document, dict):
            raise garbled(self.asked)
        return self.http.document

    @property
    def refusal(self) -> RotatorError:
        return refusal(self.http, self.asked, self.at)

    def digest(self, text: str) -> str:
        """Give what tells one text from another, and nothing of it to those who do not have the token."""
        return hmac.new(self.token.reveal().encode(), text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


class Session:
    """One connection. Safe to share between threads."""

    def __init__(self, config: GitLabConfig, access: Access) -> None:
        self.server = f"GitLab at {urlsplit(config.url).netloc}"
        self._http = HttpClient(config.url + API, ca_file=config.ca_file, access=access)
        self._access = access

    def send(
        self,
        asked: Asked,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answered:
        """Send once, and give whatever came back. Raises what ``HttpClient`` raises.

        ``Bearer`` takes every kind of token: personal, project, group and OAuth (docs, "REST API authentication").
        """
        token = self._access.credential("token")
        request = HttpRequest(
            label=f"The request to {asked.what}",
            method=method,
            path=path,
            query=query or {},
            headers={
                "Authorization": f"Bearer {token.reveal()}",
                **({"Content-Type": "application/json"} if body is not None else {}),
            },
            body=json.dumps(body).encode() if body is not None else None,
        )
        answer = self._http.send(request, changes=asked.changes)
        return Answered(answer, asked, token, self._access.clock.now())
