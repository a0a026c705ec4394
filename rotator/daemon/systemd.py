"""Telling systemd how the daemon is: ready, alive, reloading, stopping. Nothing where no systemd listens.

The protocol is a datagram with ``KEY=value`` lines to the socket that ``NOTIFY_SOCKET`` names (sd_notify(3)); a name
that begins with ``@`` is an abstract one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import timedelta

from rotator.observe.logs import logger


class Systemd:
    """The service manager's ear."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        watchdog = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog = timedelta(microseconds=int(watchdog)) if watchdog.isdecimal() and ours else None
        """How long it waits for a sign of life; None when it does not."""

    def tell(self, *states: str) -> None:
        """Say how we are: ``READY=1``, ``WATCHDOG=1``, ``STATUS=…``. A deaf manager stops nothing."""
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.sendto("\n".join(states).encode(), address)
        except OSError as error:
            logger().warning("systemd could not be told how we are", error=type(error).__name__)
