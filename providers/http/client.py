"""The HTTP client that providers share: one origin, nothing followed, nothing retried, nothing told.

It answers one question that decides everything else: *was the request sent?* A request that changes something and may
have arrived is Ambiguous when its answer is lost; one that never left is Temporary. Redirects are not followed, the
environment's proxies and netrc are not read, cookies are not kept, and credentials go to the connection's own origin
only. No URL, header or body enters an error. What a status means is left to the provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urljoin, urlsplit

from providers.http.address import origin_of, target_of
from providers.http.config import HttpConfig, problem_with
from providers.http.headers import cookies_of, next_link
from providers.http.status import is_trouble, may_be_done
from providers.user_agent import user_agent
from rotator.domain.contracts import Access
from rotator.domain.errors import Ambiguous, Permanent, Temporary

if TYPE_CHECKING:
    import ssl

    from providers.http.wire import RawAnswer, Wire

__all__ = ["HttpAnswer", "HttpClient", "HttpConfig", "HttpRequest", "problem_with"]

_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 30.0
_DOWN: Final = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_UNSENDABLE: Final = re.compile(r"[^\x20-\x7e]|^ | $")
_TOKEN: Final = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
"""What a method and a header's name consist of (RFC 9110, 5.6.2)."""
_OF_CONNECTIONS: Final = ("connection", "content-length", "transfer-encoding")
"""Where a request ends and what comes after it: a wrong word here, and the next one is read as a part of it."""


@dataclass(frozen=True)
class HttpRequest:
    """A request about to be sent, credentials and all: made for one call, then dropped. ``label`` names it in errors.

    ``path`` begins with a slash and is joined to the connection's URL. ``address`` is what a server gave as the next
    one: absolute or relative to this request, and refused unless it is of the same origin.
    """

    label: str
    method: str
    path: str = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    address: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class HttpAnswer:
    """What came back. The body is foreign, and may hold secrets: it never enters an error or a log."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name."""
    body: bytes = field(repr=False)
    cookies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    next_link: str | None = field(default=None, repr=False)
    """What ``Link: rel="next"`` names."""

    @cached_property
    def document(self) -> Any:
        """The body's JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def is_redirect(self) -> bool:
        return 300 <= self.status < 400  # noqa: PLR2004  that is what 3xx means

    @property
    def is_trouble(self) -> bool:
        """The server failed, or something before it: 5xx, 408, 499."""
        return is_trouble(self.status)

    @property
    def may_be_done(self) -> bool:
        """What was asked may have been done, though this is no success: trouble, 302, 303."""
        return may_be_done(self.status)

    def retry_after(
        self, now: datetime, *, header: str = "Retry-After", form: Literal["standard", "epoch_s"] = "standard"
    ) -> timedelta | None:
        """How long the server asks to be left alone. ``standard`` is seconds or an HTTP date (RFC 9110)."""
        text = self.headers.get(header.lower(), "").strip()
        try:
            if form == "epoch_s":
                wait = datetime.fromtimestamp(float(text), UTC) - now
            elif text.replace(".", "", 1).isdigit():
                wait = timedelta(seconds=float(text))
            else:
                moment = parsedate_to_datetime(text)
                wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
        except (ValueError, OverflowError, OSError):
            return None
        return max(wait, timedelta())


class HttpClient:
    """Sends requests to one connection's origin. Safe to share between threads."""

    def __init__(self, url: str, *, ca_file: Path | None = None, access: Access | None = None) -> None:
        """``access``: whose budget every request is taken from. None: nobody's, for requests that no service counts."""
        self._base = url.rstrip("/")
        self._wire = _open_wire(self._base, ca_file)
        self._access = access

    def __repr__(self) -> str:
        return f"HttpClient({self._host})"

    def send(self, request: HttpRequest, *, changes: bool) -> HttpAnswer:
        """Send once, and give whatever answer came, errors too.

        Raises Temporary when nothing was sent, or when a request that changes nothing was not answered; Ambiguous
        when one that ``changes`` something may have arrived; Permanent when it cannot be sent as it is.
        """
        headers, target = _outgoing_headers(request), self._target(request)
        if self._access is None:
            return self._exchange(request, target, headers, changes=changes)
        with self._access.budget.request():
            answer = self._exchange(request, target, headers, changes=changes)
            if answer.status in _DOWN:
                self._access.budget.unavailable()
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._access.budget.throttled(answer.retry_after(self._access.clock.now()))
        return answer

    def _exchange(self, request: HttpRequest, target: str, headers: Mapping[str, str], *, changes: bool) -> HttpAnswer:
        from providers.http.wire import NotAnswered, NotConnected, NotTrusted

        assert self._wire is not None, "else there is no target either"
        try:
            answer = self._wire.exchange(request.method, target, headers, request.body)
        except NotTrusted as error:
            raise Permanent(
                f"{request.label} was not sent: the certificate of {self._host} is not trusted.",
                remedy="Set the connection's `ca_file`, or correct its `url`.",
            ) from error
        except NotConnected as error:
            raise Temporary(
                f"{request.label} was not sent: no connection to {self._host} ({error}).",
                remedy="Check that it runs and can be reached from here.",
            ) from error
        except NotAnswered as error:
            raise _unanswered(request, str(error), changes=changes) from error
        return _answer(answer, self._base)

    def _target(self, request: HttpRequest) -> str:
        with suppress(ValueError):  # which would quote the URL
            base = urlsplit(self._base)
            if self._wire is None:
                raise _no_url(request)
            if request.address is None:
                return target_of(base.path + request.path, request.query)
            url = urlsplit(urljoin(self._base + request.path, request.address))
            if origin_of(url) != origin_of(base):
                raise _elsewhere(request)
            return target_of(f"{url.path or '/'}?{url.query}", request.query)
        raise _no_url(request)

    @property
    def _host(self) -> str:
        return urlsplit(self._base).netloc


