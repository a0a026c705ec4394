"""The settings of a connection over HTTP, and which addresses may get its credentials: all that a check needs of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import ConfigDict, ValidationInfo, field_validator

from rotator.domain.contracts import Config
from rotator.domain.loopback import is_loopback

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class HttpConfig(Config):
    """A connection over HTTP. Plug-ins give ``url`` a default where the service has one address."""

    model_config = ConfigDict(defer_build=True)

    allow_plain_http: bool = False
    """Send credentials unencrypted to another machine. To loopback it is always allowed."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's: a CA of your own."""
    url: str

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str, info: ValidationInfo) -> str:
        problem = problem_with(url, allow_plain_http=bool(info.data.get("allow_plain_http")))
        if problem:
            raise ValueError(problem)
        return url.rstrip("/")


def problem_with(url: str, *, allow_plain_http: bool) -> str | None:
    """Say why this cannot be the address of a service that gets our credentials, or None."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return "this is not a URL; write for example https://api.example.com"
    if parts.scheme not in DEFAULT_PORTS or not host:
        return "this is not a URL; write for example https://api.example.com"
    if parts.username or parts.password:
        return "a URL holds no credentials; give them by reference in `credentials`"
    if parts.query or parts.fragment:
        return "a connection's URL has no query and no fragment"
    if parts.scheme == "http" and not allow_plain_http and not is_loopback(host):
        return "plain http would send credentials unencrypted; use https, or set `allow_plain_http: true`"
    return None
