"""The HTTP client of a profile: it knows where the service says how long it wants to be left alone."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.issuers.http.profile import RetryAfter
from rotator.domain.contracts import Access


class ProfileClient(HttpClient):
    """Tells the connection's budget what a 429 says in the profile's own header, whoever asked."""

    def __init__(self, url: str, *, ca_file: Path | None, access: Access, retry_after: RetryAfter) -> None:
        super().__init__(url, ca_file=ca_file, access=access)
        self._told_by = access
        self._retry_after = retry_after

    def send(self, request: HttpRequest, *, changes: bool) -> HttpAnswer:
        answer = super().send(request, changes=changes)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            now, spec = self._told_by.clock.now(), self._retry_after
            if (wait := answer.retry_after(now, header=spec.header, form=spec.format)) is not None:
                self._told_by.budget.throttled(wait)
        return answer
