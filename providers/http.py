"""The HTTP client that providers share: one origin, nothing followed, nothing retried, nothing told.

It answers one question that decides everything else: *was the request sent?* A request that changes something and may
have arrived is Ambiguous when its answer is lost; one that never left is Temporary. Redirects are not followed, the
environment's proxies and netrc are not read, cookies are not kept, and credentials go to the connection's own origin
only. No URL, header or body enters an error. What a status means is left to the provider.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache
from http import HTTPStatus
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import SplitResult, urljoin, urlsplit

from providers.http_config import DEFAULT_PORTS, HttpConfig, problem_with
from rotator.domain.contracts import Access
from rotator.domain.errors import Ambiguous, Permanent, RotatorError, Temporary

if TYPE_CHECKING:
    import httpx

__all__ = ["HttpAnswer", "HttpClient", "HttpConfig", "HttpRequest", "problem_with"]

_LARGEST_ANSWER: Final = 8 * 1024 * 1024
_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 30.0
_DOWN: Final = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_UNSENDABLE: Final = re.compile(r"[^\x20-\x7e]|^ | $")


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
        self._client = _open_client(ca_file)
        self._access = access

    def __repr__(self) -> str:
        return f"HttpClient({urlsplit(self._base).netloc})"

    def send(self, request: HttpRequest, *, changes: bool) -> HttpAnswer:
        """Send once, and give whatever answer came, errors too.

        Raises Temporary when nothing was sent, or when a request that changes nothing was not answered; Ambiguous
        when one that ``changes`` something may have arrived; Permanent when it cannot be sent as it is.
        """
        outgoing = self._outgoing(request)
        if self._access is None:
            return self._exchange(request, outgoing, changes=changes)
        with self._access.budget.request():
            answer = self._exchange(request, outgoing, changes=changes)
            if answer.status in _DOWN:
                self._access.budget.unavailable()
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._access.budget.throttled(answer.retry_after(self._access.clock.now()))
        return answer

    def _exchange(self, request: HttpRequest, outgoing: httpx.Request, *, changes: bool) -> HttpAnswer:
        import httpx

        try:
            response = self._client.send(outgoing, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._not_sent(request, error) from error
        except httpx.LocalProtocolError:
            # The cause would quote the header that cannot be sent.
            raise Permanent(f"{request.label} was not sent: it has a header that HTTP does not allow.") from None
        except httpx.TransportError as error:
            raise _unanswered(request, type(error).__name__, changes=changes) from error
        try:
            return _answer(response, _read(response))
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _unanswered(request, type(error).__name__, changes=changes) from error
        except _TooLarge as error:
            raise _unanswered(request, "the answer is too large", changes=changes) from error
        finally:
            response.close()

    def _outgoing(self, request: HttpRequest) -> httpx.Request:
        import httpx

        for name, value in request.headers.items():
            if _UNSENDABLE.search(value):
                raise Permanent(f"{request.label} was not sent: the header {name} has characters no header can carry.")
        try:
            return self._client.build_request(
                request.method,
                self._url(request),
                params=httpx.URL(self._url(request)).params.merge(request.query) if request.query else None,
                headers=request.headers,
                content=request.body,
            )
        except (httpx.InvalidURL, UnicodeError):
            # The cause would quote the URL.
            raise Permanent(f"{request.label} was not sent: its URL is not valid.") from None

    def _url(self, request: HttpRequest) -> str:
        if request.address is None:
            return self._base + request.path
        url = urljoin(self._base + request.path, request.address)
        if _origin(urlsplit(url)) != _origin(urlsplit(self._base)):
            raise Permanent(
                f"{request.label} was not sent: it leads to another host than the connection's url.",
                remedy="Credentials go to the connection's own host only; check its `url`.",
            )
        return url

    def _not_sent(self, request: HttpRequest, error: Exception) -> RotatorError:
        host = urlsplit(self._base).netloc
        if _is_untrusted_certificate(error):
            return Permanent(
                f"{request.label} was not sent: the certificate of {host} is not trusted.",
                remedy="Set the connection's `ca_file`, or correct its `url`.",
            )
        return Temporary(
            f"{request.label} was not sent: no connection to {host} ({type(error).__name__}).",
            remedy="Check that it runs and can be reached from here.",
        )


class _TooLarge(Exception):
    pass


def _unanswered(request: HttpRequest, why: str, *, changes: bool) -> Temporary:
    if changes:
        return Ambiguous(f"{request.label} was sent, and its answer was lost ({why}).")
    return Temporary(f"{request.label} was not answered ({why}).")


def _open_client(ca_file: Path | None) -> httpx.Client:
    import ssl

    import httpx

    # httpx logs every URL at INFO, and httpcore every answer's headers at DEBUG: either may hold a secret.
    for library in ("httpx", "httpcore"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        trust = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Permanent(f"The CA file {ca_file} cannot be used: {error}.", remedy="Correct `ca_file`.") from error
    return httpx.Client(
        verify=trust,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
        cookies=_no_cookies(),
        headers={"User-Agent": _user_agent(), "Accept": "application/json", "Accept-Encoding": "identity"},
    )


def _no_cookies() -> Any:
    """A jar that keeps nothing: a session's cookies belong to its login, not to every request on this client."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))


@lru_cache
def _user_agent() -> str:
    return f"secrets-rotator/{metadata.version('secrets-rotator')}"


def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > _LARGEST_ANSWER:
            raise _TooLarge
    return bytes(body)


def _answer(response: httpx.Response, body: bytes) -> HttpAnswer:
    import httpx

    cookies = httpx.Cookies()
    if "set-cookie" in response.headers:  # looking for them takes half as long as a request
        cookies.extract_cookies(response)
    return HttpAnswer(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=body,
        cookies=tuple((cookie.name, cookie.value or "") for cookie in cookies.jar),
        next_link=response.links.get("next", {}).get("url"),
    )


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or DEFAULT_PORTS.get(url.scheme)


def _is_untrusted_certificate(error: BaseException | None) -> bool:
    import ssl

    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
