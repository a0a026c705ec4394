"""The connection to Heroku's Platform API: the calls that the store makes, and no more of their answers than it needs.

Heroku answers with all config vars of an app at once. Ours is taken out here, and the others go no further.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.stores.heroku.failures import Asked, garbled, is_missing, refusal
from providers.stores.heroku.plugin import HerokuConfig, HerokuPlace
from providers.stores.heroku.releases import History, Release, Unreadable, history_of, release_of
from providers.stores.heroku.together import Vars
from rotator.domain.contracts import Access, Stored
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Version

_RELEASES_LOOKED_AT: Final = 50
_ONE_OFF: Final = frozenset({"run", "scheduler", "release"})
"""Types of dynos that end by themselves: nobody replaces them when there is a new release."""


class Api:
    """Sends as the connection's account. Fit to be shared by threads."""

    def __init__(self, config: HerokuConfig, access: Access) -> None:
        self._config = config
        self._access = access
        self.server = urlsplit(config.url).netloc

    def scopes(self, app: str) -> frozenset[str] | None:
        """Look whether an app is there, and what our token may do; empty where that is not told. None: no such app."""
        answer = self._get(f"/apps/{app}", self._asked(f"show the app `{app}`"))
        return frozenset(answer.headers.get("oauth-scope", "").replace(",", " ").split()) if answer else None

    def history(self, app: str) -> History | None:
        """Give the releases that matter; None where there is no such app."""
        asked = self._asked(f"list the releases of `{app}`")
        newest_first = f"version ..; order=desc,max={_RELEASES_LOOKED_AT}"
        answer = self._get(f"/apps/{app}/releases", asked, {"Range": newest_first})
        if answer is None:
            return None
        try:
            history = history_of(answer.document)
        except Unreadable as error:
            raise garbled(asked) from error
        if history is None:
            raise NeedsOperator(
                f"None of the newest {_RELEASES_LOOKED_AT} releases of `{app}` is in force.",
                remedy="Bring a release to succeed (`heroku releases`) first.",
            )
        return history

    def release(self, app: str, number: int) -> Release | None:
        asked = self._asked(f"show release v{number} of `{app}`")
        answer = self._get(f"/apps/{app}/releases/{number}", asked)
        try:
            return release_of(answer.document) if answer else None
        except Unreadable as error:
            raise garbled(asked) from error

    def stored(self, place: HerokuPlace, number: int) -> Stored | None:
        """Give our config var as a release has it; None where there is no such release."""
        asked = self._asked(f"show the config vars of `{place.app}` at v{number}")
        answer = self._get(f"/apps/{place.app}/releases/{number}/config-vars", asked)
        if answer is None:
            return None
        if not isinstance(answer.document, dict):
            raise garbled(asked)
        text = answer.document.get(place.var)
        if not isinstance(text, str | None):
            raise garbled(asked)
        return Stored(SecretValue(text) if text else None, Version(f"v{number}"))

    def set(self, app: str, values: Vars) -> None:
        """Change config vars, or remove them. What Heroku answers proves nothing: it may show the vars from before."""
        asked = self._asked(f"set {', '.join(f'`{name}`' for name in sorted(values))} of `{app}`", changes=True)
        body = json.dumps({name: value.reveal() if value else None for name, value in values.items()}).encode()
        answer = self._send("PATCH", f"/apps/{app}/config-vars", asked, body=body)
        if not _is_success(answer):
            raise refusal(answer, asked, self._access.clock.now())

    def owner_of(self, place: HerokuPlace) -> str | None:
        """Name the add-on of this app that sets the var by itself; None: nobody."""
        asked = self._asked(f"list the add-ons of `{place.app}`")
        for addon in self._list(f"/apps/{place.app}/addons", asked):
            if place.var in (addon.get("config_vars") or ()):
                return str(addon.get("name"))
        return None

    def preboots(self, app: str) -> bool:
        """Tell whether an app's new web dynos are started before its old ones end."""
        asked = self._asked(f"list the features of `{app}`")
        return any(
            feature.get("name") == "preboot" and feature.get("enabled") is True
            for feature in self._list(f"/apps/{app}/features", asked)
        )

    def dynos_before(self, app: str, number: int) -> list[str]:
        """Name the dynos that run an earlier release, but for those that end by themselves."""
        asked = self._asked(f"list the dynos of `{app}`")
        try:
            return sorted(
                str(dyno["name"])
                for dyno in self._list(f"/apps/{app}/dynos", asked)
                if dyno["type"] not in _ONE_OFF and dyno["release"]["version"] < number
            )
        except (KeyError, TypeError) as error:
            raise garbled(asked) from error

    # --- sending ---

    def _asked(self, what: str, *, changes: bool = False) -> Asked:
        return Asked(self.server, what, changes)

    def _list(self, path: str, asked: Asked) -> list[dict[str, Any]]:
        """Give a list's objects; none where the app is not there. Permanent beyond the thousand that come at once."""
        answer = self._get(path, asked, {"Range": "id ..; max=1000"})
        if answer and answer.status == HTTPStatus.PARTIAL_CONTENT:
            raise Permanent(
                f"{self.server} gave only a part of the list when asked to {asked.what}.",
                remedy="There are more than the thousand that Heroku gives at once, and we do not judge by a part.",
            )
        document = answer.document if answer else []
        if not isinstance(document, list) or not all(isinstance(one, dict) for one in document):
            raise garbled(asked)
        return document

    def _get(self, path: str, asked: Asked, headers: dict[str, str] | None = None) -> HttpAnswer | None:
        """Give a success; None where Heroku says that there is no such thing."""
        answer = self._send("GET", path, asked, headers)
        if is_missing(answer):
            return None
        if not _is_success(answer):
            raise refusal(answer, asked, self._access.clock.now())
        return answer

    def _open(self) -> HttpClient:
        return HttpClient(self._config.url, ca_file=self._config.ca_file, access=self._access)

    def _send(
        self, method: str, path: str, asked: Asked, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> HttpAnswer:
        http = self._access.shared("heroku-http", self._open)
        token = self._access.credential("token")
        return http.send(
            HttpRequest(
                label=f"The request to {asked.what}",
                method=method,
                path=path,
                headers={
                    "Accept": "application/vnd.heroku+json; version=3",
                    "Authorization": f"Bearer {token.reveal()}",
                    **({"Content-Type": "application/json"} if body else {}),
                    **(headers or {}),
                },
                body=body,
            ),
            changes=asked.changes,
        )


def _is_success(answer: HttpAnswer) -> bool:
    return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
