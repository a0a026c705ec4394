"""The calls to GitHub's REST API: with the token of this moment, a fixed version of the API, and our own errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.stores.github_actions.failures import Doing, is_githubs, limited_for, not_github, refusal
from providers.stores.github_actions.plugin import GitHubConfig
from rotator.domain.contracts import Access
from rotator.domain.errors import Ambiguous, Permanent

API_VERSION: Final = "2022-11-28"
_MOST_PAGES: Final = 1000


@dataclass(frozen=True)
class Found:
    """A JSON object that GitHub gave, and what it was asked for, in words."""

    fields: Mapping[str, Any]
    named: str

    def text(self, name: str) -> str:
        """Give one field. Permanent where there is none, or it is no text."""
        found = self.fields.get(name)
        if not isinstance(found, str) or not found:
            raise not_github(f"GitHub gave no `{name}` when asked to {self.named}.")
        return found


class GitHub:
    """One connection. Safe to share between threads."""

    def __init__(self, config: GitHubConfig, access: Access) -> None:
        self.server = f"GitHub at {urlsplit(config.url).netloc}"
        self._client = HttpClient(config.url, ca_file=config.ca_file, access=access)
        self._access = access

    def get(self, path: str, doing: Doing) -> Found | None:
        """Give what is there; None where GitHub says that nothing is."""
        answer = self._send("GET", path, doing)
        if answer.status == HTTPStatus.NOT_FOUND and is_githubs(answer):
            return None
        return self._object(answer, doing)

    def get_all(self, path: str, key: str, doing: Doing) -> list[Any]:
        """Give a list that comes in pages: all of it, or an error."""
        found: list[Any] = []
        address: str | None = None
        for _ in range(_MOST_PAGES):
            answer = self._send("GET", path, doing, query={"per_page": "100"}, address=address)
            page = self._object(answer, doing)
            items = page.fields.get(key)
            if not isinstance(items, list):
                raise not_github(f"GitHub gave no `{key}` when asked to {doing.what}.")
            found += items
            address = answer.next_link
            if address is None:
                return found
        raise Permanent(f"GitHub gave {_MOST_PAGES} pages and more when asked to {doing.what}.")

    def put(self, path: str, body: Mapping[str, Any], doing: Doing) -> None:
        """Put it there. Ambiguous unless GitHub said that it did, or that it did not."""
        answer = self._send("PUT", path, doing, body=json.dumps(body).encode())
        if answer.status in (HTTPStatus.CREATED, HTTPStatus.NO_CONTENT):
            return
        if answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise Ambiguous(
                f"{self.server} answered {answer.status} when asked to {doing.what}, which GitHub does not do.",
                remedy="The change may have been made. Check the connection's `url`.",
            )
        raise refusal(self.server, doing, answer, self._access.clock.now())

    def _object(self, answer: HttpAnswer, doing: Doing) -> Found:
        if answer.status != HTTPStatus.OK:
            raise refusal(self.server, doing, answer, self._access.clock.now())
        if not isinstance(answer.document, dict):
            raise not_github(f"{self.server} gave no JSON object when asked to {doing.what}.")
        return Found(answer.document, doing.what)

    def _send(
        self,
        method: str,
        path: str,
        doing: Doing,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        address: str | None = None,
    ) -> HttpAnswer:
        request = HttpRequest(
            label=f"The request to {doing.what}",
            method=method,
            path=path,
            query={} if address else query or {},
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self._access.credential('token').reveal()}",
                "X-GitHub-Api-Version": API_VERSION,
                **({"Content-Type": "application/json"} if body else {}),
            },
            body=body,
            address=address,
        )
        answer = self._client.send(request, changes=doing.changes)
        if (wait := limited_for(answer, self._access.clock.now())) is not None:
            self._access.budget.throttled(wait)  # the client knows only a 429 for a limit
        return answer
