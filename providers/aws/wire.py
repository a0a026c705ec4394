"""How AWS's requests travel: over the same connections as those of our HTTP client, where no proxy is set.

botocore finds the credentials, signs, decides on repeating and reads the answers; the sending of what it signed is a
third of what a call costs, and its event ``before-send`` is there to have that done elsewhere (botocore's docs,
"Botocore Events"). What is sent, and whose certificates are believed, stays as botocore and AWS's settings have it.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError, SSLError
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from providers.http.address import origin_of
from providers.http.wire import NotAnswered, NotConnected, NotTrusted, Wire
from rotator.domain.errors import Permanent

CONNECT_SECONDS: Final = 3
ANSWER_SECONDS: Final = 10


def take_over(session: botocore.session.Session) -> None:
    """Send what the clients of this session will have signed."""
    ca_file = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")  # as botocore looks
    session.register("before-send", _Sender(get_cert_path(ca_file or True)).send)


@dataclass(frozen=True)
class _Sent:
    """A body that is here already, in the form in which botocore asks for one."""

    body: bytes = field(repr=False)

    def stream(self) -> tuple[bytes]:
        return (self.body,)


class _Sender:
    """Keeps a wire for each origin that a client asks: usually one. Safe to use from several threads."""

    def __init__(self, ca_file: str) -> None:
        self._ca_file = ca_file
        self._wires: dict[str, Wire | None] = {}

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        """Give the answer; None for a request that botocore has to send itself, through a proxy.

        Raises what botocore raises for the same reason, it decides by that whether to try again; and Permanent.
        """
        url = urlsplit(request.url)
        if url.netloc not in self._wires:
            self._wires.setdefault(url.netloc, self._open(request.url))
        wire = self._wires[url.netloc]
        if wire is None:
            return None
        target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        try:
            answer = wire.exchange(request.method, target, _sent_headers(request), _sent_body(request))
        except NotTrusted as error:
            raise SSLError(endpoint_url=request.url, error=error) from error
        except NotConnected as error:
            raise EndpointConnectionError(endpoint_url=request.url, error=error) from error
        except ValueError as error:
            raise Permanent(
                f"AWS was not asked: {error}.",
                remedy="See that the connection's credentials have no line break and no letter that is not ASCII.",
            ) from error
        except NotAnswered as error:
            lost = ReadTimeoutError if isinstance(error.__cause__, TimeoutError) else ConnectionClosedError
            raise lost(endpoint_url=request.url) from error
        return AWSResponse(request.url, answer.status, answer.headers, _Sent(answer.body))

    def _open(self, url: str) -> Wire | None:
        origin = origin_of(urlsplit(url))
        if origin.scheme in get_environ_proxies(url):
            return None
        trust = self._trust() if origin.scheme == "https" else None
        return Wire(origin, trust, connect_seconds=CONNECT_SECONDS, answer_seconds=ANSWER_SECONDS)

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:
            raise Permanent(
                f"AWS was not asked: the file of authorities {self._ca_file} cannot be used: {error}.",
                remedy="Correct AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE, or `ca_bundle` in AWS's own settings.",
            ) from error


def _sent_headers(request: AWSPreparedRequest) -> dict[str, str]:
    """Give the headers as text: botocore has some of them as bytes."""
    headers = {"Accept-Encoding": "identity"}
    for name, value in request.headers.items():
        headers[name] = value.decode() if isinstance(value, bytes) else value
    return headers


def _sent_body(request: AWSPreparedRequest) -> bytes | None:
    return request.body.encode() if isinstance(request.body, str) else request.body
