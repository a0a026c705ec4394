"""A trial by one request: the token goes into one header, to one address that the settings allow, and nowhere else.

No redirect is followed, no proxy of the environment is used, no cookie is kept, and the answer's body is not read.
"""

from __future__ import annotations

import ssl
from contextlib import closing
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from rotator.domain.contracts import Verdict, Verification
from rotator.domain.secret_value import SecretValue
from rotator.domain.trial import MARK, HttpTrial

_SENDABLE: Final = r"[\x20-\x7e]+"
_REFUSALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def send(trial: HttpTrial, value: SecretValue) -> Verification:
    """Ask once. 401 and 403 refuse the token; what else is not expected proves nothing."""
    url = urlsplit(trial.url)
    if not value.fits(_SENDABLE):
        return _unsure("the value has characters that no header can carry")
    path = urlunsplit(("", "", url.path or "/", url.query, ""))
    headers = {"User-Agent": "secrets-rotator", "Accept": "*/*"}
    try:
        with closing(_connection(url, trial.timeout)) as connection:
            connection.request(
                trial.method, path, headers={**headers, trial.header: trial.template.replace(MARK, value.reveal())}
            )
            status = connection.getresponse().status
    except (OSError, HTTPException, UnicodeError) as error:  # its text may quote what came, or what was sent
        return _unsure(f"{url.netloc} did not answer ({type(error).__name__})")
    if status in trial.expect:
        return Verification(Verdict.VALID)
    said = f"{url.netloc} answered {status}"
    return Verification(Verdict.INVALID, reason=f"{said}.") if status in _REFUSALS else _unsure(said)


def _connection(url: SplitResult, timeout: timedelta) -> HTTPConnection:
    assert url.hostname is not None  # the policy was checked
    if url.scheme == "https":
        trust = ssl.create_default_context()
        return HTTPSConnection(url.hostname, url.port, timeout=timeout.total_seconds(), context=trust)
    return HTTPConnection(url.hostname, url.port, timeout=timeout.total_seconds())


def _unsure(why: str) -> Verification:
    return Verification(Verdict.INDETERMINATE, reason=f"{why}.")