def _outgoing_headers(request: HttpRequest) -> dict[str, str]:
    """Give what is sent, each header once: of those that differ in their letters' case only, the last."""
    ours = {"User-Agent": user_agent(), "Accept": "application/json", "Accept-Encoding": "identity"}
    outgoing = {name.lower(): (name, value) for name, value in ours.items()}
    for name, value in request.headers.items():
        if not _TOKEN.fullmatch(name):
            raise Permanent(f"{request.label} was not sent: it has a header that HTTP does not allow.")
        if _UNSENDABLE.search(value):
            raise Permanent(f"{request.label} was not sent: the header {name} has characters no header can carry.")
        if name.lower() in _OF_CONNECTIONS:
            raise Permanent(f"{request.label} was not sent: the header {name} is not for a request to set.")
        outgoing[name.lower()] = name, value
    if not _TOKEN.fullmatch(request.method):
        raise Permanent(f"{request.label} was not sent: it has a method that HTTP does not allow.")
    return dict(outgoing.values())


def _no_url(request: HttpRequest) -> Permanent:
    return Permanent(f"{request.label} was not sent: its URL is not valid.")


def _elsewhere(request: HttpRequest) -> Permanent:
    return Permanent(
        f"{request.label} was not sent: it leads to another host than the connection's url.",
        remedy="Credentials go to the connection's own host only; check its `url`.",
    )


def _unanswered(request: HttpRequest, why: str, *, changes: bool) -> Temporary:
    if changes:
        return Ambiguous(f"{request.label} was sent, and its answer was lost ({why}).")
    return Temporary(f"{request.label} was not answered ({why}).")


def _open_wire(url: str, ca_file: Path | None) -> Wire | None:
    """Give connections to this URL's origin; None when it has no host that could be asked, which each request tells."""
    from providers.http.wire import Wire

    try:
        origin = origin_of(urlsplit(url))
        trust = _trust(ca_file) if origin.scheme == "https" else None
        return Wire(origin, trust, connect_seconds=_CONNECT_SECONDS, answer_seconds=_ANSWER_SECONDS)
    except ValueError:
        return None


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    import ssl

    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Permanent(f"The CA file {ca_file} cannot be used: {error}.", remedy="Correct `ca_file`.") from error


def _answer(answer: RawAnswer, url: str) -> HttpAnswer:
    headers: dict[str, str] = {}
    for name, value in answer.headers:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    set_cookies = [value for name, value in answer.headers if name == "set-cookie"]
    return HttpAnswer(
        status=answer.status,
        headers=headers,
        body=answer.body,
        cookies=cookies_of(set_cookies, url) if set_cookies else (),
        next_link=next_link(headers["link"]) if "link" in headers else None,
    )
