"""Where a request goes: the origin that may have our credentials, and the path as it is sent to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urljoin

from providers.http.config import DEFAULT_PORTS

_IN_PATH: Final = "/:@!$&'()*+,;=~%"
_IN_QUERY: Final = _IN_PATH + "?"
_LONE_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_A_HOST: Final = re.compile(r"[\x00-\x20\x7f]")


class Origin(NamedTuple):
    """A server, as far as credentials are concerned."""

    scheme: str
    host: str
    """As it is looked up: in ASCII."""
    port: int


def origin_of(url: SplitResult) -> Origin:
    """Give the origin of a URL. ValueError when it has none that could be asked over HTTP."""
    if url.scheme not in DEFAULT_PORTS or not url.hostname:
        raise ValueError("there is no host to ask")
    return Origin(url.scheme, _ascii(url.hostname), url.port or DEFAULT_PORTS[url.scheme])


def _ascii(host: str) -> str:
    """Write a host's name as it is looked up.

    Python's codec is that of IDNA 2003, which takes one letter for another (ß for ss) where registries today tell the
    names apart. What it does not give back as it was is refused: its name must be written in ASCII (xn--…).
    """
    if _NOT_IN_A_HOST.search(host):
        raise ValueError("no host has such a name")
    name = host.encode("idna")
    if not host.isascii() and name.decode("idna") != host:
        raise UnicodeError("this name may stand for two hosts")
    return name.decode("ascii")


def target_of(address: str, query: Mapping[str, str]) -> str:
    """Give path and query as they are sent: with ``query`` in it, and quoted where they are not yet.

    ``address`` begins with a slash. ValueError for what stands in no URL.
    """
    if _CONTROL.search(address):
        raise ValueError("there is a control character in it")
    path, _, asked = address.partition("#")[0].partition("?")
    if "/." in path:
        path = urljoin("/", path)
    if query:
        kept = [(name, value) for name, value in parse_qsl(asked, keep_blank_values=True) if name not in query]
        asked = urlencode([*kept, *query.items()])
    return f"{_quoted(path, _IN_PATH)}?{_quoted(asked, _IN_QUERY)}" if asked else _quoted(path, _IN_PATH)


def _quoted(part: str, allowed: str) -> str:
    return quote(_LONE_PERCENT.sub("%25", part), safe=allowed)
