"""Where the connections of policy files lead, held against the hosts that the settings list.

A credential is sent to its connection's own host alone. But whoever may change a policy file may define a connection
that leads to themselves, and name in it any credential that Rotator can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from rotator.config.allowed import HOST, is_listed, place_of
from rotator.config.documents import Document
from rotator.config.problems import named
from rotator.domain.errors import Problem

Location = tuple[str | int, ...]

_LOOKS_LIKE_AN_ADDRESS: Final = r"(?:[a-z0-9+.-]+:)*//[^/]"
_IS_PLAIN: Final = (
    r"(?:[a-z0-9+.-]+:)*?(?:(?P<scheme>[a-z0-9+.-]+):)?//"
    r"(?:[\w.~!$&'()*+,;=:%-]*@)?"  # what RFC 3986 lets a user's name hold: nothing that ends the host for some parser
    rf"(?P<host>{HOST})(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?:[/?#].*)?"
)
_FLAGS: Final = re.ASCII | re.IGNORECASE | re.DOTALL
_HOW_TO_WRITE_IT: Final = "write https://HOST or https://HOST:PORT, the host in ASCII"


def forbidden_addresses(
    settings: dict[str, Any], hosts: frozenset[str] | None, document: Document, connection: Location
) -> Iterator[Problem]:
    """Give a problem for each address in a connection's settings that leads to no host of ``hosts``; None: any will do.

    Every text counts that has a scheme and a host, whatever its key, and who gave it: the file, a profile, a plug-in's
    default. ``settings`` is plain data, without ``credentials``: those are references.
    """
    if hosts is None:
        return
    for path, text in _texts(settings):
        found = _why_forbidden(text, hosts)
        if found:
            what, remedy = found
            there = _written(document, connection, path)
            yield document.problem(f"`{named(path)}`: {what}", remedy, there, at_key=True)


def hosts_of(settings: dict[str, Any]) -> tuple[str, ...]:
    """Give the hosts to which the addresses in a connection's settings lead, each once. ``settings`` as above."""
    addresses = (re.fullmatch(_IS_PLAIN, text, _FLAGS) for _, text in _texts(settings))
    return tuple(sorted({_place(address) for address in addresses if address is not None}))


def _texts(part: Any, path: Location = ()) -> Iterator[tuple[Location, str]]:
    """Give every text, and where it stands."""
    if isinstance(part, str):
        yield path, part
    elif isinstance(part, dict | list):
        for step, inner in part.items() if isinstance(part, dict) else enumerate(part):
            yield from _texts(inner, (*path, step))


def _why_forbidden(text: str, hosts: frozenset[str]) -> tuple[str, str] | None:
    """Say what is wrong with a text, and what to do; None: nothing. It may hold a password, so it is not quoted."""
    # Without what `urlsplit` passes over: a provider may find an address where it does not look like one.
    if not re.match(_LOOKS_LIKE_AN_ADDRESS, re.sub(r"^[\x00-\x20]+|[\t\r\n]", "", text), _FLAGS):
        return None
    address = re.fullmatch(_IS_PLAIN, text, _FLAGS)
    if address is None:
        return "the settings limit where connections lead, and this does not say it plainly", _HOW_TO_WRITE_IT
    scheme, place = (address["scheme"] or "").lower(), _place(address)
    if is_listed(place, scheme, hosts):
        return None
    listed = f'[..., "{place}"]' if hosts else f'["{place}"]'
    what = f"the settings do not let connections lead to `{place}`"
    add = f"add it to `connection_hosts` in rotator.toml (connection_hosts = {listed})"
    return what, f"{add}, if it may get this connection's credentials"


def _place(address: re.Match[str]) -> str:
    scheme = (address["scheme"] or "").lower()
    return place_of(scheme, address["host"].lower(), int(address["port"]) if address["port"] else None)


def _written(document: Document, connection: Location, path: Location) -> Location:
    """Give the part of the file that says it; the connection, where only a default does."""
    while path and not document.holds((*connection, *path)):
        path = path[:-1]
    return (*connection, *path)
