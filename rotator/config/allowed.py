"""What the settings let policy files do, whoever may change those.

A policy file says where credentials and tokens are sent. So the hosts that may get them, and whether commands may run,
are said by whoever runs Rotator.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

HOST: Final = r"(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:]+\])"
"""A host as settings name it: in small letters, in ASCII."""

_PORTS: Final = {"http": 80, "https": 443, "postgresql": 5432, "postgres": 5432, "mysql": 3306, "mariadb": 3306}


@dataclass(frozen=True)
class Allowed:
    """What the settings say of it. A host is ``HOST``, or ``HOST:PORT`` where it is not the scheme's own port."""

    verify_hosts: frozenset[str] = frozenset()
    """Where the ``verify`` of policies may send a new token."""
    commands: bool = False
    """The ``verify`` of policies may run programs."""
    connection_hosts: frozenset[str] | None = None
    """Where connections may lead; None: anywhere."""


BY_DEFAULT: Final = Allowed()


def host_names(hosts: Any) -> frozenset[str]:
    """Read a setting that lists hosts. ValueError: something else stands there."""
    if not isinstance(hosts, list | tuple | frozenset) or not all(isinstance(host, str) for host in hosts):
        raise ValueError('must be a list of hosts; write ["api.example.com"]')
    names = frozenset(host.strip().lower() for host in hosts if host.strip())
    for name in names:
        if not re.fullmatch(rf"{HOST}(?::[0-9]{{1,5}})?", name):
            raise ValueError(f"`{name}` is not a host; write `api.example.com`, or with a port `api.example.com:8443`")
    return names


def place_of(scheme: str, host: str, port: int | None) -> str:
    """Name a host as the settings do: with its port, unless that is the scheme's own."""
    return host if port in (None, _PORTS.get(scheme)) else f"{host}:{port}"


def is_listed(place: str, scheme: str, hosts: AbstractSet[str]) -> bool:
    """Tell whether the settings name this place, be it with the scheme's own port or without."""
    return place in hosts or f"{place}:{_PORTS.get(scheme)}" in hosts
