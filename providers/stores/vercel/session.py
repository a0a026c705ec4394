"""The connection to Vercel's API: the team in every call, the token of this moment, and what a denial was for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.stores.vercel.failures import PERMISSIONS, Asked, Refused, dead_token, garbled, refusal
from providers.stores.vercel.plugin import VercelConfig
from rotator.domain.contracts import Access
from rotator.domain.errors import Permanent, RotatorError

Document = Mapping[str, Any]

_SUCCESSES: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED})
_SEE: Final = f"see {PERMISSIONS}."


class Sight(Enum):
    """What a token sees of something that was asked for only to find out about the token."""

    SEEN = auto()
    DENIED = auto()
    TOKEN_IS_DEAD = auto()
    NOT_TOLD = auto()


class Session:
    """One connection. Safe to share between threads."""

    def __init__(self, config: VercelConfig, access: Access) -> None:
        self._config = config
        self._access = access
        self._http = HttpClient(config.url, ca_file=config.ca_file, access=access)
        self.server = f"Vercel at {urlsplit(config.url).netloc}"

    @property
    def team(self) -> str | None:
        return self._config.team

    def send(
        self,
        asked: Asked,
        method: str,
        path: str,
        body: Document | None = None,
        query: Mapping[str, str] | None = None,
        *,
        scoped: bool = True,
    ) -> Document:
        """Send once, and give the answer. Raises Refused for what is no success, and what ``HttpClient`` raises."""
        answer = self._http.send(
            HttpRequest(
                label=f"The request to {asked.what}",
                method=method,
                path=path,
                query={**(self._config.scope if scoped else {}), **(query or {})},
                headers={
                    "Authorization": f"Bearer {self._access.credential('token').reveal()}",
                    **({"Content-Type": "application/json"} if body is not None else {}),
                },
                body=json.dumps(body).encode() if body is not None else None,
            ),
            changes=asked.changes,
        )
        return _document(answer, asked)

    def call(self, asked: Asked, address: str) -> Document:
        """Call an address that is a secret itself, of the connection's own host. It needs, and gets, no token."""
        request = HttpRequest(f"The request to {asked.what}", "POST", "/", address=address)
        return _document(self._http.send(request, changes=asked.changes), asked)

    @contextmanager
    def told(self, asked: Asked) -> Iterator[None]:
        """Turn refusals, and answers in another shape than Vercel's, into our own errors."""
        try:
            yield
        except Refused as refused:
            raise self.meaning(refused, asked) from refused
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise garbled(asked) from error

    def meaning(self, refused: Refused, asked: Asked) -> RotatorError:
        """Give the error that a refusal is. Where it may be token, team, project or role, ask which."""
        if refused.has_its_reason:
            return refusal(refused, asked, self._access.clock.now())
        said = f"{self.server} answered {refused.status} {asked.in_vain}"
        where = f"team `{self.team}`" if self.team else "the token's own account, and no `team` is given"
        sight = self._sight_of("/v2/user")
        if sight is Sight.TOKEN_IS_DEAD:
            return dead_token(asked, refused.status)
        if sight is Sight.DENIED:
            return Permanent(
                f"{said}: the token is good for something else, such as one other project.",
                remedy=f"Check `project` and `team` against the token's scope. It takes `{asked.needs}`; {_SEE}",
            )
        if self.team and self._sight_of(f"/v2/teams/{self.team}") is Sight.DENIED:
            return Permanent(
                f"{said}: the token is good, and team `{self.team}` is not open to it.",
                remedy="Correct the connection's `team`, or make a token whose scope is that team.",
            )
        if refused.status == HTTPStatus.NOT_FOUND:
            return Permanent(f"{said}: it is not in {where}.", remedy="Correct `project`, or the connection's `team`.")
        return Permanent(
            f"{said}: the token is good, and its owner's role does not allow it.",
            remedy=f"It takes `{asked.needs}`; {_SEE}",
        )

    def _sight_of(self, path: str) -> Sight:
        """Ask for something that most living tokens see. One that is for a single project does not."""
        asked = Asked(self.server, "say whose the connection's token is", "")
        try:
            self.send(asked, "GET", path, scoped=False)
        except Refused as refused:
            if refused.is_of_a_dead_token or refused.status == HTTPStatus.UNAUTHORIZED:
                return Sight.TOKEN_IS_DEAD
            is_no = refused.is_vercels and refused.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
            return Sight.DENIED if is_no else Sight.NOT_TOLD
        except RotatorError:
            return Sight.NOT_TOLD
        return Sight.SEEN


def _document(answer: HttpAnswer, asked: Asked) -> Document:
    if answer.status not in _SUCCESSES:
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise garbled(asked)
        raise Refused(answer)
    if not isinstance(answer.document, dict):
        raise garbled(asked)
    document: Document = answer.document
    return document
